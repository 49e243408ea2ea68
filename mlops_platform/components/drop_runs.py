"""Which drops still need a run, and the few runs that cover them.

A day needs a run when the version of its drop was neither read by every table that depends on the source, nor
asked for by a run under way, nor asked for by an earlier tick. The first two are on record in Dagster and are
the truth; the third is the sensor's cursor, which may be lost.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from mlops_platform.resources.s3 import Drop

if TYPE_CHECKING:
    from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

# Hidden in the UI by its prefix: {day: data version} of the drops that a run was asked to read.
VERSIONS_TAG = ".dagster/mlops_drop_versions"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def read_version_metadata(source: str) -> str:
    """The metadata entry in which a table records the version of the source's drop that it was made of."""
    return f"{source}/data_version"


def not_yet_asked(
    context: dg.SensorEvaluationContext,
    source: str,
    key: dg.AssetKey,
    drops: Mapping[str, Drop],
    asked: Mapping[str, str],
) -> dict[str, Drop]:
    """The drops, by day, that still need a run; empty ones (their objects were deleted) need none."""
    candidates = {d: drop for d, drop in drops.items() if drop.objects and asked.get(d) != drop.data_version}
    if not candidates:
        return {}
    under_way = _versions_under_way(context.instance, source)
    tables = reading_tables(context, key)
    return {
        day: drop
        for day, drop in candidates.items()
        if (day, drop.data_version) not in under_way
        and not (tables and all(_was_read(context.instance, t, source, day, drop) for t in tables))
    }


def run_requests(
    context: dg.SensorEvaluationContext,
    source: str,
    key: dg.AssetKey,
    drops: Mapping[str, Drop],
    longest: int,
) -> list[dg.RunRequest]:
    """One run per span of consecutive days, of everything downstream; none if nothing reads the source."""
    if not drops or not reading_tables(context, key):
        return []
    graph = _graph(context)
    downstream = sorted(k for k in _descendants(graph, key) if graph.get(k).is_executable)
    return [
        _run_request(
            source, downstream, first, last, {d: v for d, v in _versions(drops).items() if first <= d <= last}
        )
        for first, last in spans(list(drops), longest)
    ]


def reading_tables(context: dg.SensorEvaluationContext, key: dg.AssetKey) -> list[dg.AssetKey]:
    """The partitioned assets that read the source directly."""
    graph = _graph(context)
    return sorted(k for k in graph.get(key).child_keys if graph.get(k).is_partitioned)


def spans(days: list[str], longest: int) -> Iterator[tuple[str, str]]:
    """Consecutive days as (first, last), each span at most ``longest`` days."""
    first = last = None
    length = 0
    for day in sorted(days):
        if last is not None and first is not None:
            if date.fromisoformat(day) - date.fromisoformat(last) == timedelta(days=1) and length < longest:
                last, length = day, length + 1
                continue
            yield first, last
        first = last = day
        length = 1
    if first is not None and last is not None:
        yield first, last


def _run_request(
    source: str, assets: list[dg.AssetKey], first: str, last: str, versions: dict[str, str]
) -> dg.RunRequest:
    text = json.dumps(versions, sort_keys=True)
    run_key = f"{source}:{first}..{last}:{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    tags = {VERSIONS_TAG: json.dumps({source: versions}), "mlops/source": source}
    if first == last:
        return dg.RunRequest(run_key=run_key, partition_key=first, asset_selection=assets, tags=tags)
    tags |= {RANGE_START_TAG: first, RANGE_END_TAG: last}
    return dg.RunRequest(run_key=run_key, asset_selection=assets, tags=tags)


def _versions(drops: Mapping[str, Drop]) -> dict[str, str]:
    return {day: drop.data_version for day, drop in drops.items()}


def _versions_under_way(instance: dg.DagsterInstance, source: str) -> set[tuple[str, str]]:
    runs = instance.get_runs(dg.RunsFilter(tags={"mlops/source": source}, statuses=UNDER_WAY))
    return {
        (day, version)
        for run in runs
        for day, version in json.loads(run.tags.get(VERSIONS_TAG, "{}")).get(source, {}).items()
    }


def _was_read(instance: dg.DagsterInstance, table: dg.AssetKey, source: str, day: str, drop: Drop) -> bool:
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=table, asset_partitions=[day]), limit=1
    ).records
    if not records or records[0].asset_materialization is None:
        return False
    entry = records[0].asset_materialization.metadata.get(read_version_metadata(source))
    return entry is not None and entry.value == drop.data_version


def _graph(context: dg.SensorEvaluationContext) -> "AssetGraph":
    repository = context.repository_def
    if repository is None:
        raise RuntimeError(
            "The sensor was evaluated without its repository; pass repository_def to its context."
        )
    return repository.asset_graph


def _descendants(graph: "AssetGraph", key: dg.AssetKey) -> set[dg.AssetKey]:
    found: set[dg.AssetKey] = set()
    waiting = [key]
    while waiting:
        for child in graph.get(waiting.pop()).child_keys - found:
            found.add(child)
            waiting.append(child)
    return found
