"""Partitions whose registered columns differ from the table's.

https://docs.aws.amazon.com/athena/latest/ug/updates-and-partitions.html
"""

from collections.abc import Sequence
from typing import Any

from local_cloud.athena.catalog import Partition, Table
from local_cloud.athena.errors import QueryError
from local_cloud.athena.trino.types import Type, hive_name, parse_type

_BY_PLACE = ("lazy", "opencsv", "orc")
_WIDER = {"tinyint": 1, "smallint": 2, "integer": 3, "bigint": 4}


def check(table: Table, partitions: Sequence[Partition]) -> None:
    """The table's declaration wins where the partition's type can be read as it.

    Raises:
        QueryError: HIVE_PARTITION_SCHEMA_MISMATCH.
    """
    own = _listed((table.raw.get("StorageDescriptor") or {}).get("Columns") or [])
    known: set[tuple[tuple[str, str], ...]] = {own}
    for partition in partitions:
        if not partition.columns or partition.columns in known:
            continue
        _compare(table, partition)
        known.add(partition.columns)


def _listed(columns: list[dict[str, Any]]) -> tuple[tuple[str, str], ...]:
    return tuple((c["Name"], c["Type"]) for c in columns)


def _compare(table: Table, partition: Partition) -> None:
    by_name = {name.lower(): (name, kind) for name, kind in partition.columns}
    for place, column in enumerate(table.columns):
        if table.format in _BY_PLACE:
            found = partition.columns[place] if place < len(partition.columns) else None
        else:
            found = by_name.get(column.name)
        if found is None or readable(parse_type(found[1]), column.type):
            continue
        where = "/".join(f"{k.name}={v}" for k, v in zip(table.partition_keys, partition.values, strict=True))
        raise QueryError(
            "HIVE_PARTITION_SCHEMA_MISMATCH",
            "There is a mismatch between the table and partition schemas. The types are incompatible and cannot be "
            f"coerced. The column '{column.name}' in table '{table.database}.{table.name}' is declared as type "
            f"'{hive_name(column.type)}', but partition '{where}' declared column '{found[0]}' as type '{found[1]}'.",
        )


def readable(source: Type, target: Type) -> bool:
    """Whether values declared as ``source`` are read as ``target``: the same, or wider."""
    if source.base in _WIDER and target.base in _WIDER:
        return _WIDER[source.base] <= _WIDER[target.base]
    if source.base != target.base:
        return (source.base, target.base) == ("real", "double")
    if source.base == "decimal":
        whole = target.args[0] - target.args[1] >= source.args[0] - source.args[1]
        return bool(whole and target.args[1] >= source.args[1])
    if source.base in ("array", "map"):
        return all(readable(s, t) for s, t in zip(source.args, target.args, strict=True))
    if source.base == "row":
        known = dict(source.args)
        return all(readable(known[n], t) for n, t in target.args if n in known)
    return source == target or source.base == "varchar"
