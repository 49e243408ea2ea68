"""Hive DDL and the statements around tables and databases."""
