"""``mlops add``: bring your own data. Writes a ``defs.yaml``, shows it, and provisions what it needs."""

import click

from mlops_platform.commands.add.csv_files import add_csv
from mlops_platform.commands.add.postgres import add_postgres


@click.group()
def add() -> None:
    """Declare your own sources: CSV files or PostgreSQL tables."""


add.add_command(add_csv)
add.add_command(add_postgres)
