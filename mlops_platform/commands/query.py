"""``mlops query``: SQL over the catalog, through Athena."""

import csv
import sys

import click

from mlops_platform.resources import AthenaResource, AwsResource
from mlops_platform.resources.athena import AthenaQueryError, QueryResult


@click.command()
@click.argument("sql")
@click.option("--database", default="support_desk", show_default=True, help="Database of unqualified names.")
@click.option("--rows", type=int, help="Most rows to print (default 50 for a table, all for CSV).")
@click.option("--format", "form", type=click.Choice(["table", "csv"]), default="table", show_default=True)
def query(sql: str, database: str, rows: int | None, form: str) -> None:
    """Run one statement in Athena and print its rows."""
    most = rows if rows is not None or form == "csv" else 50
    try:
        result = AthenaResource(aws=AwsResource()).query(sql, database=database, max_rows=most)
    except AthenaQueryError as error:
        raise click.ClickException(error.reason) from error
    if form == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow([name for name, _ in result.columns])
        writer.writerows(result.rows)
    else:
        _print_table(result)


def _print_table(result: QueryResult) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*[f"{name}\n[dim]{type_}[/dim]" for name, type_ in result.columns])
    for row in result.rows:
        table.add_row(*["[dim]NULL[/dim]" if value is None else str(value) for value in row])
    console = Console()
    console.print(table)
    console.print(
        f"{len(result.rows)} rows, {result.bytes_scanned:,} bytes scanned, {result.seconds:.2f} s, "
        f"{result.output_location}"
    )
