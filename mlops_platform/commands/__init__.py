"""The subcommands of ``mlops``."""
