"""Trino SQL, analysed by Trino's rules and compiled to DuckDB."""
