"""The one thread that watches, and what ``run`` refuses."""

from typing import Any

import dagster as dg
import pytest
from botocore.exceptions import ClientError

from mlops_platform.pipes import watcher
from mlops_platform.pipes.errors import BatchUnreachableError, JobGoneError
from mlops_platform.pipes.request import job_request
from mlops_platform.pipes.watcher import Watcher
from mlops_platform_tests.pipes.conftest import QUEUE, World, eventually


class Described:
    """A Batch that knows jobs by their status, and counts what it is asked."""

    def __init__(self) -> None:
        self.statuses: dict[str, str] = {}
        self.asked: list[int] = []
        self.error: Exception | None = None

    def __call__(self, _: str) -> "Described":
        return self

    def describe_jobs(self, *, jobs: list[str]) -> dict[str, Any]:
        """Those it knows."""
        self.asked.append(len(jobs))
        if self.error is not None:
            raise self.error
        return {"jobs": [{"jobId": j, "status": self.statuses[j]} for j in jobs if j in self.statuses]}


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses of hours pass in a moment."""
    for name in ("FIRST_PAUSE", "LONGEST_PAUSE", "SECONDS_PER_CALL"):
        monkeypatch.setattr(watcher, name, 0.01)


def test_jobs_are_described_a_hundred_at_a_time_until_they_have_ended() -> None:
    batch = Described()
    watching = Watcher(batch)
    contexts = [watching.watching(f"job-{number}") for number in range(250)]
    batch.statuses = {f"job-{number}": "RUNNING" for number in range(250)}
    watches = [context.__enter__() for context in contexts]
    eventually(lambda: all(watch.latest for watch in watches))
    batch.statuses |= {f"job-{number}": "SUCCEEDED" for number in range(245)}
    eventually(lambda: sum(watch.ended for watch in watches) == 245)
    eventually(lambda: batch.asked[-3:] == [5, 5, 5])
    assert max(batch.asked) == 100
    for context in contexts:
        context.__exit__(None, None, None)
    eventually(lambda: watching._thread is None)
    with watching.watching("job-0") as again:
        eventually(lambda: again.ended)


def test_a_job_that_batch_has_forgotten_is_an_error() -> None:
    with Watcher(Described()).watching("job-0") as watch, pytest.raises(JobGoneError, match="job-0"):
        watch.next(30)


def test_a_refusal_is_told_at_once() -> None:
    batch = Described()
    batch.error = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DescribeJobs")
    with Watcher(batch).watching("job-0") as watch, pytest.raises(BatchUnreachableError, match="no"):
        watch.next(30)


def test_an_op_without_an_asset_logs_its_metrics(world: World) -> None:
    name = world.definition("child")

    @dg.op
    def score(context: dg.OpExecutionContext) -> None:
        world.pipes.run(
            context=context,
            job_definition=name,
            job_queue=QUEUE,
            array_size=2,
            command=[
                "python",
                "-c",
                "import platform_pipes as p\nwith p.open_batch_pipes(): p.report_metrics(a=1)",
            ],
        )

    @dg.job
    def scoring() -> None:
        score()

    assert scoring.execute_in_process(instance=world.instance).success
    assert sorted(line for line in world.lines() if "a[" in line) == ["[0] a[0]: 1", "[1] a[1]: 1"]


REQUEST: dict[str, Any] = {
    "job_definition": "d",
    "job_queue": "q",
    "command": None,
    "parameters": None,
    "environment": None,
    "container_overrides": None,
    "array_size": None,
    "array_keys": None,
    "extras": {},
    "tags": None,
    "submit_job": None,
}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"array_size": 10_001}, "10001"),
        ({"array_size": 0}, "not 0"),
        ({"array_size": 3, "array_keys": ["a", "b"]}, "2 array_keys"),
        ({"submit_job": {"eksPropertiesOverride": {}}}, "eksPropertiesOverride is not supported"),
        ({"submit_job": {"arrayProperties": {"size": 2}}}, "arrayProperties"),
        ({"command": ["a"], "container_overrides": {"command": ["b"]}}, "command once"),
    ],
)
def test_arguments_that_contradict_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        job_request(**REQUEST | wrong)


def test_a_request_is_known_by_the_work_it_asks_for() -> None:
    digests = [
        job_request(**REQUEST | other).digest
        for other in (
            {},
            {"tags": {"a": "b"}},
            {"extras": {"epochs": 2}},
            {"command": ["x"]},
            {"array_size": 2},
        )
    ]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 4
