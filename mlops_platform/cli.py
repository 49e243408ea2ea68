"""The ``mlops`` command."""

import sys

import click

from mlops_platform.commands.add import add
from mlops_platform.commands.demo import demo
from mlops_platform.commands.doctor import doctor
from mlops_platform.commands.local import local
from mlops_platform.commands.materialize import materialize
from mlops_platform.commands.provision import provision, seed
from mlops_platform.commands.query import query
from mlops_platform.deployment import DeploymentError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def cli() -> None:
    """The AWS data and ML platform that runs whole on a laptop.

    Which deployment the commands speak to is set by MLOPS_DEPLOYMENT: local (default), localstack or aws.
    """


for command in (demo, local, provision, seed, materialize, doctor, add, query):
    cli.add_command(command)


def main() -> None:
    """Run the command; an error that has a cure is printed without a traceback."""
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except DeploymentError as error:
        _fail(str(error))
    except Exception as error:
        from botocore.exceptions import BotoCoreError, ClientError

        if not isinstance(error, BotoCoreError | ClientError):
            raise
        _fail(f"{error}. `mlops doctor` says what is amiss.")


def _fail(message: str) -> None:
    click.secho(f"Error: {message}", fg="red", err=True)
    sys.exit(1)
