"""Fixtures: a running local cloud, its Glue client, an engine of its own, and jobs that run to their end."""

import io
import json
import textwrap
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from local_cloud.cloud import Cloud
from local_cloud.glue import GlueEngine
from local_cloud.objects import DiskObjectStore

from mlops_platform_tests.fixtures_cloud import RunningCloud, local_cloud

__all__ = ["local_cloud"]

ROLE = "arn:aws:iam::000000000000:role/mlops-glue"
BUCKET = "glue-tests"
PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}


def new_engine(folder: Path) -> GlueEngine:
    """An engine without a gateway."""
    return GlueEngine(
        Cloud(
            state_dir=folder,
            endpoint_url="http://127.0.0.1:9",
            region="us-east-1",
            account_id="000000000000",
            objects=DiskObjectStore(folder),
        )
    )


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[GlueEngine]:
    made = new_engine(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def glue(local_cloud: RunningCloud) -> Any:
    return local_cloud.client("glue")


@pytest.fixture
def database(glue: Any) -> Iterator[str]:
    name = f"db_{uuid.uuid4().hex[:8]}"
    glue.create_database(DatabaseInput={"Name": name})
    yield name
    glue.delete_database(Name=name)


def table_input(name: str, *, keys: dict[str, str] | None = None, **members: Any) -> dict[str, Any]:
    """A Parquet table ``(id int, name string)`` with the given partition keys."""
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [{"Name": key, "Type": kind} for key, kind in (keys or {}).items()],
        "StorageDescriptor": {
            "Columns": [{"Name": "id", "Type": "int"}, {"Name": "name", "Type": "string"}],
            "Location": f"s3://{BUCKET}/{name}/",
            **PARQUET,
        },
        **members,
    }


class Jobs:
    """Creates and runs jobs from script texts."""

    def __init__(self, cloud: RunningCloud) -> None:
        self.cloud, self.glue, self.s3, self.logs = cloud, *(cloud.client(s) for s in ("glue", "s3", "logs"))
        self.s3.create_bucket(Bucket=BUCKET)

    def create(self, script: str, *, kind: str = "glueetl", **members: Any) -> str:
        """A job of that script; its name."""
        name = f"job-{uuid.uuid4().hex[:8]}"
        self.s3.put_object(Bucket=BUCKET, Key=f"scripts/{name}.py", Body=textwrap.dedent(script).encode())
        command = {"Name": kind, "ScriptLocation": f"s3://{BUCKET}/scripts/{name}.py", "PythonVersion": "3"}
        self.glue.create_job(Name=name, Role=ROLE, Command=command, **members)
        return name

    def start(self, name: str, **arguments: str) -> str:
        """Start a run with ``--key value`` arguments; its id."""
        given = {f"--{key}": value for key, value in arguments.items()}
        return str(self.glue.start_job_run(JobName=name, Arguments=given)["JobRunId"])

    def wait(self, name: str, run_id: str, *states: str, seconds: float = 60) -> dict[str, Any]:
        """The run once it is in one of the states (by default: over)."""
        wanted = states or ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT")
        deadline = time.monotonic() + seconds
        while True:
            run: dict[str, Any] = self.glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]
            if run["JobRunState"] in wanted:
                return run
            if time.monotonic() > deadline:
                raise AssertionError(f"{run['JobRunState']} after {seconds} s; {self.output(run_id)}")
            time.sleep(0.05)

    def run(
        self, script: str, *, kind: str = "glueetl", job: dict[str, Any] | None = None, **arguments: str
    ) -> Any:
        """Create, start and wait."""
        name = self.create(script, kind=kind, **(job or {}))
        return self.wait(name, self.start(name, **arguments))

    def output(self, run_id: str, stream: str = "output", group: str = "/aws-glue/jobs") -> str:
        """What a run wrote, as CloudWatch Logs has it."""
        try:
            events = self.logs.get_log_events(
                logGroupName=f"{group}/{stream}", logStreamName=run_id, startFromHead=True
            )
        except self.logs.exceptions.ResourceNotFoundException:
            return ""
        return "\n".join(event["message"] for event in events["events"])

    def results(self, run: dict[str, Any]) -> dict[str, Any]:
        """The JSON object a successful run printed last."""
        text = self.output(run["Id"])
        assert run["JobRunState"] == "SUCCEEDED", (run, text, self.output(run["Id"], "error"))
        return dict(json.loads(text.splitlines()[-1]))

    def put_zip(self, key: str, **modules: str) -> str:
        """A zip of modules in S3; its path."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, text in modules.items():
                archive.writestr(f"{name}.py", text)
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=buffer.getvalue())
        return f"s3://{BUCKET}/{key}"


@pytest.fixture(scope="session")
def jobs(local_cloud: RunningCloud) -> Jobs:
    return Jobs(local_cloud)


@pytest.fixture(scope="session")
def postgres_connection(local_cloud: RunningCloud, jobs: Jobs) -> str:
    """A Glue connection to PostgreSQL, where ``crawled.orders`` lies."""
    password = (local_cloud.dir / "postgres" / "password").read_text().strip()
    login = {
        "host": "127.0.0.1",
        "port": local_cloud.postgres_port,
        "password": password,
        "dbname": "support",
    }
    with psycopg.connect(**login, user="postgres") as postgres:  # type: ignore[arg-type]
        postgres.execute("CREATE SCHEMA crawled")
        postgres.execute(
            "CREATE TABLE crawled.orders (id bigint, price numeric(10,2), at timestamptz, note text, PRIMARY KEY (id))"
        )
    properties = {
        "JDBC_CONNECTION_URL": f"jdbc:postgresql://127.0.0.1:{local_cloud.postgres_port}/support",
        "USERNAME": "postgres",
        "PASSWORD": password,
    }
    jobs.glue.create_connection(
        ConnectionInput={"Name": "crawled", "ConnectionType": "JDBC", "ConnectionProperties": properties}
    )
    return "crawled"


RunJob = Callable[..., dict[str, Any]]
