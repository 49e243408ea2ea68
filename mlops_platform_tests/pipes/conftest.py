"""A local cloud with a Batch queue, and steps that run jobs there."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
import pytest

from mlops_platform.payloads.pipes import platform_pipes
from mlops_platform.pipes import PipesBatchClient
from mlops_platform.pipes.watcher import Clients
from mlops_platform_tests.fixtures_cloud import RunningCloud, running

T = TypeVar("T")
BUCKET, QUEUE = "pipes-tests", "pipes"
JOB = Path(__file__).with_name("job.py")
PAYLOAD = Path(platform_pipes.__file__).parents[1]
NO_TELEMETRY = {"telemetry": {"enabled": False}}
SETTINGS = {
    "LOCAL_CLOUD_BATCH_VCPUS": "4",
    "LOCAL_CLOUD_BATCH_MEMORY_MIB": "4096",
    "LOCAL_CLOUD_BATCH_GPUS": "0",
}


def eventually(look: Callable[[], T], seconds: float = 30.0) -> T:
    """What ``look`` answers once that is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{look} did not come true within {seconds} s")


@pytest.fixture(scope="package")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    """The cloud, with a bucket and a queue of four vCPUs."""
    with running(tmp_path_factory.mktemp("pipes") / "state", env=SETTINGS) as cloud:
        cloud.client("s3").create_bucket(Bucket=BUCKET)
        batch = cloud.client("batch")
        batch.create_compute_environment(
            computeEnvironmentName="pipes",
            type="MANAGED",
            computeResources={"type": "EC2", "maxvCpus": 16, "instanceTypes": ["optimal"]},
        )
        batch.create_job_queue(
            jobQueueName=QUEUE,
            priority=1,
            computeEnvironmentOrder=[{"order": 1, "computeEnvironment": "pipes"}],
        )
        yield cloud


@dataclass
class World:
    """One test's: a prefix in the bucket, a Dagster instance, a client."""

    cloud: RunningCloud
    instance: dg.DagsterInstance
    prefix: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    def __post_init__(self) -> None:
        self.clients: Clients = cache(self.cloud.client)
        self.batch, self.s3 = self.clients("batch"), self.clients("s3")
        self.pipes = PipesBatchClient(bucket=BUCKET, prefix=f"{self.prefix}/pipes", clients=self.clients)

    def definition(self, part: str, *, container: dict[str, Any] | None = None, **members: Any) -> str:
        """A job definition for a part of job.py; its name."""
        name = f"{part}-{self.prefix}"
        variables = {"PYTHONPATH": str(PAYLOAD), "TEST_BUCKET": BUCKET, "TEST_PREFIX": self.prefix}
        properties: dict[str, Any] = {
            "image": "any",
            "command": ["python", str(JOB), part],
            "environment": [{"name": key, "value": value} for key, value in variables.items()],
            "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "256"}],
            **(container or {}),
        }
        self.batch.register_job_definition(
            jobDefinitionName=name, type="container", containerProperties=properties, **members
        )
        return name

    def asset(
        self,
        part: str,
        *,
        definition: dict[str, Any] | None = None,
        partitions: Any = None,
        retry_policy: dg.RetryPolicy | None = None,
        **arguments: Any,
    ) -> Any:
        """An asset whose step runs a job."""
        name = self.definition(part, **(definition or {}))

        @dg.asset(
            name="made",
            partitions_def=partitions,
            retry_policy=retry_policy,
            backfill_policy=dg.BackfillPolicy.single_run() if partitions else None,
        )
        def made(context: dg.AssetExecutionContext, batch: PipesBatchClient) -> Any:
            keys = {"array_keys": context.partition_keys} if partitions else {}
            return batch.run(
                context=context, job_definition=name, job_queue=QUEUE, **keys, **arguments
            ).get_materialize_result()

        return made

    def run(self, asset: Any, **arguments: Any) -> dg.ExecuteInProcessResult:
        """The step, to its end."""
        resources = {"batch": self.pipes}
        return dg.materialize(
            [asset], instance=self.instance, resources=resources, raise_on_error=False, **arguments
        )

    def start(self, asset: Any) -> "Running":
        """The step, in the background."""
        return Running(self, asset)

    def put(self, name: str) -> None:
        """Tell a job something."""
        self.s3.put_object(Bucket=BUCKET, Key=f"{self.prefix}/{name}", Body=b"")

    def keys(self, name: str) -> list[str]:
        """The objects under a name, without it."""
        start = f"{self.prefix}/{name}"
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=start)
        return [item["Key"].removeprefix(start) for page in pages for item in page.get("Contents", ())]

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs of this test's definitions, the eldest first."""
        found = []
        for definition in self.batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"]:
            if definition["jobDefinitionName"].endswith(self.prefix):
                filters = [{"name": "JOB_DEFINITION", "values": [definition["jobDefinitionName"]]}]
                found += self.batch.list_jobs(jobQueue=QUEUE, filters=filters)["jobSummaryList"]
        return sorted(found, key=lambda job: job["createdAt"])

    def events(self, kind: dg.DagsterEventType, run_id: str | None = None) -> list[Any]:
        """A run's events of a kind; of the only run where none is named."""
        chosen = run_id or self.instance.get_runs()[0].run_id
        return [entry.dagster_event for entry in self.instance.all_logs(chosen, of_type=kind)]

    def lines(self, run_id: str | None = None) -> list[str]:
        """What a run logged, Dagster's own events left out."""
        chosen = run_id or self.instance.get_runs()[0].run_id
        entries = self.instance.all_logs(chosen)
        return [entry.user_message for entry in entries if not entry.is_dagster_event]


class Running:
    """A step in a thread."""

    def __init__(self, world: World, asset: Any) -> None:
        self._result: dg.ExecuteInProcessResult | None = None

        def run() -> None:
            self._result = world.run(asset)

        self._thread = threading.Thread(target=run)
        self._thread.start()

    def result(self) -> dg.ExecuteInProcessResult:
        """Once it has ended."""
        self._thread.join(120)
        assert self._result is not None
        return self._result


@pytest.fixture
def world(cloud: RunningCloud) -> Iterator[World]:
    """A test's own, its Dagster instance in memory."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(cloud, instance)
