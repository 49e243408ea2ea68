"""``mlops provision`` and ``mlops seed``."""

import os
import subprocess
import sys

import click

from mlops_platform.deployment import DeploymentError, current
from mlops_platform.resources.session import current_session


@click.command()
def provision() -> None:
    """Create what the defs.yaml files declare, and write the infrastructure contract."""
    from mlops_platform.declared import declaration

    contract = current_session().provision(declaration())
    click.echo(
        f"Provisioned {len(contract.csv_sources)} CSV sources, {len(contract.postgres)} PostgreSQL sources, "
        f"{len(contract.glue_jobs)} Glue jobs. Contract: SSM {current().contract_parameter}"
    )


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def seed(arguments: tuple[str, ...]) -> None:
    """Write the example data, update it, or drop one more day (`mlops seed --help`)."""
    deployment = current()
    if deployment.starter is None:
        raise DeploymentError("The example data is for the local cloud. Set MLOPS_DEPLOYMENT=local.")
    if "--help" not in arguments:
        current_session().contract()
    command = [*deployment.starter[:-1], "seed", *arguments]
    sys.exit(subprocess.run(command, env={**os.environ, **deployment.environment}, check=False).returncode)
