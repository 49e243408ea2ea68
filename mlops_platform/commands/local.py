"""``mlops local``: the local cloud's own commands, with the settings of the chosen deployment."""

import os
import subprocess
import sys

import click

from mlops_platform.deployment import DeploymentError, current


@click.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    short_help="Start, stop and look at the local cloud.",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def local(arguments: tuple[str, ...]) -> None:
    """up | down | status | reset | logs: start, stop and look at the local cloud. interrupt JOB: take its host away."""
    deployment = current()
    if deployment.starter is None:
        raise DeploymentError(
            f"The deployment {deployment.name!r} has no local cloud. Set MLOPS_DEPLOYMENT=local."
        )
    command = [*deployment.starter[:-1], *(arguments or ("--help",))]
    sys.exit(subprocess.run(command, env={**os.environ, **deployment.environment}, check=False).returncode)
