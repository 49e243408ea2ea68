"""Array jobs: one run, one array, messages of every child; only what failed runs again."""

from typing import Any

import dagster as dg

from mlops_platform_tests.pipes.conftest import PAYLOAD, World

MADE = dg.DagsterEventType.ASSET_MATERIALIZATION
WARM = "mlops_platform_tests.pipes.warm"


def _metadata(world: World) -> dict[str, Any]:
    (made,) = world.events(MADE)
    return dict(made.materialization.metadata)


def _observed(world: World) -> dict[str | None, dict[str, Any]]:
    found: dict[str | None, dict[str, Any]] = {}
    for event in world.events(dg.DagsterEventType.ASSET_OBSERVATION):
        observation = event.asset_observation_data.asset_observation
        values = {name: value.value for name, value in observation.metadata.items()}
        found.setdefault(observation.partition, {}).update(values)
    return found


def test_only_failed_children_run_again_and_keep_their_index(world: World) -> None:
    asset = world.asset("child", array_size=5, extras={"failing": 1}, child_retries=1)
    result = world.run(asset)
    assert result.success
    ran = sorted(key.partition("/")[0] for key in world.keys("ran/"))
    assert ran == ["0", "1", "1", "2", "3", "3", "4"]
    first, second = world.jobs()
    assert [job["arrayProperties"]["size"] for job in (first, second)] == [5, 2]
    said = sorted(line for line in world.lines() if "] child " in line)
    assert said == sorted(
        f"[{n}] child {n} of {size}" for n, size in [(0, 5), (1, 5), (2, 5), (3, 5), (4, 5), (1, 2), (3, 2)]
    )
    assert _observed(world) == {None: {f"score[{n}]": n * 10 for n in range(5)}}
    metadata = _metadata(world)
    assert metadata["batch_rounds"].value == 2
    assert metadata["batch_children_failed"].value == 0


def test_one_child_that_is_left_runs_as_a_plain_job(world: World) -> None:
    result = world.run(world.asset("child", array_size=2, extras={"failing": 1}, child_retries=1))
    assert result.success
    assert sorted(key.partition("/")[0] for key in world.keys("ran/")) == ["0", "1", "1"]
    assert "arrayProperties" not in world.jobs()[1]
    assert "[1] child 1 of none" in world.lines()


def test_a_failure_names_the_children_and_shows_their_logs(world: World) -> None:
    result = world.run(world.asset("child", array_size=4, extras={"failing": 9}))
    assert not result.success
    (event,) = world.events(dg.DagsterEventType.STEP_FAILURE)
    failure = event.step_failure_data.user_failure_data
    (job,) = world.jobs()
    for expected in (
        "2 of 4 children failed",
        f"child 1 ({job['jobId']}:1): exit code 3",
        f"child 3 ({job['jobId']}:3): exit code 3",
        "child 3 gives up",
    ):
        assert expected in failure.description
    rows = failure.metadata["batch_children_table"].records
    assert [row.data["child"] for row in rows] == [1, 3]


def test_a_retry_of_the_step_runs_only_what_failed(world: World) -> None:
    name = world.definition("child")

    @dg.asset(name="made", retry_policy=dg.RetryPolicy(max_retries=1))
    def made(context: dg.AssetExecutionContext) -> Any:
        return world.pipes.run(
            context=context, job_definition=name, job_queue="pipes", array_size=4, extras={"failing": 1}
        ).get_materialize_result()

    assert world.run(made).success
    assert sorted(key.partition("/")[0] for key in world.keys("ran/")) == ["0", "1", "1", "2", "3", "3"]
    lines = [line for line in world.lines() if "] child " in line]
    assert len(lines) == len(set(lines)) == 6
    assert _metadata(world)["batch_rounds"].value == 2


def test_children_that_do_not_look_their_index_up_are_not_run_again(world: World) -> None:
    result = world.run(world.asset("fail", array_size=2, child_retries=2))
    assert not result.success
    assert len(world.jobs()) == 1
    assert any("They are not run again" in line for line in world.lines())


def test_a_partition_range_is_an_array(world: World) -> None:
    days = dg.StaticPartitionsDefinition(["a", "bb", "ccc", "dddd"])
    asset = world.asset("partition", partitions=days)
    tags = {"dagster/asset_partition_range_start": "bb", "dagster/asset_partition_range_end": "dddd"}
    result = world.run(asset, tags=tags)
    assert result.success
    (job,) = world.jobs()
    assert job["arrayProperties"]["size"] == 3
    made = {e.materialization.partition: e.materialization.metadata for e in world.events(MADE)}
    assert {key: metadata["key"].value for key, metadata in made.items()} == {
        k: k for k in ("bb", "ccc", "dddd")
    }
    assert _observed(world) == {"bb": {"rows": 2}, "ccc": {"rows": 3}, "dddd": {"rows": 4}}


def test_one_partition_is_a_plain_job(world: World) -> None:
    asset = world.asset("partition", partitions=dg.StaticPartitionsDefinition(["a", "bb"]))
    result = world.run(asset, partition_key="bb")
    assert result.success
    (job,) = world.jobs()
    assert "arrayProperties" not in job
    (made,) = world.events(MADE)
    assert made.materialization.partition == "bb"
    assert made.materialization.metadata["key"].value == "bb"
    assert _observed(world) == {"bb": {"rows": 2}}


def test_three_hundred_children_are_heard(world: World) -> None:
    resources = [{"type": "VCPU", "value": "0.25"}, {"type": "MEMORY", "value": "128"}]
    asset = world.asset(
        "child",
        definition={"container": {"resourceRequirements": resources}},
        environment={"LOCAL_CLOUD_BATCH_WARM": WARM, "PYTHONPATH": f"{PAYLOAD}:{PAYLOAD.parents[2]}"},
        array_size=300,
    )
    assert world.run(asset).success
    said = [line for line in world.lines() if "] child " in line]
    assert sorted(said) == sorted(f"[{n}] child {n} of 300" for n in range(300))
    assert _observed(world)[None] == {f"score[{n}]": n * 10 for n in range(300)}
    metadata = _metadata(world)
    assert metadata["batch_children"].value == 300
    assert len(metadata["batch_children_table"].records) == 200
