"""The sensors of an S3 source against real S3 events, EventBridge and SQS: nothing lost, nothing twice."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pytest

from mlops_platform.components.drop_runs import RANGE_END_TAG, RANGE_START_TAG, VERSIONS_TAG
from mlops_platform.components.s3_event_sensor import EventCursor
from mlops_platform.definitions import defs
from mlops_platform.deployment import CsvSourceContract
from mlops_platform.resources import resources
from mlops_platform.resources.s3 import BucketGoneError
from mlops_platform.resources.session import AwsSession

TABLE = dg.AssetKey(["support_desk", "clean_tickets"])
QUARANTINE = dg.AssetKey(["support_desk", "clean_tickets_quarantine"])


@dataclass
class Desk:
    """The tickets source, its queue, a Dagster instance; ``cursor`` is what the last recorded tick left."""

    session: AwsSession
    source: CsvSourceContract
    instance: dg.DagsterInstance
    repository: Any
    cursor: str | None = None

    def drop(self, day: str, name: str = "a.csv", body: str = "ticket_id\n1\n") -> None:
        key = f"{self.source.prefix}day={day}/{name}"
        self.session.client("s3").put_object(Bucket=self.source.bucket, Key=key, Body=body.encode())

    def tick(self, sensor: str = "tickets_events", *, recorded: bool = True) -> dg.SensorResult:
        """One tick; an unrecorded one crashed before Dagster kept its cursor."""
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, repository_def=self.repository, resources=resources()
        )
        with context:
            result = self.repository.get_sensor_def(sensor)(context)
        assert isinstance(result, dg.SensorResult)
        if recorded:
            self.cursor = result.cursor
        return result

    def tick_until_events(self, days: int = 1) -> dg.SensorResult:
        """Tick until that many days were seen (events arrive within moments), all in one result."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self.waiting() >= days:
                return self.tick()
            time.sleep(0.1)
        raise AssertionError("the events did not arrive")

    def waiting(self) -> int:
        return self._count(self.source.queue_url, "ApproximateNumberOfMessages")

    def in_flight(self) -> int:
        return self._count(self.source.queue_url, "ApproximateNumberOfMessagesNotVisible")

    def dead(self) -> int:
        return self._count(self.source.dead_letter_queue_url, "ApproximateNumberOfMessages")

    def hide_for(self, seconds: int) -> None:
        """How long a received message stays invisible."""
        self.session.client("sqs").set_queue_attributes(
            QueueUrl=self.source.queue_url, Attributes={"VisibilityTimeout": str(seconds)}
        )

    def record_read(self, day: str, version: str) -> None:
        """What the table records when it has read a drop."""
        for key in (TABLE, QUARANTINE):
            self.instance.report_runless_asset_event(
                dg.AssetMaterialization(key, partition=day, metadata={"tickets/data_version": version})
            )

    def _count(self, url: str, attribute: str) -> int:
        answer = self.session.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[attribute])
        return int(answer["Attributes"][attribute])


@pytest.fixture
def desk(provisioned: AwsSession) -> Iterator[Desk]:
    source = provisioned.contract().csv_source("tickets")
    s3 = provisioned.client("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=source.bucket, Prefix=source.prefix):
        for item in page.get("Contents", ()):
            s3.delete_object(Bucket=source.bucket, Key=item["Key"])
    with dg.DagsterInstance.ephemeral() as instance:
        found = Desk(provisioned, source, instance, defs().get_repository_def())
        for url in (source.queue_url, source.dead_letter_queue_url):
            provisioned.client("sqs").purge_queue(QueueUrl=url)
        found.hide_for(30)
        yield found


def test_a_new_drop_asks_for_one_run_and_is_then_forgotten(desk: Desk) -> None:
    desk.drop("2026-01-02")
    result = desk.tick_until_events()
    assert [r.partition_key for r in result.run_requests or []] == ["2026-01-02"]
    request = (result.run_requests or [])[0]
    assert TABLE in (request.asset_selection or [])
    assert [e.partition for e in result.asset_events] == ["2026-01-02"]
    assert desk.in_flight() == 1, "the message is deleted only by the next tick"
    assert not desk.tick().run_requests
    assert desk.in_flight() + desk.waiting() == 0


def test_many_keys_become_few_runs(desk: Desk) -> None:
    for day in ("2026-01-01", "2026-01-02", "2026-01-03", "2026-01-09"):
        for name in ("a.csv", "b.csv", "c.csv"):
            desk.drop(day, name)
    result = desk.tick_until_events(12)
    requests = result.run_requests or []
    assert len(requests) == 2
    assert requests[0].tags[RANGE_START_TAG] == "2026-01-01"
    assert requests[0].tags[RANGE_END_TAG] == "2026-01-03"
    assert requests[1].partition_key == "2026-01-09"
    assert set(json.loads(requests[0].tags[VERSIONS_TAG])["tickets"]) == {
        "2026-01-01",
        "2026-01-02",
        "2026-01-03",
    }


def test_a_repeated_event_starts_no_second_run(desk: Desk) -> None:
    desk.drop("2026-01-02")
    assert desk.tick_until_events().run_requests
    desk.drop("2026-01-02")  # the same bytes again: another event, the same version
    assert not desk.tick_until_events().run_requests


def test_changed_content_starts_a_run_of_its_own(desk: Desk) -> None:
    desk.drop("2026-01-02")
    first = (desk.tick_until_events().run_requests or [])[0]
    desk.drop("2026-01-02", body="ticket_id\n2\n")
    second = (desk.tick_until_events().run_requests or [])[0]
    assert first.run_key != second.run_key


def test_a_crash_before_the_tick_is_on_record_loses_nothing(desk: Desk) -> None:
    desk.hide_for(1)
    desk.drop("2026-01-02")
    while not desk.waiting():
        time.sleep(0.05)
    lost = desk.tick(recorded=False)
    assert lost.run_requests
    time.sleep(1.2)
    again = desk.tick_until_events()
    assert [r.run_key for r in again.run_requests or []] == [r.run_key for r in lost.run_requests or []]


def test_a_crash_after_the_run_was_started_starts_no_second(desk: Desk) -> None:
    desk.hide_for(1)
    desk.drop("2026-01-02")
    while not desk.waiting():
        time.sleep(0.05)
    request = (desk.tick(recorded=False).run_requests or [])[0]
    desk.instance.create_run_for_job(
        desk.repository.get_implicit_global_asset_job_def(),
        tags=request.tags,
        status=dg.DagsterRunStatus.STARTED,
    )
    time.sleep(1.2)
    assert not desk.tick_until_events().run_requests


def test_a_lost_cursor_repeats_nothing_that_was_read(desk: Desk) -> None:
    desk.drop("2026-01-02")
    request = (desk.tick_until_events().run_requests or [])[0]
    version = json.loads(request.tags[VERSIONS_TAG])["tickets"]["2026-01-02"]
    desk.record_read("2026-01-02", version)
    desk.cursor = None
    desk.drop("2026-01-02")
    assert not desk.tick_until_events().run_requests
    assert not desk.tick("tickets_reconcile").run_requests


def test_poison_goes_to_the_dead_letter_queue_and_blocks_nobody(desk: Desk) -> None:
    desk.hide_for(1)
    sqs = desk.session.client("sqs")
    sqs.send_message(QueueUrl=desk.source.queue_url, MessageBody="no event at all")
    sqs.send_message(QueueUrl=desk.source.queue_url, MessageBody='{"detail": {"bucket": null}}')
    desk.drop("2026-01-02")
    asked = []
    deadline = time.monotonic() + 30
    while desk.dead() < 2 and time.monotonic() < deadline:
        asked += desk.tick().run_requests or []
        time.sleep(0.5)
    assert desk.dead() == 2
    assert [r.partition_key for r in asked] == ["2026-01-02"]


def test_objects_outside_a_day_are_passed_over(desk: Desk) -> None:
    key = f"{desk.source.prefix}readme.txt"
    desk.session.client("s3").put_object(Bucket=desk.source.bucket, Key=key, Body=b"hello")
    result = desk.tick_until_events()
    assert not result.run_requests
    desk.tick()
    assert desk.waiting() + desk.in_flight() == 0


def test_reconcile_finds_what_events_missed(desk: Desk) -> None:
    desk.drop("2026-01-02")
    desk.drop("2026-01-05")
    deadline = time.monotonic() + 20
    while desk.waiting() < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    desk.session.client("sqs").purge_queue(QueueUrl=desk.source.queue_url)
    found = desk.tick("tickets_reconcile")
    assert [r.partition_key for r in found.run_requests or []] == ["2026-01-02", "2026-01-05"]
    assert not desk.tick("tickets_reconcile").run_requests


def test_a_bucket_that_is_gone_is_named(desk: Desk) -> None:
    gone = desk.source.bucket + "-gone"
    with pytest.raises(BucketGoneError, match=f"{gone}.*mlops provision"):
        resources()["s3"].drop(gone, "tickets/")


def test_an_expired_receipt_is_no_error(desk: Desk) -> None:
    desk.cursor = EventCursor(["no-such-receipt"], {}).dump()
    assert not desk.tick().run_requests
