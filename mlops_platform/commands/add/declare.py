"""Writing a ``defs.yaml`` and making it real."""

import re
from pathlib import Path
from typing import Any

import click
import yaml

import mlops_platform
from mlops_platform.deployment import Contract, DeploymentError
from mlops_platform.resources.session import current_session

NAME = re.compile(r"^[a-z][a-z0-9_]{0,62}$")


def checked_name(name: str) -> str:
    """The name, if it can be an asset key, an S3 prefix and part of a queue's name.

    Raises:
        click.BadParameter: it cannot.
    """
    if not NAME.match(name):
        raise click.BadParameter(f"{name!r}: use lower-case letters, digits and _, starting with a letter.")
    return name


def defs_folder(room: str, name: str) -> Path:
    """The folder of a declared thing."""
    return Path(mlops_platform.__file__).parent / "defs" / room / name


def write(folder: Path, component: str, attributes: dict[str, Any], *, force: bool) -> Path:
    """Write ``defs.yaml`` and show it.

    Raises:
        click.ClickException: there is one already and ``force`` was not given.
    """
    path = folder / "defs.yaml"
    if path.exists() and not force:
        raise click.ClickException(f"{path} is there already. Edit it, or write it anew with --force.")
    text = yaml.safe_dump(
        {"type": f"mlops_platform.components.{component}", "attributes": attributes},
        sort_keys=False,
        allow_unicode=True,
        width=110,
    )
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    click.secho(f"# {path}", dim=True)
    click.echo(text)
    return path


def provision(path: Path) -> Contract | None:
    """Create what the declaration needs; on a deployment that Pulumi provisions, say what to run."""
    from mlops_platform.declared import declaration

    session = current_session()
    if session.deployment.provisioner is None:
        click.echo(f"Declared in {path}. Run `pulumi up` to create what it needs.")
        return None
    try:
        return session.provision(declaration())
    except DeploymentError as error:
        raise click.ClickException(f"{path} is written, but could not be provisioned: {error}") from error
