"""``mlops add csv``: a source of daily CSV drops, its columns inferred from files at hand."""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import click

from mlops_platform.commands.add.declare import checked_name, defs_folder, provision, write
from mlops_platform.components.csv_drops import day_prefix
from mlops_platform.resources.session import current_session

SAMPLE_ROWS = 20_000
SAMPLE_FILES = 10
DAY = re.compile(r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})(?!\d)")
# DuckDB's sniffed types to Athena's.
TYPES = {
    "BIGINT": "bigint",
    "DOUBLE": "double",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP_S": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
}


@click.command("csv")
@click.argument("name")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--day", help="Day of all the files, YYYY-MM-DD. Left out, it is read from each file's name or folder."
)
@click.option("--no-upload", is_flag=True, help="Declare the source, but leave the files where they are.")
@click.option("--force", is_flag=True, help="Write defs.yaml anew if it is there already.")
def add_csv(name: str, paths: tuple[Path, ...], day: str | None, *, no_upload: bool, force: bool) -> None:
    """Declare the CSV source NAME from the files or folders PATH..., and drop them in S3.

    The columns and their types are inferred from a sample, written to defs/sources/NAME/defs.yaml and shown;
    edit them there.
    """
    name = checked_name(name)
    files = list(_csv_files(paths))
    if not files:
        raise click.ClickException(f"No .csv files under {', '.join(map(str, paths))}.")
    days = {file: _day_of(file, day) for file in files}
    attributes = {
        "name": name,
        "start_date": min(days.values()),
        "columns": infer_columns(_sample(files)),
    }
    path = write(defs_folder("sources", name), "S3CsvSource", attributes, force=force)
    contract = provision(path)
    if contract is None or no_upload:
        return
    source = contract.csv_source(name)
    s3 = current_session().client("s3")
    with click.progressbar(
        sorted(days.items()), label=f"Dropping {len(files)} files in s3://{source.bucket}"
    ) as bar:
        for file, of in bar:
            s3.upload_file(str(file), source.bucket, day_prefix(source.prefix, of) + file.name)
    click.echo(
        f"{len(files)} files over {len(set(days.values()))} days. Next: declare a GlueTable with "
        f"`csv_source: {name}` (dg scaffold defs mlops_platform.components.GlueTable etl/{name}), "
        "or look at the source in the UI (`make dev`)."
    )


def infer_columns(files: Iterable[Path]) -> list[dict[str, Any]]:
    """Name and Athena type of each column, the widest type over all the files.

    Raises:
        click.ClickException: a file is not CSV, or the files' headers differ.
    """
    try:
        import duckdb
    except ModuleNotFoundError as error:
        raise click.ClickException(
            "Inferring columns needs the extra `local`: pip install -e '.[local]'."
        ) from error

    types: dict[str, str] = {}
    first: Path | None = None
    for file in files:
        try:
            row = duckdb.execute(
                "SELECT Columns FROM sniff_csv(?, sample_size=?, ignore_errors=true)",
                [str(file), SAMPLE_ROWS],
            ).fetchone()
        except duckdb.Error as error:
            raise click.ClickException(
                f"{file} cannot be read as CSV: {str(error).splitlines()[0]}"
            ) from error
        found = {c["name"]: TYPES.get(c["type"], "string") for c in (row[0] if row else [])}
        if first is not None and found.keys() != types.keys():
            differ = sorted(found.keys() ^ types.keys())
            raise click.ClickException(
                f"{file} and {first} differ in columns {differ}. Add them as two sources."
            )
        types = {n: _wider(types.get(n, t), t) for n, t in found.items()}
        first = first or file
    return [{"name": n, "type": t} for n, t in types.items()]


def _wider(one: str, other: str) -> str:
    if one == other:
        return one
    return "double" if {one, other} == {"bigint", "double"} else "string"


def _csv_files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(path.rglob("*.csv")) if path.is_dir() else [path]


def _sample(files: list[Path]) -> list[Path]:
    step = max(1, len(files) // SAMPLE_FILES)
    return files[::step]


def _day_of(file: Path, given: str | None) -> str:
    candidates = [given] if given else [file.name, file.parent.name]
    for text in candidates:
        match = DAY.search(text)
        if match:
            try:
                return date(*map(int, match.groups())).isoformat()
            except ValueError:
                continue
    raise click.ClickException(
        f"No day in the name of {file}. Name files like {file.stem}-2026-01-31.csv, put them in folders like "
        "day=2026-01-31, or give --day YYYY-MM-DD."
    )
