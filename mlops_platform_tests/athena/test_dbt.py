"""dbt with its Athena adapter, unchanged: seed, table, view, incremental model, tests, docs."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_platform_tests.athena.conftest import BUCKET, Athena

PROJECT = Path(__file__).with_name("dbt_project")


@pytest.fixture(scope="session")
def dbt() -> Path:
    """The command, in an environment of its own beside this one, built once for its requirements."""
    requirements = PROJECT / "requirements.txt"
    version = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    folder = Path(sys.prefix) / f"dbt-{version}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = ["install", "-q", "--no-compile", "--only-binary", ":all:", "-r", requirements]
        subprocess.run([folder / "bin" / "pip", *install], check=True)
        (folder / "complete").touch()
    return folder / "bin" / "dbt"


class Project:
    """A copy of the project and the command on it."""

    def __init__(self, folder: Path, dbt: Path, athena: Athena) -> None:
        self.folder, self.dbt = folder, dbt
        shutil.copytree(PROJECT, folder)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "DBT_"))}
        self.environment = kept | {
            "AWS_ENDPOINT_URL": athena.cloud.endpoint_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DBT_TEST_SCHEMA": athena.database,
            "DBT_TEST_BUCKET": BUCKET,
        }

    def run(self, *arguments: str) -> None:
        done = subprocess.run(
            [self.dbt, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_dbt_project_is_built_twice_and_documented(athena: Athena, dbt: Path, tmp_path: Path) -> None:
    project = Project(tmp_path / "shop", dbt, athena)
    project.run("build")
    assert athena("SELECT customer, orders, total FROM customers ORDER BY 1").rows == [
        ["ada", "2", "15.75"],
        ["bob", "1", "20.00"],
    ]
    with (project.folder / "seeds" / "raw_orders.csv").open("a") as seed:
        seed.write("4,bob,7.00,2026-01-02\n5,ada,8.00,2026-01-03\n")
    project.run("build")  # the newest day of the incremental model is overwritten, the new one inserted
    assert athena("SELECT day, orders, total FROM daily ORDER BY day").rows == [
        ["2026-01-01", "2", "30.50"],
        ["2026-01-02", "2", "12.25"],
        ["2026-01-03", "1", "8.00"],
    ]
    assert athena.lines("SHOW PARTITIONS daily") == [f"day=2026-01-0{n}" for n in (1, 2, 3)]
    project.run("docs", "generate", "--no-compile")
    catalog = json.loads((project.folder / "target" / "catalog.json").read_text())
    types = {name.rpartition(".")[2]: node["metadata"]["type"] for name, node in catalog["nodes"].items()}
    assert types == {"customers": "view", "daily": "table", "orders": "table", "raw_orders": "table"}
    assert list(catalog["nodes"]["model.tickets.orders"]["columns"]) == ["id", "customer", "amount", "day"]
    for table in athena.glue.get_tables(DatabaseName=athena.database)["TableList"]:
        athena.glue.delete_table(DatabaseName=athena.database, Name=table["Name"])
