"""Messages one by one: what the writer does when S3 fails it, what the reader does with what it finds."""

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import dagster_pipes
import pytest
from botocore.exceptions import ConnectionClosedError
from dagster_pipes import DagsterPipesError, encode_param

from mlops_platform.payloads.pipes.platform_pipes import BatchMessageWriter, array, array_index
from mlops_platform.payloads.pipes.platform_pipes.writer import attempt_prefix
from mlops_platform.pipes.s3_messages import S3Messages, Source
from mlops_platform_tests.pipes.conftest import BUCKET, PAYLOAD, World


def _log(text: str) -> Any:
    return {"__dagster_pipes_version": "0.1", "method": "log", "params": {"message": text}}


class Reading:
    """A reader and what it handed on."""

    def __init__(self, world: World, *, adopted: bool = False) -> None:
        self.got: list[tuple[Source, str, bool]] = []
        self.warned: list[str] = []
        self.reader = S3Messages(
            world.s3, BUCKET, world.prefix, self._deliver, self.warned.append, adopted=adopted
        )

    def _deliver(self, source: Source, message: Any, shown: bool) -> None:
        self.got.append((source, message["params"]["message"], shown))

    def texts(self, **how: bool) -> list[str]:
        """Read once more; all texts so far."""
        self.reader.read(**how)
        return [text for _, text, _ in self.got]


def _put(world: World, key: str, *texts: str) -> None:
    body = "\n".join(json.dumps(_log(text)) for text in texts)
    world.s3.put_object(Bucket=BUCKET, Key=f"{world.prefix}/messages/{key}", Body=body.encode())


def test_an_object_listed_before_its_elder_waits(world: World) -> None:
    reading = Reading(world)
    _put(world, "round=01/index=00000/attempt=01/00000002.json", "second")
    assert reading.texts() == []
    _put(world, "round=01/index=00000/attempt=01/00000001.json", "first")
    assert reading.texts() == ["first", "second"]
    assert reading.texts() == ["first", "second"]


def test_at_the_end_a_missing_object_is_told(world: World) -> None:
    reading = Reading(world)
    _put(world, "round=01/index=00000/attempt=01/00000002.json", "second")
    assert reading.texts(last=True) == ["second"]
    assert "00000002.json are missing" in reading.warned[0]


def test_a_later_try_knows_what_was_shown(world: World) -> None:
    _put(world, "round=01/index=00003/attempt=02/00000001.json", "one")
    Reading(world).texts()
    _put(world, "round=01/index=00003/attempt=02/00000002.json", "two")
    later = Reading(world, adopted=True)
    assert later.texts() == ["one", "two"]
    assert [shown for _, _, shown in later.got] == [True, False]
    assert {source for source, _, _ in later.got} == {Source(index=3, round=1, attempt=2)}


def test_the_stock_writer_is_read_and_told_when_it_overwrites(world: World) -> None:
    reading = Reading(world)
    for number in range(1, 12):
        _put(world, f"round=01/{number}.json", f"line {number}")
    assert reading.texts() == [f"line {number}" for number in range(1, 12)]
    _put(world, "round=01/1.json", "of attempt 2")
    reading.texts()
    assert "was written twice" in reading.warned[0]


def test_a_look_that_s3_broke_off_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    reading = Reading(world)
    for number in range(1, 5):
        _put(world, f"round=01/index=00000/attempt=01/{number:08d}.json", f"line {number}")
    fetch = reading.reader._fetch

    def broken(key: str) -> bytes:
        if key.endswith("3.json"):
            raise ConnectionClosedError(endpoint_url="s3")
        return fetch(key)

    monkeypatch.setattr(reading.reader, "_fetch", broken)
    with pytest.raises(ConnectionClosedError):
        reading.texts()
    assert reading.reader.pause > 0
    monkeypatch.undo()
    assert reading.texts() == [f"line {number}" for number in range(1, 5)]


class Flaky:
    """An S3 client that fails as told: before the write, or after it."""

    def __init__(self, client: Any, *failures: str) -> None:
        self._client, self._failures = client, list(failures)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_object(self, **arguments: Any) -> Any:
        failure = self._failures.pop(0) if self._failures else ""
        if failure != "before":
            self._client.put_object(**arguments)
        if failure:
            raise ConnectionClosedError(endpoint_url="s3")


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process is the second attempt of child 7."""
    monkeypatch.setenv("AWS_BATCH_JOB_ARRAY_INDEX", "7")
    monkeypatch.setenv("AWS_BATCH_JOB_ATTEMPT", "2")
    yield
    array._indices.cache_clear()


def _write(world: World, client: Any, texts: list[str]) -> None:
    params = {"bucket": BUCKET, "key_prefix": f"{world.prefix}/messages/round=01"}
    with BatchMessageWriter(client, interval=0.05).open(params) as channel:
        for text in texts:
            channel.write_message(_log(text))
            assert channel.flush(30)


def test_what_s3_refused_or_took_without_an_answer_arrives_once(world: World, child: None) -> None:
    texts = [f"line {number}" for number in range(8)]
    _write(world, Flaky(world.s3, "", "before", "after", "", "after", "after", "before"), texts)
    reading = Reading(world)
    assert reading.texts() == texts
    assert {source for source, _, _ in reading.got} == {Source(index=7, round=1, attempt=2)}


def test_another_process_of_the_same_attempt_overwrites_nothing(world: World, child: None) -> None:
    _write(world, world.s3, ["a", "b"])
    _write(world, world.s3, ["c"])
    assert Reading(world).texts() == ["a", "b", "c"]


def test_messages_that_cannot_be_written_are_an_error(world: World, child: None) -> None:
    with pytest.raises(DagsterPipesError, match="could not be written"):
        _write(world, Flaky(world.s3, *["before"] * 50), ["a"])


def test_a_retried_child_knows_its_index_and_writes_under_it(
    child: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = {"indices": [3, 4, 9, 12, 15, 17, 20, 99]}
    monkeypatch.setenv(dagster_pipes.DAGSTER_PIPES_MESSAGES_ENV_VAR, encode_param(params))
    assert array_index() == 99
    assert attempt_prefix("p/") == "p/index=00099/attempt=02"


BY_HAND = """
from platform_pipes import array_index, open_batch_pipes, report_metrics
report_metrics(loss=1.0)
with open_batch_pipes() as pipes:
    report_metrics(loss=0.5)
    pipes.log.info("nobody listens")
    pipes.report_asset_materialization(metadata={"rows": 1})
print(array_index())
"""


def test_a_job_runs_by_hand_too() -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("DAGSTER_PIPES", "AWS_BATCH"))}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BY_HAND],
        env=environment | {"PYTHONPATH": str(PAYLOAD)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "0\n"


STOCK = """
import sys
import dagster_pipes
with dagster_pipes.open_dagster_pipes() as pipes:
    print("a line of the log", flush=True)
    pipes.log.info("said " + pipes.get_extra("word"))
    pipes.report_asset_materialization(metadata={"rows": 3})
    sys.stdout.flush()
"""


def test_messages_can_come_through_the_log(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    asset = world.asset(
        "fail",
        command=["python", "-c", STOCK],
        extras={"word": "hello"},
        messages="cloudwatch",
        show_log=True,
    )
    assert world.run(asset).success
    assert world.lines().count("said hello") == 1
    (made,) = world.events(dg.DagsterEventType.ASSET_MATERIALIZATION)
    assert made.materialization.metadata["rows"].value == 3
    assert capsys.readouterr().out.count("a line of the log") == 1


def test_what_we_use_of_dagster_beyond_its_public_names_is_there(tmp_path: Path) -> None:
    """``reattach``, live events, tags: they may move with any release."""
    import inspect

    from dagster._core.definitions.metadata import metadata_map_from_external
    from dagster._core.definitions.resource_annotation import TreatAsResourceParam
    from dagster._core.pipes import reattach
    from dagster._core.storage import tags

    launch = inspect.signature(reattach.record_external_launch).parameters
    assert {"client_name", "external_run_id", "external_run_url"} <= launch.keys()
    assert list(inspect.signature(reattach.find_latest_launch_handle).parameters) == [
        "context",
        "client_name",
    ]
    assert list(inspect.signature(reattach.record_external_reattach).parameters) == ["context", "handle"]
    observed = list(inspect.signature(dg.DagsterEvent.asset_observation).parameters)
    assert observed[:2] == ["step_context", "observation"]
    assert (tags.RESUME_RETRY_TAG, tags.ROOT_RUN_ID_TAG) == ("dagster/is_resume_retry", "dagster/root_run_id")
    assert metadata_map_from_external({"a": {"raw_value": 1, "type": "int"}}) == {
        "a": dg.MetadataValue.int(1)
    }  # type: ignore[dict-item]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert inspect.isclass(TreatAsResourceParam)
