"""A sensor tick over a bucket of 50,000 objects, 10 of them new: time, calls to S3 and objects listed.

Beside it what a user would write instead, the listing sensor of Dagster's own S3 helper: every key under
the prefix, newer than the last one seen. Both in turn on the same bucket. Budget: under 2 s, and no listing
of the bucket.
"""

import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.table import show

OBJECTS = int(os.environ.get("BENCH_OBJECTS", "50000"))
NEW = 10
DAYS = 500
ROUNDS = 5
RAW_BUCKET = "mlops-raw"


def main() -> None:
    """Fill a bucket, drop ten objects a round, tick both ways, print the table."""
    from mlops_platform_tests.fixtures_cloud import free_port, running
    from mlops_platform_tests.fixtures_platform import settings

    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder) / "cloud", postgres_port=free_port()) as cloud,
        settings(cloud, MLOPS_SEED_ROWS="0"),
    ):
        _measure()


def _measure() -> None:
    import dagster as dg

    from mlops_platform.declared import declaration
    from mlops_platform.definitions import defs
    from mlops_platform.resources import resources
    from mlops_platform.resources.session import current_session

    session = current_session()
    s3 = session.client("s3")
    start = date(2026, 1, 1)
    days = [(start + timedelta(days=n)).isoformat() for n in range(DAYS)]
    started = time.monotonic()
    # The old objects are there before the bucket's events are switched on.
    s3.create_bucket(Bucket=RAW_BUCKET)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: _put(s3, days[n % DAYS], f"old-{n}"), range(OBJECTS)))
    print(f"{OBJECTS:,} objects put in {time.monotonic() - started:.0f} s", flush=True)
    source = session.provision(declaration(), seed=False).csv_source("tickets")
    repository = defs().get_repository_def()
    sensor = repository.get_sensor_def("tickets_events")
    seconds: dict[str, list[float]] = {"event sensor": [], "listing sensor": []}
    calls: dict[str, Counter[str]] = {"event sensor": Counter(), "listing sensor": Counter()}
    newest = time.time()
    cursor: str | None = None
    with dg.DagsterInstance.ephemeral() as instance:
        for number in range(ROUNDS):
            for n in range(NEW):
                _put(s3, days[n % 2], f"new-{number}-{n}")
            _wait_for_events(session.client("sqs"), source.queue_url)
            context = dg.build_sensor_context(
                instance=instance, cursor=cursor, repository_def=repository, resources=resources()
            )
            with context, _counted(s3, calls["event sensor"]):
                began = time.monotonic()
                result: Any = sensor(context)
                seconds["event sensor"].append(time.monotonic() - began)
            assert result.run_requests, "the tick must have found the new objects"
            cursor = result.cursor
            with _counted(s3, calls["listing sensor"]):
                began = time.monotonic()
                found = _listing_sensor(s3, source, newest)
                seconds["listing sensor"].append(time.monotonic() - began)
            assert len(found) >= NEW
            newest = time.time()
    show(
        f"A tick over {OBJECTS:,} objects with {NEW} new ones (median of {ROUNDS}; budget 2 s)",
        ["", "seconds", "ListObjectsV2 calls a tick", "objects listed a tick"],
        [
            [n, statistics.median(seconds[n]), calls[n]["calls"] / ROUNDS, calls[n]["objects"] / ROUNDS]
            for n in seconds
        ],
    )


def _put(s3: Any, day: str, name: str) -> None:
    s3.put_object(Bucket=RAW_BUCKET, Key=f"tickets/day={day}/{name}.csv", Body=b"ticket_id\n1\n")


def _wait_for_events(sqs: Any, url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        if int(answer["Attributes"]["ApproximateNumberOfMessages"]) >= NEW:
            return
        time.sleep(0.05)
    raise TimeoutError("the events did not arrive")


def _listing_sensor(s3: Any, source: Any, since: float) -> list[str]:
    """List the whole prefix, keep what is newer than the last tick."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=source.bucket, Prefix=source.prefix)
    objects = (item for page in pages for item in page.get("Contents", ()))
    return [item["Key"] for item in objects if item["LastModified"].timestamp() > since - 1]


@contextmanager
def _counted(s3: Any, counter: Counter[str]) -> Iterator[None]:
    def count(parsed: dict[str, Any], **_: Any) -> None:
        counter["calls"] += 1
        counter["objects"] += parsed.get("KeyCount", len(parsed.get("Contents", ())))

    s3.meta.events.register("after-call.s3.ListObjectsV2", count, unique_id="benchmark")
    try:
        yield
    finally:
        s3.meta.events.unregister("after-call.s3.ListObjectsV2", unique_id="benchmark")
