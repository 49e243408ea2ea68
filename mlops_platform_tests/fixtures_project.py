"""A copy of the checkout in which the commands are run as a user would run them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlops_platform_tests.fixtures_cloud import RunningCloud, free_port

CHECKOUT = Path(__file__).parents[1]
FILES = ("pyproject.toml", "workspace.yaml", "dagster.yaml", "mlops_platform")


@dataclass
class Project:
    """The copy, its environment, and the local cloud that it starts by itself."""

    folder: Path
    cloud: RunningCloud

    @property
    def environment(self) -> dict[str, str]:
        """What its processes are started with: its own code first, its own Dagster instance."""
        return self.cloud.environment | {
            "PYTHONPATH": str(self.folder),
            "DAGSTER_HOME": str(self.folder),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "COLUMNS": "160",
        }

    @property
    def defs(self) -> Path:
        """The folder of what is declared."""
        return self.folder / "mlops_platform" / "defs"

    def command(self, *command: str, check: bool = True, **env: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of the environment's bin folder (``mlops``, ``dg``) in the project."""
        program = str(Path(sys.executable).parent / command[0])
        done = subprocess.run(
            [program, *command[1:]],
            cwd=self.folder,
            env=self.environment | env,
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{command} failed ({done.returncode}):\n{done.stdout}\n{done.stderr}")
        return done

    def mlops(self, *arguments: str, check: bool = True, **env: str) -> "subprocess.CompletedProcess[str]":
        """Run ``mlops ARGUMENTS``."""
        return self.command("mlops", *arguments, check=check, **env)


def copy_checkout(folder: Path) -> Project:
    """A project in ``folder``, with ports of its own; nothing is started."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return Project(folder, RunningCloud(folder / ".local_cloud", postgres_port=free_port()))


@pytest.fixture(scope="session")
def demo_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project on which ``mlops demo`` has run; its output is in ``demo.log``."""
    project = copy_checkout(tmp_path_factory.mktemp("demo") / "project")
    try:
        done = project.mlops("demo", "--rows", os.environ.get("DEMO_ROWS", "2000"))
        (project.folder / "demo.log").write_text(done.stdout)
        yield project
    finally:
        project.mlops("local", "down", check=False)
