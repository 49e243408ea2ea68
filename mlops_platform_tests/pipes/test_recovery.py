"""Workers that die, runs that are cancelled, services that are away: no job is lost and none runs twice."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from botocore.exceptions import EndpointConnectionError
from dagster._core.storage.tags import RESUME_RETRY_TAG, ROOT_RUN_ID_TAG

from mlops_platform.pipes import PipesBatchClient, build_batch_orphan_sensor, watcher
from mlops_platform_tests.pipes import worker
from mlops_platform_tests.pipes.conftest import BUCKET, NO_TELEMETRY, QUEUE, World, eventually

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Start]:
    """Starts a worker that shares the test's Dagster instance."""
    monkeypatch.setenv("PIPES_ENDPOINT", world.cloud.endpoint_url)
    monkeypatch.setenv("PIPES_PREFIX", f"{world.prefix}/pipes")
    started: list[subprocess.Popen[bytes]] = []

    def run(part: str, *arguments: str) -> "subprocess.Popen[bytes]":
        monkeypatch.setenv("PIPES_DEFINITION", world.definition(part))
        command = [sys.executable, "-m", worker.__name__, str(tmp_path), *arguments]
        started.append(subprocess.Popen(command, env=dict(os.environ)))
        return started[-1]

    with dg.DagsterInstance.local_temp(str(tmp_path), NO_TELEMETRY) as world.instance:
        yield run
        for process in started:
            process.kill()
            process.wait()


def _failed_run(world: World) -> str:
    """The dead worker's run, marked as Dagster's run monitoring does."""
    (run,) = world.instance.get_runs()
    world.instance.report_run_failed(run)
    return run.run_id


def _retry(world: World, run_id: str) -> dg.JobExecutionResult:
    return dg.execute_job(
        dg.reconstructable(worker.job),
        instance=world.instance,
        tags={RESUME_RETRY_TAG: "true", ROOT_RUN_ID_TAG: run_id},
        reexecution_options=dg.ReexecutionOptions.from_failure(run_id, world.instance),
    )


def test_a_retry_adopts_the_job_of_a_worker_that_was_killed(world: World, start: Start) -> None:
    process = start("metrics")
    eventually(lambda: world.instance.get_runs() and "lives with 3" in world.lines())
    eventually(
        lambda: world.keys("pipes/") and any(key.endswith("shown.json") for key in world.keys("pipes/"))
    )
    process.kill()
    process.wait()
    first = _failed_run(world)
    world.put("go-on")
    with _retry(world, first) as result:
        assert result.success
        second = result.dagster_run.run_id
    (job,) = world.jobs()
    assert world.keys("started-") == [job["jobId"]]
    (made,) = world.events(dg.DagsterEventType.ASSET_MATERIALIZATION, second)
    assert made.materialization.metadata["rows"].value == 7
    shown = [line for run in (first, second) for line in world.lines(run)]
    assert shown.count("lives with 3") == 1
    observed = [len(world.events(dg.DagsterEventType.ASSET_OBSERVATION, run)) for run in (first, second)]
    assert observed == [1, 1]


def test_a_job_whose_id_was_never_written_down_is_found(world: World, start: Start) -> None:
    world.put("go-on")
    assert start("metrics", "crash").wait(60) == 9
    first = _failed_run(world)
    with _retry(world, first) as result:
        assert result.success
    (job,) = world.jobs()
    assert world.keys("started-") == [job["jobId"]]


def test_a_cancelled_run_ends_its_job(world: World, start: Start) -> None:
    process = start("stay")
    eventually(lambda: world.keys("started-"))
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    (job,) = eventually(lambda: [job for job in world.jobs() if job["status"] == "FAILED"])
    assert job["statusReason"].startswith(f"Dagster run {world.instance.get_runs()[0].run_id} ended the job")


class Away:
    """Clients of a Batch that stops answering questions once a job has started, until told otherwise."""

    def __init__(self, world: World) -> None:
        self._world, self.away = world, True

    def __call__(self, service: str) -> Any:
        return self if service == "batch" else self._world.clients(service)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.batch, name)

    def describe_jobs(self, *, jobs: list[str]) -> Any:
        if self.away and self._world.keys("started-"):
            raise EndpointConnectionError(endpoint_url="batch")
        return self._world.batch.describe_jobs(jobs=jobs)


def _leave_a_job(world: World, monkeypatch: pytest.MonkeyPatch, **retry: Any) -> tuple[Away, Any]:
    """A step that fails because Batch does not answer, while its job runs."""
    monkeypatch.setattr(watcher, "UNREACHABLE_SECONDS", 0.5)
    away, name = Away(world), world.definition("stay")
    pipes = PipesBatchClient(bucket=BUCKET, prefix=f"{world.prefix}/pipes", clients=away)

    @dg.asset(**retry)
    def made(context: dg.AssetExecutionContext) -> Any:
        away.away = context.retry_number == 0
        extras = {"try": context.retry_number}
        return pipes.run(
            context=context, job_definition=name, job_queue=QUEUE, extras=extras
        ).get_materialize_result()

    return away, made


def test_a_job_that_does_other_work_is_ended_before_the_new_one_starts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, asset = _leave_a_job(world, monkeypatch, retry_policy=dg.RetryPolicy(max_retries=1))
    running = world.start(asset)
    eventually(lambda: len(world.keys("started-")) == 2)
    old, new = world.jobs()
    assert old["status"] == "FAILED"
    assert old["statusReason"] == "Its Dagster step was started again with another request."
    world.batch.terminate_job(jobId=new["jobId"], reason="seen")
    assert not running.result().success


def test_orphans_are_swept_once_their_run_has_ended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _, asset = _leave_a_job(world, monkeypatch)
    assert not world.run(asset).success
    (run,) = world.instance.get_runs()
    (job,) = world.jobs()
    stranger = world.batch.submit_job(
        jobName="dagster-of-another-instance",
        jobQueue=QUEUE,
        jobDefinition=world.definition("stay"),
        tags={"dagster/run-id": "unknown"},
    )["jobId"]

    def sweep(grace: float) -> str:
        sensor = build_batch_orphan_sensor(job_queues=[QUEUE], clients=world.clients, grace_seconds=grace)
        said = sensor(dg.build_sensor_context(instance=world.instance))
        assert isinstance(said, dg.SkipReason)
        return str(said.skip_message)

    assert sweep(3600) == "No job has lost its run."
    retry = world.instance.add_run(
        run._replace(
            run_id=str(uuid.uuid4()),
            status=dg.DagsterRunStatus.STARTED,
            root_run_id=run.run_id,
            parent_run_id=run.run_id,
            tags={ROOT_RUN_ID_TAG: run.run_id},
        )
    )
    assert sweep(0) == "No job has lost its run."
    world.instance.report_run_failed(retry)
    assert sweep(0) == f"Terminated 1: {job['jobId']}"
    eventually(lambda: [j for j in world.jobs() if j["jobId"] == job["jobId"] and j["status"] == "FAILED"])
    (left,) = world.batch.describe_jobs(jobs=[stranger])["jobs"]
    assert left["status"] not in ("SUCCEEDED", "FAILED")
    world.batch.terminate_job(jobId=stranger, reason="seen")


def test_a_failed_job_is_not_adopted(world: World) -> None:
    result = world.run(world.asset("fail", retry_policy=dg.RetryPolicy(max_retries=1)))
    assert not result.success
    assert [job["status"] for job in world.jobs()] == ["FAILED", "FAILED"]


@pytest.mark.parametrize("array", [{}, {"array_size": 2}])
def test_a_job_that_finds_no_place_says_why_and_is_given_up(world: World, array: dict[str, int]) -> None:
    needs = {"resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "900000"}]}
    asset = world.asset("fail", container_overrides=needs, runnable_timeout=1.5, **array)
    assert not world.run(asset).success
    (warning,) = [line for line in world.lines() if " waits: " in line]
    (event,) = world.events(dg.DagsterEventType.STEP_FAILURE)
    said = event.step_failure_data.user_failure_data.description
    assert "did not start" in said
    assert warning.partition(" waits: ")[2] in said
    eventually(lambda: [job["status"] for job in world.jobs()] == ["FAILED"])
