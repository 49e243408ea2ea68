"""A running local cloud for tests: its own folder, its own ports, started and stopped by the real commands.

Use it from a test package's conftest: ``from mlops_platform_tests.fixtures_cloud import local_cloud``.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class RunningCloud:
    """One local cloud under test; ``env`` holds what differs from this process's environment."""

    dir: Path
    port: int = field(default_factory=free_port)
    postgres_port: int = 0
    env: dict[str, str] = field(default_factory=dict)

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment for processes that shall use this cloud."""
        own = {
            "LOCAL_CLOUD_DIR": str(self.dir),
            "LOCAL_CLOUD_PORT": str(self.port),
            "LOCAL_CLOUD_POSTGRES_PORT": str(self.postgres_port),
        }
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("LOCAL_CLOUD_", "AWS_"))}
        return inherited | own | self.env

    def command(
        self, *args: str, check: bool = True, timeout: float = 120
    ) -> "subprocess.CompletedProcess[str]":
        """Runs ``python -m local_cloud ARGS``."""
        done = subprocess.run(
            [sys.executable, "-m", "local_cloud", *args],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(
                f"{args} failed ({done.returncode}): {done.stdout}\n{done.stderr}\n{self.log()}"
            )
        return done

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client to this cloud."""
        config = Config(
            s3={"addressing_style": "path"},
            retries={"max_attempts": 1},
            max_pool_connections=32,
            inject_host_prefix=False,
        )
        return boto3.session.Session(
            aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
        ).client(service, endpoint_url=self.endpoint_url, config=config.merge(Config(**options)))

    @property
    def pid(self) -> int:
        """The server's pid."""
        return int(json.loads((self.dir / "server.json").read_text())["pid"])

    def kill9(self) -> None:
        """Kills the server as a power cut would, and waits until it is gone."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                    time.sleep(0.02)
                    continue
            return
        raise AssertionError(f"{pid} survived SIGKILL")

    def up(self) -> None:
        self.command("up")

    def restart(self) -> None:
        """Stops it (if it runs) and starts it again."""
        self.command("down")
        self.up()

    def log(self) -> str:
        path = self.dir / "local_cloud.log"
        return path.read_text()[-4000:] if path.exists() else "(no log)"


@contextlib.contextmanager
def running(folder: Path, **options: Any) -> Iterator[RunningCloud]:
    """A local cloud for the length of a with-block."""
    cloud = RunningCloud(folder, **options)
    cloud.up()
    try:
        yield cloud
    finally:
        cloud.command("down", check=False)


@pytest.fixture(scope="session")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    """One local cloud, PostgreSQL included, shared by all tests of the session."""
    folder = tmp_path_factory.mktemp("local_cloud") / "state"
    with running(folder, postgres_port=free_port()) as cloud:
        yield cloud
