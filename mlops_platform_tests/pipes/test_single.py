"""Single jobs: messages, metrics while they run, metadata, failures."""

import dagster as dg

from mlops_platform_tests.pipes.conftest import World, eventually

OBSERVED, MADE = dg.DagsterEventType.ASSET_OBSERVATION, dg.DagsterEventType.ASSET_MATERIALIZATION


def _observed(world: World) -> list[dict[str, object]]:
    runs = world.instance.get_runs()
    events = world.events(OBSERVED, runs[0].run_id) if runs else []
    return [
        {k: v.value for k, v in event.asset_observation_data.asset_observation.metadata.items()}
        for event in events
    ]


def test_metrics_are_seen_while_the_job_runs(world: World) -> None:
    running = world.start(world.asset("metrics", extras={"epochs": 3}))
    eventually(lambda: _observed(world))
    assert _observed(world) == [{"step": 1, "loss": 0.5}]
    assert [job["status"] for job in world.jobs()] == ["RUNNING"]
    eventually(lambda: "lives with 3" in world.lines())
    world.put("go-on")
    result = running.result()
    assert result.success
    assert _observed(world) == [{"step": 1, "loss": 0.5}, {"step": 2, "loss": "nan"}]
    (made,) = world.events(MADE)
    metadata = made.materialization.metadata
    (job,) = world.jobs()
    assert metadata["rows"].value == 7
    assert metadata["batch_job_id"].value == job["jobId"]
    assert metadata["batch_job_queue"].value == "pipes"
    assert metadata["batch_exit_code"].value == 0
    assert made.materialization.tags["dagster/data_version"] == "v1"
    assert not [line for line in world.lines() if "unexpected message" in line or "did not receive" in line]


def test_every_message_of_two_attempts_comes_once_and_in_order(world: World) -> None:
    result = world.run(world.asset("attempts", submit_job={"retryStrategy": {"attempts": 2}}))
    assert result.success
    lines = [line.removeprefix("[attempt 2] ") for line in world.lines() if " of attempt " in line]
    assert lines == [f"line {n} of attempt {attempt}" for attempt in (1, 2) for n in range(20)]
    (made,) = world.events(MADE)
    assert made.materialization.metadata["attempt"].value == 2
    table = made.materialization.metadata["batch_attempts"].records
    assert [(r.data["attempt"], r.data["exit_code"]) for r in table] == [(1, "143"), (2, "0")]
    assert not [line for line in world.lines() if "unexpected message" in line or "did not receive" in line]


def test_a_failure_says_why(world: World) -> None:
    result = world.run(world.asset("fail"))
    assert not result.success
    (failure,) = world.events(dg.DagsterEventType.STEP_FAILURE)
    (job,) = world.jobs()
    described = failure.step_failure_data.user_failure_data
    for expected in (
        job["jobId"],
        "exit code 4",
        "Essential container in task exited",
        "made of cheese",
        "attempt 1",
    ):
        assert expected in described.description
    assert described.metadata["batch_status"].value == "FAILED"
    assert "made of cheese" in described.metadata["batch_log"].value
