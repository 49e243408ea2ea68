"""``mlops demo``: the whole platform once, from an empty machine to tables and views."""

import json
import os
import subprocess
import time
from typing import TYPE_CHECKING, Any

import click

from mlops_platform.deployment import DeploymentError, current
from mlops_platform.resources.session import current_session

if TYPE_CHECKING:
    from mlops_platform.commands.materialize import Made


EXAMPLE_QUERY = "SELECT * FROM daily_service_levels LIMIT 5"


@click.command()
@click.option("--rows", type=int, help="Tickets in the example data (default 10,000).")
def demo(rows: int | None) -> None:
    """Start the local cloud, seed it, materialise everything, and say what was made."""
    deployment = current()
    if deployment.starter is None:
        raise DeploymentError("The demo runs on a laptop. Set MLOPS_DEPLOYMENT=local.")
    started = time.monotonic()

    from mlops_platform.commands.materialize import instance_home, materialize_everything
    from mlops_platform.declared import declaration

    with _step("Starting the local cloud"):
        current_session().client("ssm")
    with _step("Provisioning what is declared"):
        current_session().provision(declaration(), seed=False)
    click.echo("Seeding the example data")
    arguments = ["--rows", str(rows)] if rows else []
    command = [*deployment.starter[:-1], "seed", *arguments]
    done = subprocess.run(
        command, env={**os.environ, **deployment.environment}, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode != 0:
        raise click.ClickException("Seeding failed; what went wrong is above.")
    click.echo(f"  {_seeded(json.loads(done.stdout))}")
    instance_home()
    made = materialize_everything(click.echo)
    _report(made, time.monotonic() - started, deployment.endpoint_url or "")


def _seeded(manifest: dict[str, Any]) -> str:
    tickets, postgres = manifest["tickets"], manifest["postgres"]
    return (
        f"{tickets['rows']:,} rows of {tickets['tickets']:,} tickets in {tickets['files']} CSV files "
        f"({tickets['malformed']} malformed, {tickets['late']} late, {tickets['exact_duplicates']} duplicates); "
        f"{postgres['customers']:,} customers, {postgres['plans']} plans, {postgres['agents']} agents in PostgreSQL"
    )


class _step:
    def __init__(self, text: str) -> None:
        self._text = text

    def __enter__(self) -> None:
        self._started = time.monotonic()
        click.echo(self._text + " ... ", nl=False)

    def __exit__(self, kind: object, *_: object) -> None:
        click.echo(f"{time.monotonic() - self._started:.1f} s" if kind is None else "failed")


def _report(made: "list[Made]", seconds: float, endpoint: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("asset", "kind", "rows", title="What was made")
    table.columns[2].justify = "right"
    for item in made:
        table.add_row(item.key, item.kind, "" if item.rows is None else f"{item.rows:,}")
    console = Console()
    console.print(table)
    # The local cloud serves an object without a signature too, and a short address can be read and clicked.
    pages = "".join(f"See it:       {item.page.partition('?')[0]}\n" for item in made if item.page)
    console.print(f"{seconds:.0f} s in all.\n")
    console.print(pages, end="", soft_wrap=True, highlight=False)
    console.print(
        "Look at it:   [bold]make dev[/bold]      the Dagster UI on http://127.0.0.1:3000\n"
        f'Ask it:       [bold].venv/bin/mlops query[/bold] "{EXAMPLE_QUERY}"\n'
        f"Any AWS tool: [bold]aws --endpoint-url {endpoint} s3 ls[/bold] (any keys)\n"
        "Your data:    [bold].venv/bin/mlops add csv NAME FILES...[/bold]\n"
        "Stop it:      [bold].venv/bin/mlops local down[/bold]"
    )
