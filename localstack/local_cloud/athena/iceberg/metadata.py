"""Iceberg's metadata tables: https://trino.io/docs/current/connector/iceberg.html#metadata-tables"""

from datetime import UTC, datetime
from typing import Any

from local_cloud.athena.trino.types import BIGINT, BOOLEAN, INTEGER, TIMESTAMP_TZ, VARCHAR, Type

COLUMNS: dict[str, tuple[tuple[str, Type], ...]] = {
    "history": (
        ("made_current_at", TIMESTAMP_TZ), ("snapshot_id", BIGINT), ("parent_id", BIGINT),
        ("is_current_ancestor", BOOLEAN),
    ),
    "snapshots": (
        ("committed_at", TIMESTAMP_TZ), ("snapshot_id", BIGINT), ("parent_id", BIGINT), ("operation", VARCHAR),
        ("manifest_list", VARCHAR), ("summary", Type("map", (VARCHAR, VARCHAR))),
    ),
    "refs": (
        ("name", VARCHAR), ("type", VARCHAR), ("snapshot_id", BIGINT), ("max_reference_age_in_ms", BIGINT),
        ("min_snapshots_to_keep", INTEGER), ("max_snapshot_age_in_ms", BIGINT),
    ),
}  # fmt: skip


def rows(table: Any, part: str) -> Any:
    """The metadata table as an Arrow table with the columns of ``COLUMNS``."""
    import pyarrow as pa

    moment = pa.timestamp("ms", tz="UTC")
    if part == "history":
        found, kinds = _history(table), [moment, pa.int64(), pa.int64(), pa.bool_()]
    elif part == "snapshots":
        found = [
            (
                _moment(s.timestamp_ms), s.snapshot_id, s.parent_snapshot_id, s.summary and s.summary.operation.value,
                s.manifest_list, list(s.summary.additional_properties.items()) if s.summary else None,
            )
            for s in table.snapshots()
        ]  # fmt: skip
        kinds = [moment, pa.int64(), pa.int64(), pa.string(), pa.string(), pa.map_(pa.string(), pa.string())]
    else:
        found = [
            (
                n, r.snapshot_ref_type.value.upper(), r.snapshot_id, r.max_ref_age_ms, r.min_snapshots_to_keep,
                r.max_snapshot_age_ms,
            )
            for n, r in table.refs().items()
        ]  # fmt: skip
        kinds = [pa.string(), pa.string(), pa.int64(), pa.int64(), pa.int32(), pa.int64()]
    names = [n for n, _ in COLUMNS[part]]
    return pa.table(
        {
            name: pa.array([row[i] for row in found], kind)
            for i, (name, kind) in enumerate(zip(names, kinds, strict=True))
        }
    )


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _history(table: Any) -> list[tuple[Any, ...]]:
    parents = {s.snapshot_id: s.parent_snapshot_id for s in table.snapshots()}
    ancestors, at = set(), table.metadata.current_snapshot_id
    while at is not None:
        ancestors.add(at)
        at = parents.get(at)
    return [
        (_moment(h.timestamp_ms), h.snapshot_id, parents.get(h.snapshot_id), h.snapshot_id in ancestors)
        for h in table.history()
    ]
