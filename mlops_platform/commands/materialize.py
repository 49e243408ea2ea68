"""Materialising everything that is declared, in this process, on the instance that the UI shows."""

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import click
import dagster as dg

from mlops_platform.components.athena_dashboard.run import LATEST_PAGE
from mlops_platform.components.drop_runs import RANGE_END_TAG, RANGE_START_TAG
from mlops_platform.deployment import project_root

QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


@dataclass(frozen=True)
class Made:
    """An asset after the run; ``rows`` None where it reports none, ``page`` where a browser shows it, if it is one."""

    key: str
    kind: str
    rows: int | None
    page: str | None


@click.command()
def materialize() -> None:
    """Observe every source and materialise everything declared, in this process."""
    instance_home()
    for item in materialize_everything(click.echo):
        click.echo(f"{item.key}: {'' if item.rows is None else f'{item.rows:,} rows'}")


def instance_home() -> None:
    """Use the Dagster instance of the checkout, which `make dev` shows, unless DAGSTER_HOME names another."""
    os.environ.setdefault("DAGSTER_HOME", str(project_root()))
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")


def materialize_everything(say: Callable[[str], None]) -> list[Made]:
    """Observe every source, then materialise the partitioned assets and the others, in that order.

    Raises:
        click.ClickException: a step or a blocking check failed; the run is on record for the UI.
    """
    from mlops_platform.definitions import defs

    repository = defs().get_repository_def()
    graph = repository.asset_graph
    with dg.DagsterInstance.get() as instance:
        _run(repository, instance, "Observing the sources", sorted(graph.observable_asset_keys), {}, say)
        executable = graph.materializable_asset_keys
        for group, tags in _partition_groups(graph, instance, executable):
            title = f"Materialising {', '.join(k.to_user_string() for k in group)}"
            _run(repository, instance, title, group, tags, say)
        rest = sorted(k for k in executable if not graph.get(k).is_partitioned)
        _run(repository, instance, "Materialising what is not partitioned", rest, {}, say)
        return [_made(graph, instance, key) for key in sorted(graph.observable_asset_keys | executable)]


def _partition_groups(
    graph: Any, instance: dg.DagsterInstance, keys: Iterable[dg.AssetKey]
) -> list[tuple[list[dg.AssetKey], dict[str, str]]]:
    """The partitioned assets that share partitions, each group with the range of days on record upstream."""
    groups: dict[str, list[dg.AssetKey]] = {}
    for key in sorted(keys):
        if graph.get(key).is_partitioned:
            groups.setdefault(str(graph.get(key).partitions_def), []).append(key)
    ranged = []
    for group in groups.values():
        days = sorted({day for key in group for day in _days_on_record(graph, instance, key)})
        if days:
            ranged.append((group, {RANGE_START_TAG: days[0], RANGE_END_TAG: days[-1]}))
    return ranged


def _days_on_record(graph: Any, instance: dg.DagsterInstance, key: dg.AssetKey) -> set[str]:
    days: set[str] = set()
    for parent in graph.get(key).parent_keys:
        if _is_partitioned_source(graph, parent):
            records = instance.fetch_observations(parent, limit=10_000).records
            days |= {r.partition_key for r in records if r.partition_key}
    return days


def _run(
    repository: Any,
    instance: dg.DagsterInstance,
    title: str,
    keys: list[dg.AssetKey],
    tags: dict[str, str],
    say: Callable[[str], None],
) -> None:
    if not keys:
        return
    say(f"{title} ...")
    started = time.monotonic()
    job = repository.get_implicit_global_asset_job_def().get_subset(
        asset_selection=set(keys),
        asset_check_selection=_checks(repository.asset_graph, keys, partitioned=bool(tags)),
    )
    result = job.execute_in_process(instance=instance, tags=tags, run_config=QUIET, raise_on_error=False)
    if not result.success:
        raise click.ClickException(_why(result))
    say(f"  {time.monotonic() - started:.1f} s")


def _checks(graph: Any, keys: list[dg.AssetKey], *, partitioned: bool) -> set[dg.AssetCheckKey]:
    """The assets' checks; those of a partitioned source run with the tables of its partitions."""
    assets = {key for key in keys if not _is_partitioned_source(graph, key)}
    if partitioned:
        parents = {parent for key in keys for parent in graph.get(key).parent_keys}
        assets |= {key for key in parents if _is_partitioned_source(graph, key)}
    found: set[dg.AssetCheckKey] = graph.get_check_keys_for_assets(assets)
    return found


def _is_partitioned_source(graph: Any, key: dg.AssetKey) -> bool:
    return bool(graph.get(key).is_observable and graph.get(key).is_partitioned)


def _why(result: Any) -> str:
    for event in result.all_events:
        if event.is_step_failure:
            error = event.event_specific_data.error
            while error.cause is not None:
                error = error.cause
            return f"{event.step_key} failed: {error.message.strip()}"
    return f"Run {result.run_id} failed. See it in the UI: make dev"


def _made(graph: Any, instance: dg.DagsterInstance, key: dg.AssetKey) -> Made:
    kinds = ", ".join(sorted(t.removeprefix("dagster/kind/") for t in graph.get(key).tags if "/kind/" in t))
    return Made(key.to_user_string(), kinds, _rows(graph, instance, key), _page(instance, key))


def _page(instance: dg.DagsterInstance, key: dg.AssetKey) -> str | None:
    event = instance.get_latest_materialization_event(key)
    made = event.asset_materialization if event else None
    found = made.metadata.get(LATEST_PAGE) if made else None
    return str(found.value) if found else None


def _rows(graph: Any, instance: dg.DagsterInstance, key: dg.AssetKey) -> int | None:
    if graph.get(key).is_observable:
        record = instance.fetch_observations(key, limit=1).records
        events = [r.asset_observation for r in record]
    else:
        latest: dict[str | None, Any] = {}
        for r in instance.fetch_materializations(key, limit=10_000).records:
            latest.setdefault(r.partition_key, r.asset_materialization)
        events = list(latest.values())
    counts = [e.metadata["dagster/row_count"].value for e in events if e and _has_rows(e)]
    return sum(int(str(n)) for n in counts) if counts else None


def _has_rows(event: dg.AssetMaterialization | dg.AssetObservation) -> bool:
    return "dagster/row_count" in event.metadata
