"""Fixtures: a running local cloud with four vCPUs, its Batch, and an engine of its own whose clocks run fast."""

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_cloud.batch.engine import BatchEngine
from local_cloud.cloud import Cloud
from local_cloud.objects import DiskObjectStore

from mlops_platform_tests.fixtures_cloud import RunningCloud, running

OVER = ("SUCCEEDED", "FAILED")
EC2 = {"type": "EC2", "maxvCpus": 16, "instanceTypes": ["optimal"]}
SETTINGS = {
    "LOCAL_CLOUD_BATCH_VCPUS": "4",
    "LOCAL_CLOUD_BATCH_MEMORY_MIB": "4096",
    "LOCAL_CLOUD_BATCH_GPUS": "0",
}


class Batch:
    """Batch through a boto3 client, or an engine's methods, in few words."""

    def __init__(self, api: Any, logs: Any = None) -> None:
        self.api, self._logs = api, logs

    def environment(self, **resources: Any) -> str:
        """A compute environment; its name."""
        name = f"ce-{uuid.uuid4().hex[:8]}"
        self.api.create_compute_environment(
            computeEnvironmentName=name, type="MANAGED", computeResources=EC2 | resources
        )
        return name

    def queue(self, *, priority: int = 1, environments: list[str] | None = None, **members: Any) -> str:
        """A job queue; its name."""
        name = f"jq-{uuid.uuid4().hex[:8]}"
        order = [
            {"order": number, "computeEnvironment": environment}
            for number, environment in enumerate(environments or [self.environment()])
        ]
        self.api.create_job_queue(
            jobQueueName=name, priority=priority, computeEnvironmentOrder=order, **members
        )
        return name

    def definition(self, *command: str, vcpus: str = "1", memory: str = "256", **members: Any) -> str:
        """A job definition; its name."""
        container = members.pop("container", {})
        properties = {
            "image": "any",
            "command": list(command),
            "resourceRequirements": [
                {"type": "VCPU", "value": vcpus},
                {"type": "MEMORY", "value": memory},
            ],
            **container,
        }
        name = f"jd-{uuid.uuid4().hex[:8]}"
        self.api.register_job_definition(
            jobDefinitionName=name, type="container", containerProperties=properties, **members
        )
        return name

    def submit(self, queue: str, definition: str, **members: Any) -> str:
        """A job; its id."""
        answer = self.api.submit_job(jobName="test", jobQueue=queue, jobDefinition=definition, **members)
        return str(answer["jobId"])

    def job(self, job_id: str) -> dict[str, Any]:
        """The job as DescribeJobs has it."""
        (found,) = self.api.describe_jobs(jobs=[job_id])["jobs"]
        return dict(found)

    def wait(self, job_id: str, *statuses: str, seconds: float = 60) -> dict[str, Any]:
        """The job once it is in one of the states (by default: over)."""
        deadline = time.monotonic() + seconds
        while (job := self.job(job_id))["status"] not in (statuses or OVER):
            assert time.monotonic() < deadline, job
            time.sleep(0.02)
        return job

    def output(self, job: dict[str, Any], group: str = "/aws/batch/job", lines: int = 1) -> list[str]:
        """What a job printed, as CloudWatch Logs has it, once there are so many lines."""
        deadline = time.monotonic() + 20
        while True:
            try:
                events = self._logs.get_log_events(
                    logGroupName=group,
                    logStreamName=job["container"]["logStreamName"],
                    startFromHead=True,
                )["events"]
            except self._logs.exceptions.ResourceNotFoundException:
                events = []
            if len(events) >= lines:
                return [event["message"] for event in events]
            assert time.monotonic() < deadline, (job, events)
            time.sleep(0.05)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    with running(tmp_path_factory.mktemp("batch") / "state", env=SETTINGS) as started:
        yield started


@pytest.fixture(scope="session")
def batch(cloud: RunningCloud) -> Batch:
    return Batch(cloud.client("batch"), cloud.client("logs"))


@pytest.fixture(scope="session")
def queue(batch: Batch) -> str:
    return batch.queue()


@pytest.fixture
def engine(tmp_path: Path, cloud: RunningCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchEngine]:
    """An engine in this process with one vCPU; a second of a job's timeout is 5 ms, its grace half a second."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LOCAL_CLOUD_BATCH_VCPUS", "1")
    made = new_engine(tmp_path, cloud)
    made.scheduler.second = 0.005
    made.scheduler.grace_seconds = 0.5
    made.scheduler.closing_seconds = 1.2
    yield made
    made.close()


def new_engine(folder: Path, cloud: RunningCloud) -> BatchEngine:
    """An engine whose AWS is the running local cloud."""
    return BatchEngine(
        Cloud(
            state_dir=folder,
            endpoint_url=cloud.endpoint_url,
            region="us-east-1",
            account_id="000000000000",
            objects=DiskObjectStore(folder),
        )
    )


@pytest.fixture
def own(engine: BatchEngine) -> Batch:
    return Batch(engine)
