"""What starts when, on one vCPU, in this process: clocks run 200 times as fast."""

import os
import signal
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from local_cloud.batch import store
from local_cloud.batch.engine import BatchEngine
from local_cloud.batch.shares import FairShare
from local_cloud.batch.starting import AHEAD
from local_cloud.batch.submit import Throttle
from local_cloud.errors import ServiceError

from mlops_platform_tests.batch.conftest import Batch


def note(own: Batch, log: Path, seconds: str = "0") -> str:
    """A definition whose jobs write their name to a file."""
    return own.definition("sh", "-c", f"echo $NAME >> {log}; sleep {seconds}")


def named(name: str) -> dict[str, Any]:
    return {"environment": [{"name": "NAME", "value": name}]}


def held(own: Batch, queue: str, log: Path) -> str:
    """A job that keeps the only vCPU until the file ``<log>.go`` exists."""
    job = own.submit(queue, own.definition("sh", "-c", f"while [ ! -e {log}.go ]; do sleep 0.02; done"))
    own.wait(job, "RUNNING")
    return job


def go(log: Path) -> None:
    Path(f"{log}.go").touch()


def test_priority_then_first_in(own: Batch, tmp_path: Path) -> None:
    log = tmp_path / "log"
    environment = own.environment()
    low, high = (own.queue(priority=priority, environments=[environment]) for priority in (1, 9))
    definition = note(own, log)
    held(own, low, log)
    last = [
        own.submit(queue, definition, containerOverrides=named(name))
        for queue, name in ((low, "l1"), (low, "l2"), (high, "h1"), (high, "h2"))
    ]
    go(log)
    for job in last:
        assert own.wait(job)["status"] == "SUCCEEDED"
    assert log.read_text().split() == ["h1", "h2", "l1", "l2"]


def test_fair_share(own: Batch, tmp_path: Path) -> None:
    log = tmp_path / "log"
    distribution = [
        {"shareIdentifier": "a", "weightFactor": 1.0},
        {"shareIdentifier": "b*", "weightFactor": 2.0},
    ]
    policy = own.api.create_scheduling_policy(
        name="fair", fairsharePolicy={"shareDistribution": distribution, "shareDecaySeconds": 600}
    )["arn"]
    environment = own.environment()
    plain = own.queue(priority=9, environments=[environment])
    queue = own.queue(environments=[environment], schedulingPolicyArn=policy)
    definition = note(own, log)
    held(own, plain, log)
    jobs = []
    for share, name, priority in (
        *(("bob", "b", 0) for _ in range(3)),
        *(("a", "a", 0) for _ in range(5)),
        ("a", "urgent", 9),
    ):
        jobs.append(
            own.submit(
                queue,
                definition,
                shareIdentifier=share,
                schedulingPriorityOverride=priority,
                containerOverrides=named(name),
            )
        )
    go(log)
    for job in jobs:
        own.wait(job)
    order = log.read_text().split()
    assert order[0] == "urgent"  # of its share, the first
    assert order[:6].count("b") == 2  # a weight of 2 is half a share
    assert sorted(order) == sorted(["urgent", *"aaaaabbb"])


def test_reservation_leaves_room_for_shares_to_come() -> None:
    fair = FairShare({"shareDistribution": [], "shareDecaySeconds": 0, "computeReservation": 50})
    fair.started("a", 1000, 0.0)
    assert fair.allowed("a", ["a"], 8000) == 4000  # (50 / 100) ^ 1 of 8 is kept
    fair.started("b", 1000, 0.0)
    assert fair.allowed("a", ["a", "b"], 8000) == 6000  # (50 / 100) ^ 2


def test_use_fades() -> None:
    fair = FairShare({"shareDistribution": [], "shareDecaySeconds": 10, "computeReservation": 0})
    fair.started("a", 4000, 0.0)
    fair.ended("a", 4000, 5.0)
    fair.started("b", 1000, 5.0)
    fair.ended("b", 1000, 6.0)
    assert fair.order(["a", "b"], 6.0) == ["b", "a"]
    fair.started("b", 1000, 60.0)
    assert fair.order(["a", "b"], 60.0) == ["a", "b"]


def test_a_timeout_is_not_retried(own: Batch) -> None:
    definition = own.definition(
        "sh",
        "-c",
        "trap '' TERM; sleep 60 & wait; wait",
        retryStrategy={"attempts": 3},
        timeout={"attemptDurationSeconds": 60},
    )
    job = own.wait(own.submit(own.queue(), definition))
    assert (job["status"], job["statusReason"]) == ("FAILED", "Job attempt duration exceeded timeout")
    assert len(job["attempts"]) == 1
    assert job["container"]["exitCode"] == 137  # it paid no heed to SIGTERM
    assert 700 <= job["stoppedAt"] - job["startedAt"] < 10_000


def test_a_stuck_job_is_cancelled_by_its_queue(own: Batch) -> None:
    action = {
        "state": "RUNNABLE",
        "action": "CANCEL",
        "maxTimeSeconds": 600,
        "reason": "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
    }
    queue = own.queue(jobStateTimeLimitActions=[action])
    job = own.wait(own.submit(queue, own.definition("true", vcpus="2")))
    assert job["statusReason"] == (
        "Canceled by JobStateTimeLimit action due to reason: MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"
    )


def test_a_job_that_waits_for_room_is_not_overtaken_for_ever(own: Batch, tmp_path: Path) -> None:
    log = tmp_path / "log"
    queue = own.queue()
    held(own, queue, log)
    large = own.submit(queue, note(own, log), containerOverrides=named("large"))
    small = own.definition("sh", "-c", f"echo $NAME >> {log}", vcpus="0.25")
    smaller = own.submit(queue, small, containerOverrides=named("small"))
    time.sleep(0.1)
    assert own.job(smaller)["status"] == "RUNNABLE"
    go(log)
    own.wait(smaller)
    assert own.wait(large)["status"] == "SUCCEEDED"
    assert log.read_text().split() == ["large", "small"]


def test_a_disabled_environment_is_passed_over(own: Batch) -> None:
    first, second = own.environment(), own.environment()
    queue = own.queue(environments=[first, second])
    own.api.update_compute_environment(computeEnvironment=first, state="DISABLED")
    job = own.wait(own.submit(queue, own.definition("true")))
    assert f"/{second}_Batch/" in job["container"]["containerInstanceArn"]


def test_the_host_dies_and_jobs_are_retried_on_another(own: Batch, engine: BatchEngine) -> None:
    definition = own.definition(
        "sh", "-c", "[ $AWS_BATCH_JOB_ATTEMPT = 2 ] || sleep 97531", retryStrategy={"attempts": 2}
    )
    job_id = own.submit(own.queue(), definition)
    own.wait(job_id, "RUNNING")
    os.kill(engine.scheduler._link.pid, signal.SIGKILL)
    job = own.wait(job_id)
    assert job["status"] == "SUCCEEDED"
    assert job["attempts"][0]["statusReason"].endswith("terminated.")
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert b"97531" not in entry.read_bytes()
        except OSError:
            continue


def test_a_long_chain_fails_without_a_deep_stack(own: Batch, tmp_path: Path) -> None:
    queue, log = own.queue(), tmp_path / "log"
    blocker = held(own, queue, log)
    definition = own.definition("true")
    head = last = own.submit(queue, definition, dependsOn=[{"jobId": blocker}])
    for _ in range(400):
        last = own.submit(queue, definition, dependsOn=[{"jobId": last}])
    own.api.terminate_job(jobId=head, reason="no")
    assert own.wait(last)["statusReason"] == "Dependent Job failed"
    go(log)
    own.wait(blocker)


def test_short_children_are_handed_out_ahead_and_given_back(own: Batch, tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = f"echo $AWS_BATCH_JOB_ARRAY_INDEX >> {log}; [ $AWS_BATCH_JOB_ARRAY_INDEX != 40 ] || sleep 0.5"
    queue = own.queue()
    array = own.submit(queue, own.definition("sh", "-c", script), arrayProperties={"size": 80})
    job = own.wait(array)
    assert job["arrayProperties"]["statusSummary"]["SUCCEEDED"] == 80
    assert [int(line) for line in log.read_text().split()] == list(range(80))
    assert {len(own.job(f"{array}:{index}")["attempts"]) for index in (0, 40, 41, 55, 79)} == {1}


def test_terminating_an_array_in_full_swing(own: Batch, tmp_path: Path) -> None:
    log = tmp_path / "log"
    definition = own.definition("sh", "-c", f"echo x >> {log}")
    array = own.submit(own.queue(), definition, arrayProperties={"size": 10000})
    while not log.exists():
        time.sleep(0.01)
    own.api.terminate_job(jobId=array, reason="stop")
    job = own.wait(array)
    summary = job["arrayProperties"]["statusSummary"]
    assert job["status"] == "FAILED"
    assert summary["SUCCEEDED"] + summary["FAILED"] == 10000
    assert summary["FAILED"] > 5000
    time.sleep(0.3)
    # Those the host had already when it was told to stop may have run, and no others.
    assert len(log.read_text().split()) - summary["SUCCEEDED"] <= AHEAD


def test_a_disk_that_cannot_be_written_is_told_and_survived(
    own: Batch, engine: BatchEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, definition = own.queue(), own.definition("sleep", "0.3")
    job = own.submit(queue, definition)
    own.wait(job, "RUNNING")
    full = threading.Event()
    full.set()

    def fail_while_full(_: Any, __: Any) -> None:
        if full.is_set():
            raise sqlite3.OperationalError("database or disk is full")

    apply = store._apply
    monkeypatch.setattr(
        store, "_apply", lambda db, changes: (fail_while_full(db, changes), apply(db, changes))[1]
    )
    with pytest.raises(sqlite3.OperationalError):
        own.submit(queue, definition)
    time.sleep(0.5)
    assert own.job(job)["status"] == "RUNNING"
    full.clear()
    assert own.wait(job)["status"] == "SUCCEEDED"


def test_throttling_when_asked_for(own: Batch, engine: BatchEngine) -> None:
    queue, definition = own.queue(), own.definition("true")
    engine.throttle = Throttle(1)

    def hurry() -> None:
        for _ in range(100):
            own.submit(queue, definition)

    with pytest.raises(ServiceError, match="TooManyRequestsException"):
        hurry()
