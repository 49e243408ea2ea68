"""The local cloud's settings: environment variables in, one frozen object out."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

STATE_FORMAT = 1
"""Version of the state folder's layout; a folder written by a newer layout is refused."""

HOST = "127.0.0.1"
"""Everything listens here and nowhere else."""


class SettingsError(Exception):
    """A setting that cannot be used; the message names the variable and the cure."""


@dataclass(frozen=True)
class Settings:
    """Where the local cloud lives.

    Attributes:
        dir: state folder (``LOCAL_CLOUD_DIR``, default ``./.local_cloud``).
        port: the gateway's port (``LOCAL_CLOUD_PORT``, default 4566).
        upstream: URL of an external emulator for the base services (``LOCAL_CLOUD_UPSTREAM``), else None.
        postgres_port: PostgreSQL's port (``LOCAL_CLOUD_POSTGRES_PORT``, default 5433; 0 starts none).
        postgres_dsn: an external PostgreSQL to use instead (``LOCAL_CLOUD_POSTGRES_DSN``), else None.
        region: the one region served (``AWS_DEFAULT_REGION``, default us-east-1).
        account_id: the one account served.
    """

    dir: Path
    port: int = 4566
    upstream: str | None = None
    postgres_port: int = 5433
    postgres_dsn: str | None = None
    region: str = "us-east-1"
    account_id: str = "000000000000"

    @property
    def endpoint_url(self) -> str:
        """The gateway's address."""
        return f"http://{HOST}:{self.port}"

    def environment(self) -> dict[str, str]:
        """The variables that give a child process these settings."""
        env = {
            "LOCAL_CLOUD_DIR": str(self.dir),
            "LOCAL_CLOUD_PORT": str(self.port),
            "LOCAL_CLOUD_POSTGRES_PORT": str(self.postgres_port),
            "AWS_DEFAULT_REGION": self.region,
        }
        if self.upstream:
            env["LOCAL_CLOUD_UPSTREAM"] = self.upstream
        if self.postgres_dsn:
            env["LOCAL_CLOUD_POSTGRES_DSN"] = self.postgres_dsn
        return env


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings the environment asks for.

    Raises:
        SettingsError: a port that is no port, an upstream that is no http URL, ports that collide.
    """
    settings = Settings(
        dir=Path(environ.get("LOCAL_CLOUD_DIR") or ".local_cloud").expanduser().absolute(),
        port=_port(environ, "LOCAL_CLOUD_PORT", 4566, lowest=1),
        upstream=_url(environ, "LOCAL_CLOUD_UPSTREAM"),
        postgres_port=_port(environ, "LOCAL_CLOUD_POSTGRES_PORT", 5433, lowest=0),
        postgres_dsn=environ.get("LOCAL_CLOUD_POSTGRES_DSN") or None,
        region=environ.get("AWS_DEFAULT_REGION") or environ.get("AWS_REGION") or "us-east-1",
    )
    if settings.port == settings.postgres_port:
        raise SettingsError(
            f"LOCAL_CLOUD_PORT and LOCAL_CLOUD_POSTGRES_PORT are both {settings.port}; "
            "give them different ports."
        )
    return settings


def _port(environ: Mapping[str, str], name: str, default: int, lowest: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isdigit() or not lowest <= int(text) <= 65535:
        raise SettingsError(f"{name}={text!r} is not a port; set it to a number from {lowest} to 65535.")
    return int(text)


def _url(environ: Mapping[str, str], name: str) -> str | None:
    text = environ.get(name)
    if not text:
        return None
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise SettingsError(f"{name}={text!r} is not an endpoint; set it to e.g. http://127.0.0.1:4567.")
    return f"{parts.scheme}://{parts.netloc}"
