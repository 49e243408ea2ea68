"""What the local cloud cannot show: shapes as AWS Batch answers them, each checked against botocore's model."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import dagster as dg
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.validate import validate_parameters

from mlops_platform.pipes import PipesBatchClient, report, submission
from mlops_platform_tests.pipes.conftest import BUCKET, World

# https://docs.aws.amazon.com/batch/latest/userguide/troubleshooting.html#job_stuck_in_runnable
NO_CAPACITY = (
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested for instance type "
    "[p4d.24xlarge]"
)
HOST_GONE = "Host EC2 (instance i-0123456789abcdef0) terminated."
ARN = "arn:aws:batch:eu-west-1:123456789012"
STREAM = "train/default/0123456789abcdef0123456789abcdef"


class Recorded:
    """AWS Batch in Ireland, as far as it was recorded: SubmitJob, then these states of the job one after another."""

    def __init__(self, *states: dict[str, Any]) -> None:
        self._real = boto3.client(
            "batch", "eu-west-1", aws_access_key_id="x", aws_secret_access_key="x",
            endpoint_url="https://batch.eu-west-1.amazonaws.com",  # whatever AWS_ENDPOINT_URL says here
        )  # fmt: skip
        self.meta = self._real.meta
        self._states = list(states)
        self.submitted: dict[str, Any] = {}
        self.terminated: dict[str, str] = {}

    def submit_job(self, **arguments: Any) -> dict[str, Any]:
        """Takes what SubmitJob takes."""
        validate_parameters(arguments, self.meta.service_model.operation_model("SubmitJob").input_shape)
        self.submitted = arguments
        return {"jobId": "job-1", "jobName": arguments["jobName"], "ResponseMetadata": {"RetryAttempts": 0}}

    def describe_jobs(self, *, jobs: list[str]) -> dict[str, Any]:
        """The next state; the last one lasts."""
        state = self._states.pop(0) if len(self._states) > 1 else self._states[0]
        answer = {"jobs": [self._job(state)] if self.submitted and jobs else []}
        validate_parameters(answer, self.meta.service_model.operation_model("DescribeJobs").output_shape)
        return answer

    def terminate_job(self, **arguments: str) -> dict[str, Any]:
        """Remembers it."""
        self.terminated = arguments
        return {}

    def get_paginator(self, _: str) -> "Recorded":
        """Of ListJobs: no job of that name."""
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        """One empty page."""
        return [{"jobSummaryList": []}]

    def _job(self, state: dict[str, Any]) -> dict[str, Any]:
        return {
            "jobArn": f"{ARN}:job/job-1",
            "jobId": "job-1",
            "jobName": self.submitted["jobName"],
            "jobQueue": f"{ARN}:job-queue/gpu",
            "jobDefinition": f"{ARN}:job-definition/train:3",
            "createdAt": 1700000000000,
            "startedAt": 1700000060000,
            **state,
        }


def _run(world: World, batch: Recorded, **arguments: Any) -> dg.ExecuteInProcessResult:
    def clients(service: str) -> Any:
        return batch if service == "batch" else world.clients(service)

    pipes = PipesBatchClient(bucket=BUCKET, prefix=world.prefix, clients=clients)

    @dg.asset
    def made(context: dg.AssetExecutionContext) -> Any:
        invocation = pipes.run(context=context, job_definition="train", job_queue="gpu", **arguments)
        return invocation.get_materialize_result()

    return world.run(made)


def _failure(world: World) -> str:
    (event,) = world.events(dg.DagsterEventType.STEP_FAILURE)
    return str(event.step_failure_data.user_failure_data.description)


def test_capacity_that_never_arrives_is_told_and_given_up(world: World) -> None:
    batch = Recorded({"status": "SUBMITTED"}, {"status": "RUNNABLE", "statusReason": NO_CAPACITY})
    assert not _run(world, batch, runnable_timeout=0.2).success
    assert f"Batch job job-1 waits: {NO_CAPACITY}" in world.lines()
    assert "has been RUNNABLE for 0.2 s and did not start" in _failure(world)
    assert NO_CAPACITY in _failure(world)
    assert batch.terminated["jobId"] == "job-1"


def test_a_host_that_went_away_is_named(world: World) -> None:
    lost = {"container": {"logStreamName": STREAM}, "statusReason": HOST_GONE, "startedAt": 1, "stoppedAt": 5}
    done = {"container": {"exitCode": 0, "logStreamName": STREAM}, "startedAt": 7, "stoppedAt": 9}
    ended = {
        "status": "SUCCEEDED",
        "stoppedAt": 1700000090000,
        "statusReason": "Essential container in task exited",
        "attempts": [lost, done],
        "container": {"exitCode": 0, "logStreamName": STREAM},
    }
    assert _run(world, Recorded({"status": "RUNNING"}, ended)).success
    (made,) = world.events(dg.DagsterEventType.ASSET_MATERIALIZATION)
    metadata = made.materialization.metadata
    assert [row.data["reason"] for row in metadata["batch_attempts"].records] == [HOST_GONE, ""]
    assert metadata["batch_run_seconds"].value == 30
    assert metadata["batch_queued_seconds"].value == 60
    assert metadata["batch_console"].value == (
        "https://eu-west-1.console.aws.amazon.com/batch/home?region=eu-west-1#jobs/detail/job-1"
    )


def test_a_job_lost_with_its_host_fails_with_that_reason(world: World) -> None:
    attempt = {
        "container": {"logStreamName": STREAM},
        "statusReason": HOST_GONE,
        "startedAt": 1,
        "stoppedAt": 5,
    }
    ended = {"status": "FAILED", "statusReason": HOST_GONE, "attempts": [attempt], "stoppedAt": 1700000090000}
    assert not _run(world, Recorded({"status": "RUNNING"}, ended)).success
    assert f"FAILED: {HOST_GONE}" in _failure(world)


def test_a_job_says_whose_it_is(world: World) -> None:
    batch = Recorded({"status": "SUCCEEDED", "stoppedAt": 1700000090000})
    timeout = {"attemptDurationSeconds": 60}
    assert _run(
        world, batch, tags={"team": "ml"}, submit_job={"timeout": timeout, "propagateTags": True}
    ).success
    (run,) = world.instance.get_runs()
    tags = batch.submitted["tags"]
    assert tags["dagster/run-id"] == run.run_id
    assert tags["dagster/step-key"] == "made"
    assert tags["team"] == "ml"
    assert batch.submitted["timeout"] == timeout
    assert batch.submitted["jobName"].startswith("dagster-made-")


@pytest.fixture
def definition(world: World) -> str:
    """A job that only has to be there."""
    return world.definition("stay")


class Lossy:
    """A client whose SubmitJob goes wrong after the job was made, or before."""

    def __init__(self, world: World, *errors: Callable[[Any, dict[str, Any]], Any]) -> None:
        self._world, self._errors = world, list(errors)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.batch, name)

    def submit_job(self, **arguments: Any) -> Any:
        if self._errors:
            return self._errors.pop(0)(self._world.batch, arguments)
        return self._world.batch.submit_job(**arguments)


def _throttled(_: Any, __: dict[str, Any]) -> None:
    error = {"Code": "TooManyRequestsException", "Message": "Too Many Requests"}
    raise ClientError({"Error": error, "ResponseMetadata": {"HTTPStatusCode": 429}}, "SubmitJob")  # type: ignore[typeddict-item]


def _answer_lost(batch: Any, arguments: dict[str, Any]) -> None:
    batch.submit_job(**arguments)
    raise ReadTimeoutError(endpoint_url="batch")


def _sent_twice(batch: Any, arguments: dict[str, Any]) -> Any:
    batch.submit_job(**arguments)
    answer = batch.submit_job(**arguments)
    answer["ResponseMetadata"]["RetryAttempts"] = 1
    return answer


@pytest.fixture
def arguments(world: World, definition: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Of SubmitJob, and where the job would write its messages; what was submitted is ended."""
    from dagster_pipes import DAGSTER_PIPES_MESSAGES_ENV_VAR, encode_param

    params = {"base": world.prefix, "round": 1}
    environment = [{"name": DAGSTER_PIPES_MESSAGES_ENV_VAR, "value": encode_param(params)}]
    yield (
        {
            "jobName": f"dagster-{world.prefix}",
            "jobQueue": "pipes",
            "jobDefinition": definition,
            "containerOverrides": {"environment": environment},
        },
        params,
    )
    for job in world.jobs():
        world.batch.terminate_job(jobId=job["jobId"], reason="seen")


def test_throttling_is_waited_for(world: World, arguments: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(submission.time, "sleep", waited.append)
    job_id = submission.submit(Lossy(world, _throttled, _throttled), *arguments)
    assert [job["jobId"] for job in world.jobs()] == [job_id]
    assert len(waited) == 2


def test_a_job_whose_answer_was_lost_is_not_submitted_again(world: World, arguments: Any) -> None:
    job_id = submission.submit(Lossy(world, _answer_lost), *arguments)
    assert [job["jobId"] for job in world.jobs()] == [job_id]


def test_of_a_job_that_was_sent_twice_one_is_left(world: World, arguments: Any) -> None:
    job_id = submission.submit(Lossy(world, _sent_twice), *arguments)
    first, second = world.jobs()
    assert job_id == first["jobId"]
    (twin,) = world.batch.describe_jobs(jobs=[second["jobId"]])["jobs"]
    assert twin["isTerminated"]


def test_there_is_a_console_only_on_aws(world: World, tmp_path: Path) -> None:
    assert report.console_url(world.batch, "job-1") is None
