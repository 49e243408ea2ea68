"""How the drops of a CSV source lie in S3: ``<prefix>day=YYYY-MM-DD/<anything>``, a partition a day."""

from collections.abc import Iterator
from datetime import date, datetime

import dagster as dg

from mlops_platform.resources.s3 import Drop, S3Object, S3Resource

DATA_VERSION_TAG = "dagster/data_version"
DAY_PREFIX = "day=%Y-%m-%d/"


def day_prefix(prefix: str, day: str) -> str:
    """Where a day's objects lie; ``day`` is a partition key."""
    return prefix + date.fromisoformat(day).strftime(DAY_PREFIX)


def day_of(prefix: str, key: str) -> str | None:
    """The partition an object belongs to, None if its key is not under a day's prefix."""
    folder, slash, _ = key.removeprefix(prefix).partition("/")
    if not key.startswith(prefix) or not slash:
        return None
    try:
        return datetime.strptime(folder + "/", DAY_PREFIX).date().isoformat()
    except ValueError:
        return None


def drops_by_day(
    s3: S3Resource, bucket: str, prefix: str, start_after: str = ""
) -> Iterator[tuple[str, Drop]]:
    """(day, drop) in order, from one listing; objects outside a day's prefix are left out."""
    day: str | None = None
    found: list[S3Object] = []
    for item in s3.objects(bucket, prefix, start_after):
        of = day_of(prefix, item.key)
        if of != day and day is not None:
            yield day, Drop(bucket, tuple(found))
            found = []
        day = of
        if of is not None:
            found.append(item)
    if day is not None:
        yield day, Drop(bucket, tuple(found))


def observation(key: dg.AssetKey, day: str, drop: Drop) -> dg.AssetObservation:
    """What is known of a day's drop without reading it."""
    folder = drop.objects[0].key.rpartition("/")[0] if drop.objects else ""
    return dg.AssetObservation(
        asset_key=key,
        partition=day,
        metadata={
            "files": len(drop.objects),
            "size_bytes": drop.size,
            "dagster/uri": f"s3://{drop.bucket}/{folder}/",
            "last_modified": max((o.last_modified.isoformat() for o in drop.objects), default=""),
        },
        tags={DATA_VERSION_TAG: drop.data_version},
    )
