"""``mlops query``: SQL over the catalog, through Athena."""

import click

from mlops_platform.resources import AthenaResource, AwsResource
from mlops_platform.resources.athena import AthenaQueryError


@click.command()
@click.argument("sql")
@click.option("--database", default="support_desk", show_default=True, help="Database of unqualified names.")
@click.option("--rows", default=50, show_default=True, help="Most rows to print.")
def query(sql: str, database: str, rows: int) -> None:
    """Run one statement in Athena and print its rows."""
    from rich.console import Console
    from rich.table import Table

    try:
        result = AthenaResource(aws=AwsResource()).query(sql, database=database, max_rows=rows)
    except AthenaQueryError as error:
        raise click.ClickException(error.reason) from error
    table = Table(*[f"{name}\n[dim]{type_}[/dim]" for name, type_ in result.columns])
    for row in result.rows:
        table.add_row(*["[dim]NULL[/dim]" if value is None else str(value) for value in row])
    console = Console()
    console.print(table)
    console.print(
        f"{len(result.rows)} rows, {result.bytes_scanned:,} bytes scanned, {result.seconds:.2f} s, "
        f"{result.output_location}"
    )
