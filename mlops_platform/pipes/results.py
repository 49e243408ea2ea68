"""What a job reports of assets and checks: of the last attempt, and of an array's children together."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.definitions.metadata import metadata_map_from_external
from dagster_pipes import PipesMessage

from mlops_platform.pipes.s3_messages import Source

Params = Mapping[str, Any]
MOST_NAMED = 20


class Results:
    """Collects results by child; a later attempt (or round) of a child takes the place of an earlier one."""

    def __init__(self) -> None:
        self._by_child: dict[int, tuple[Source, list[PipesMessage]]] = {}

    def add(self, source: Source, message: PipesMessage) -> None:
        """One materialization or check result."""
        known, messages = self._by_child.get(source.index, (source, []))
        if source > known:
            messages = []
        if source >= known:
            self._by_child[source.index] = (source, [*messages, message])

    def metadata(self) -> dict[int, dict[str, Any]]:
        """The metadata of each child's materializations, raw, by index."""
        return {
            index: {
                name: value["raw_value"]
                for message in messages
                if message["method"] == "report_asset_materialization"
                for name, value in ((message["params"] or {}).get("metadata") or {}).items()
            }
            for index, (_, messages) in sorted(self._by_child.items())
        }

    def merged(
        self, context: dg.OpExecutionContext | dg.AssetExecutionContext, array: bool, keys: Sequence[str]
    ) -> Iterator[PipesMessage]:
        """One message per asset and per check; Dagster takes no second one in a step.

        Of an array: an asset's metadata goes to the partition that the child works on, where children work on
        partitions; its data version is a digest of all children's; a check has passed if it passed in each child.
        """
        if not array:
            for _, messages in self._by_child.values():
                yield from messages
            return
        found: defaultdict[tuple[str, ...], dict[int, Params]] = defaultdict(dict)
        for index, (_, messages) in sorted(self._by_child.items()):
            for message in messages:
                params = message["params"] or {}
                found[(message["method"], params["asset_key"], params.get("check_name", ""))][index] = params
        for (method, asset_key, check_name), children in found.items():
            if check_name:
                yield _message(method, _check(asset_key, check_name, children))
            else:
                _partition_metadata(context, asset_key, children, keys)
                yield _message(method, _materialization(asset_key, children))


def _materialization(asset_key: str, children: Mapping[int, Params]) -> Params:
    versions = [f"{i}:{p['data_version']}" for i, p in children.items() if p.get("data_version") is not None]
    digest = hashlib.sha256("\n".join(versions).encode()).hexdigest()[:32] if versions else None
    return {"asset_key": asset_key, "metadata": None, "data_version": digest}


def _check(asset_key: str, check_name: str, children: Mapping[int, Params]) -> Params:
    failed = {index: params for index, params in children.items() if not params["passed"]}
    errors = [p for p in failed.values() if p["severity"] == "ERROR"]
    metadata: dict[str, Any] = {"children": {"raw_value": len(children), "type": "int"}}
    if failed:
        named = ", ".join(map(str, list(failed)[:MOST_NAMED])) + (" ..." if len(failed) > MOST_NAMED else "")
        metadata["failed_children"] = {"raw_value": named, "type": "text"}
        metadata |= next(iter(failed.values())).get("metadata") or {}
    return {
        "asset_key": asset_key,
        "check_name": check_name,
        "passed": not failed,
        "severity": "WARN" if failed and not errors else "ERROR",
        "metadata": metadata,
    }


def _partition_metadata(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    asset_key: str,
    children: Mapping[int, Params],
    keys: Sequence[str],
) -> None:
    if not keys or not isinstance(context, dg.AssetExecutionContext):
        return
    if not (context.has_partition_key or context.has_partition_key_range):
        return
    partitions = set(context.partition_keys)
    for index, params in children.items():
        if keys[index] in partitions and params.get("metadata"):
            context.add_asset_metadata(
                metadata_map_from_external(params["metadata"]),
                asset_key=dg.AssetKey.from_escaped_user_string(asset_key),
                partition_key=keys[index],
            )


def _message(method: str, params: Params) -> PipesMessage:
    return {"__dagster_pipes_version": "0.1", "method": method, "params": params}
