"""``mlops query``: SQL over the catalog, through Athena."""

import csv
import sys
import uuid
from pathlib import Path
from typing import TextIO

import click

from mlops_platform.resources import AthenaResource, AwsResource
from mlops_platform.resources.athena import AthenaQueryError, QueryResult

TABLE_ROWS = 50
EPILOG = (
    "The rows go to standard output or to --output, everything else to standard error, so that "
    "Parquet is written by Athena (UNLOAD) and downloaded, "
    "with Athena's own types; it needs --output and a SELECT."
)


@click.command(epilog=EPILOG)
@click.argument("sql")
@click.option("--database", default="support_desk", show_default=True, help="Database of unqualified names.")
@click.option(
    "--rows", type=click.IntRange(min=0), help="Most rows to print (default 50 for a table, else all)."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "parquet"]),
    help="How to write the rows (default: by the ending of --output, else table).",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file, not the terminal.",
)
def query(sql: str, database: str, rows: int | None, form: str | None, output: Path | None) -> None:
    """Run one SQL statement in Athena; print its rows or write them to a file.

    \b
    mlops query "SELECT * FROM clean_tickets LIMIT 5"
    mlops query "SELECT * FROM clean_tickets" -o tickets.parquet
    mlops query "SHOW PARTITIONS clean_tickets" --format csv
    """
    chosen = form or {".csv": "csv", ".parquet": "parquet"}.get(output.suffix if output else "", "table")
    if chosen == "parquet" and (output is None or rows is not None):
        raise click.UsageError("Parquet is written whole to a file: name it with --output, without --rows.")
    athena = AthenaResource(aws=AwsResource())
    try:
        if output is not None and chosen == "parquet":
            result = export(athena, sql, database, output)
        else:
            most = TABLE_ROWS if rows is None and chosen == "table" and output is None else rows
            result = athena.query(sql, database=database, max_rows=most)
            _write(result, chosen, output)
    except AthenaQueryError as error:
        raise click.ClickException(error.reason) from error
    _summarise(result, output)


def export(athena: AthenaResource, sql: str, database: str, output: Path) -> QueryResult:
    """Unloads a query as Parquet and downloads it: one file, or a folder of files where Athena wrote several.

    Raises:
        AthenaQueryError: the statement is no query, or failed.
        click.ClickException: there are no rows, hence no file.
    """
    bucket, prefix = athena.aws.contract.artifacts_bucket, f"athena/exports/{uuid.uuid4()}/"
    statement = (
        f"UNLOAD ({sql.strip().rstrip(';')}\n) TO 's3://{bucket}/{prefix}' "
        "WITH (format = 'PARQUET', compression = 'SNAPPY')"
    )
    result = athena.query(statement, database=database)
    s3 = athena.aws.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    if not keys:
        raise click.ClickException("The query has no rows, so Athena's UNLOAD wrote no file.")
    files = [output]
    if len(keys) > 1:
        output.mkdir(parents=True, exist_ok=True)
        files = [output / f"part-{number:05d}.parquet" for number in range(len(keys))]
    for key, file in zip(keys, files, strict=True):
        s3.download_file(bucket, key, str(file))
        s3.delete_object(Bucket=bucket, Key=key)
    return result


def _write(result: QueryResult, form: str, output: Path | None) -> None:
    if output is None:
        _print(result, form, sys.stdout)
        return
    with output.open("w", newline="", encoding="utf-8") as file:
        _print(result, form, file)


def _print(result: QueryResult, form: str, file: TextIO) -> None:
    if form == "csv":
        writer = csv.writer(file)
        writer.writerow([name for name, _ in result.columns])
        writer.writerows(result.rows)
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    table = Table(*[f"{escape(name)}\n[dim]{escape(type_)}[/dim]" for name, type_ in result.columns])
    for row in result.rows:
        table.add_row(*[Text("NULL", "dim") if value is None else Text(str(value)) for value in row])
    Console(file=file).print(table)


def _summarise(result: QueryResult, output: Path | None) -> None:
    rows = f"{len(result.rows)} rows" if result.columns else "Done"
    where = f", written to {output}" if output else ""
    click.echo(
        f"{rows}{where}; {result.bytes_scanned:,} bytes scanned, {result.seconds:.2f} s, {result.output_location}",
        err=True,
    )
