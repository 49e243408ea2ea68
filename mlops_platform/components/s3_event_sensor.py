"""The sensors of an S3 source: one on S3's events, one that finds what events missed.

S3 -> EventBridge -> SQS -> ``<source>_events``. A tick takes what has arrived, up to a number of messages and
a time budget, works out the days that were touched, lists those days' prefixes (never the bucket) for their
data version, and asks for one run per span of consecutive days whose version nobody has asked for yet.

A message is deleted by the *next* tick, when the cursor that carries its receipt proves that this tick is on
record: a crash in between makes the message visible again, and the day's version tells that its run was asked
for already. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues.html
(delivery at least once, in any order).
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

import dagster as dg
from pydantic import Field

from mlops_platform.components.csv_drops import day_of, day_prefix, drops_by_day, observation
from mlops_platform.components.drop_runs import not_yet_asked, run_requests
from mlops_platform.deployment import CsvSourceContract
from mlops_platform.resources.aws import AwsResource
from mlops_platform.resources.s3 import Drop, S3Resource

SQS_BATCH = 10  # most messages SQS gives or deletes in one call


class SensorSettings(dg.Model, dg.Resolvable):
    """How the sensors of an S3 source pace themselves."""

    interval_seconds: int = Field(default=15, description="Least time between two ticks on events.")
    reconcile_seconds: int = Field(default=600, description="Least time between two listings.")
    max_messages: int = Field(default=500, description="Most messages one tick takes.")
    tick_seconds: float = Field(
        default=20.0, description="Time after which a tick takes no more; Dagster's limit is 60."
    )
    max_days_per_run: int = Field(default=366, description="Most days one run covers.")
    running: bool = Field(default=True, description="Whether the sensors run without being switched on.")


@dataclass
class EventCursor:
    """What a tick leaves to the next: receipts to delete, and the versions lately asked for."""

    receipts: list[str] = field(default_factory=list)
    asked: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str | None) -> "EventCursor":
        """An unreadable cursor counts as none: it is an optimisation, never the truth."""
        try:
            raw = json.loads(text or "{}")
            return cls(list(raw.get("receipts", [])), dict(raw.get("asked", {})))
        except (ValueError, AttributeError, TypeError):
            return cls()

    def dump(self) -> str:
        """The cursor as JSON; of the versions only the newest thousand."""
        asked = dict(list(self.asked.items())[-1000:])
        return json.dumps({"receipts": self.receipts, "asked": asked})


def event_sensor(name: str, key: dg.AssetKey, settings: SensorSettings) -> dg.SensorDefinition:
    """The sensor on S3's events."""

    @dg.sensor(
        name=f"{identifier(name)}_events",
        target=dg.AssetSelection.assets(key).downstream(),
        minimum_interval_seconds=settings.interval_seconds,
        default_status=_status(settings),
        description=f"Starts runs for new drops of {name}, from S3 events.",
    )
    def events(context: dg.SensorEvaluationContext, s3: S3Resource, aws: AwsResource) -> dg.SensorResult:
        source = aws.contract.csv_source(name)
        queue = _Queue(aws.client("sqs"), source.queue_url)
        cursor = EventCursor.parse(context.cursor)
        queue.delete(cursor.receipts)
        days, receipts, rejected = _touched_days(queue, source, settings)
        drops = {day: s3.drop(source.bucket, day_prefix(source.prefix, day)) for day in sorted(days)}
        fresh = not_yet_asked(context, name, key, drops, cursor.asked)
        asked = {**cursor.asked, **{day: drop.data_version for day, drop in fresh.items()}}
        for reason in rejected:
            context.log.warning("%s: left for the dead-letter queue: %s", name, reason)
        return _result(
            name, key, context, fresh, EventCursor(receipts, asked).dump(), settings, len(receipts)
        )

    return events


def reconcile_sensor(name: str, key: dg.AssetKey, settings: SensorSettings) -> dg.SensorDefinition:
    """The sensor that lists, a budgeted stretch at a time, and finds what events missed."""

    @dg.sensor(
        name=f"{identifier(name)}_reconcile",
        target=dg.AssetSelection.assets(key).downstream(),
        minimum_interval_seconds=settings.reconcile_seconds,
        default_status=_status(settings),
        description=f"Compares a listing of {name} with what is on record, for events that were lost.",
    )
    def reconcile(context: dg.SensorEvaluationContext, s3: S3Resource, aws: AwsResource) -> dg.SensorResult:
        source = aws.contract.csv_source(name)
        raw = json.loads(context.cursor or "{}")
        deadline = time.monotonic() + settings.tick_seconds
        drops: dict[str, Drop] = {}
        start_after = raw.get("start_after", "")
        for day, drop in drops_by_day(s3, source.bucket, source.prefix, start_after):
            drops[day] = drop
            start_after = drop.objects[-1].key
            if time.monotonic() > deadline:
                break
        else:
            start_after = ""  # the whole prefix was read: begin anew next time
        asked: Mapping[str, str] = raw.get("asked", {})
        fresh = not_yet_asked(context, name, key, drops, asked)
        asked = {**asked, **{day: drop.data_version for day, drop in fresh.items()}}
        cursor = json.dumps({"start_after": start_after, "asked": asked})
        return _result(name, key, context, fresh, cursor, settings, 0)

    return reconcile


def identifier(name: str) -> str:
    """A Dagster name of an asset's name."""
    return name.replace("/", "__").replace("-", "_")


def _status(settings: SensorSettings) -> dg.DefaultSensorStatus:
    return dg.DefaultSensorStatus.RUNNING if settings.running else dg.DefaultSensorStatus.STOPPED


def _result(
    name: str,
    key: dg.AssetKey,
    context: dg.SensorEvaluationContext,
    fresh: Mapping[str, Drop],
    cursor: str,
    settings: SensorSettings,
    messages: int,
) -> dg.SensorResult:
    observations = [observation(key, day, drop) for day, drop in fresh.items()]
    requests = run_requests(context, name, key, fresh, settings.max_days_per_run)
    if not requests:
        why = f"{messages} messages, nothing new" if messages else "nothing new"
        if fresh:
            why = f"{len(fresh)} new days observed; no table reads {name} yet"
        return dg.SensorResult(skip_reason=why, cursor=cursor, asset_events=observations)
    return dg.SensorResult(run_requests=requests, cursor=cursor, asset_events=observations)


def _touched_days(
    queue: "_Queue", source: CsvSourceContract, settings: SensorSettings
) -> tuple[set[str], list[str], list[str]]:
    """(days touched, receipts of understood messages, reasons of those not understood).

    A message nobody understands is left alone: SQS gives it again until its receive count sends it to the
    dead-letter queue.
    """
    days: set[str] = set()
    receipts: list[str] = []
    rejected: list[str] = []
    deadline = time.monotonic() + settings.tick_seconds
    for message in queue.receive(settings.max_messages, deadline):
        try:
            day = _day_of_event(message["Body"], source)
        except ValueError as error:
            rejected.append(f"message {message['MessageId']}: {error}")
            continue
        receipts.append(message["ReceiptHandle"])
        if day is not None:
            days.add(day)
    return days, receipts, rejected


def _day_of_event(body: str, source: CsvSourceContract) -> str | None:
    """The day an event's object belongs to; None for an object outside the source's days.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html

    Raises:
        ValueError: the body is no S3 event of EventBridge.
    """
    try:
        detail: Any = json.loads(body)["detail"]
        bucket, key = detail["bucket"]["name"], detail["object"]["key"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"not an S3 event ({error!r}): {body[:200]}") from error
    if bucket != source.bucket:
        return None
    return day_of(source.prefix, key) or day_of(source.prefix, unquote_plus(key))


class _Queue:
    def __init__(self, sqs: Any, url: str) -> None:
        self._sqs = sqs
        self._url = url

    def receive(self, most: int, deadline: float) -> Iterator[dict[str, Any]]:
        taken = 0
        while taken < most and time.monotonic() < deadline:
            answer = self._sqs.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=min(SQS_BATCH, most - taken), WaitTimeSeconds=0
            )
            messages = answer.get("Messages", [])
            if not messages:
                return
            taken += len(messages)
            yield from messages

    def delete(self, receipts: list[str]) -> None:
        for i in range(0, len(receipts), SQS_BATCH):
            entries = [
                {"Id": str(n), "ReceiptHandle": receipt}
                for n, receipt in enumerate(receipts[i : i + SQS_BATCH])
            ]
            # A receipt that has expired fails here; its message comes again and is recognised.
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
