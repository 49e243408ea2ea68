"""`kill -9` of the local cloud while the ETL runs: the retry is right, and nothing acknowledged is lost."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops_platform_tests.end_to_end.test_demo import ask
from mlops_platform_tests.fixtures_project import Project, copy_checkout

COUNTS = """
SELECT day, count(*) AS n, count(DISTINCT ticket_id) AS tickets, sum(satisfaction) AS satisfaction,
       sum(length(request)) AS text
FROM clean_tickets GROUP BY day ORDER BY day
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = copy_checkout(tmp_path / "project")
    try:
        made.mlops("provision", MLOPS_SEED_ROWS="12000")
        yield made
    finally:
        made.mlops("local", "down", check=False)


@pytest.mark.timeout(600)
def test_the_table_is_right_after_kill9_during_the_job(project: Project) -> None:
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "mlops"), "materialize"],
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    first_run = wait_for_running_job(project, process)
    acknowledge(project)
    project.cloud.kill9()
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output

    after = ask(project, COUNTS)
    assert len(after) == 14
    assert_acknowledged(project)
    runs = {r["Id"]: r for r in job_runs(project)}
    assert runs[first_run]["JobRunState"] == "FAILED"
    assert "SUCCEEDED" in {r["JobRunState"] for r in runs.values()}

    project.mlops("materialize")  # the same again, undisturbed
    assert ask(project, COUNTS) == after


def wait_for_running_job(project: Project, process: "subprocess.Popen[str]") -> str:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        running = [r for r in job_runs(project) if r["JobRunState"] == "RUNNING"]
        if running:
            return str(running[0]["Id"])
        time.sleep(0.2)
    raise AssertionError("the Glue job never ran")


def job_runs(project: Project) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = project.cloud.client("glue").get_job_runs(JobName=job_name(project))[
        "JobRuns"
    ]
    return runs


def job_name(project: Project) -> str:
    names: list[str] = project.cloud.client("glue").list_jobs()["JobNames"]
    return names[0]


def acknowledge(project: Project) -> None:
    """Have one thing acknowledged by each kind of service; meanwhile the job gets well into its script."""
    client = project.cloud.client
    client("s3").put_object(Bucket="mlops-lake", Key="acknowledged", Body=b"x")
    client("ssm").put_parameter(Name="/acknowledged", Value="x", Type="String")
    client("glue").create_database(DatabaseInput={"Name": "acknowledged"})
    url = client("sqs").create_queue(QueueName="acknowledged")["QueueUrl"]
    client("sqs").send_message(QueueUrl=url, MessageBody="x")


def assert_acknowledged(project: Project) -> None:
    client = project.cloud.client
    assert client("s3").get_object(Bucket="mlops-lake", Key="acknowledged")["Body"].read() == b"x"
    assert client("ssm").get_parameter(Name="/acknowledged")["Parameter"]["Value"] == "x"
    assert client("glue").get_database(Name="acknowledged")["Database"]["Name"] == "acknowledged"
    url = client("sqs").get_queue_url(QueueName="acknowledged")["QueueUrl"]
    assert client("sqs").receive_message(QueueUrl=url)["Messages"][0]["Body"] == "x"
