"""The same assets with MLOPS_DEPLOYMENT=localstack, the base services in an emulator process of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_platform_tests.end_to_end.test_demo import ask
from mlops_platform_tests.fixtures_cloud import RunningCloud, free_port
from mlops_platform_tests.fixtures_project import Project, copy_checkout

COUNTS = """
SELECT day, plan, count(*) AS n, sum(satisfaction) AS s FROM clean_tickets
WHERE day < '2026-01-15' GROUP BY day, plan ORDER BY day, plan
"""


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[int]:
    """A separately started emulator that speaks LocalStack's port; answers with the port."""
    port = free_port()
    env = os.environ | {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "S3_PERSIST": "0",
        "STATE_DIR": str(tmp_path / "emulator"),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }
    process = subprocess.Popen([sys.executable, "-m", "ministack"], env=env, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield port
    process.terminate()
    process.wait(20)


@pytest.mark.timeout(600)
def test_the_same_assets_behind_an_emulator(demo_project: Project, emulator: int, tmp_path: Path) -> None:
    project = copy_checkout(tmp_path / "project")
    project.cloud = RunningCloud(
        project.folder / ".local_cloud.localstack",
        postgres_port=free_port(),
        env={"MLOPS_DEPLOYMENT": "localstack", "AWS_ENDPOINT_URL": f"http://127.0.0.1:{emulator}"},
    )
    try:
        project.mlops("demo", "--rows", "2000")
        assert "Everything is in order." in project.mlops("doctor").stdout
        behind = RunningCloud(tmp_path, port=emulator).client("s3").list_buckets()["Buckets"]
        assert {"mlops-raw", "mlops-lake"} <= {b["Name"] for b in behind}, "the objects lie in the emulator"
        assert ask(project, COUNTS) == ask(demo_project, COUNTS)
    finally:
        project.mlops("local", "down", check=False)
