"""A catalog table's registered partitions as few reads: one per folder under which they lie as ``key=value/...``."""

from dataclasses import dataclass
from typing import Any

from local_glue import folders, s3

Values = dict[str, str]


@dataclass
class Root:
    """A folder whose partition folders are all registered, so that it can be read whole."""

    path: str
    partitions: list[tuple[str, Values]]


def split(
    table: dict[str, Any], partitions: list[dict[str, Any]]
) -> tuple[list[Root], list[tuple[str, Values]]]:
    """Roots to be read whole, and partitions to be read alone; those without files are left out."""
    roots: dict[str, list[tuple[str, Values]]] = {}
    alone: list[tuple[str, Values]] = []
    for location, values in places(table, partitions):
        tail = _tail(values)
        if s3.is_s3(location) and location.rstrip("/").endswith("/" + tail):
            roots.setdefault(location.rstrip("/")[: -len(tail)], []).append((location, values))
        else:
            alone.append((location, values))
    whole = []
    for path, found in roots.items():
        if len(found) > 1 and (present := _registered(path, found)) is not None:
            whole += [Root(path, present)] if present else []
        else:
            alone += found
    return whole, [(where, values) for where, values in alone if not s3.is_s3(where) or _exists(where)]


def places(table: dict[str, Any], partitions: list[dict[str, Any]]) -> list[tuple[str, Values]]:
    """Where each partition lies, and its values."""
    names = [key["Name"] for key in table["PartitionKeys"]]
    found = []
    for partition in partitions:
        values = dict(zip(names, partition["Values"], strict=True))
        found.append((_location(table, values, partition), values))
    return found


def _registered(path: str, found: list[tuple[str, Values]]) -> list[tuple[str, Values]] | None:
    """The partitions that have files; ``None`` if there are files under the root that belong to none."""
    bucket, prefix = s3.split(path)
    by_folder = {_tail(values): (where, values) for where, values in found}
    seen = set()
    for entry in s3.objects(f"s3://{bucket}/{prefix}"):
        folder = entry["Key"][len(prefix) :].rpartition("/")[0]
        if folder not in by_folder:
            return None
        seen.add(folder)
    return [by_folder[folder] for folder in sorted(seen)]


def _exists(location: str) -> bool:
    return s3.exists(location.rstrip("/") + "/")


def _tail(values: Values) -> str:
    return "/".join(f"{name}={folders.escape(value)}" for name, value in values.items())


def _location(table: dict[str, Any], values: Values, partition: dict[str, Any]) -> str:
    location = partition.get("StorageDescriptor", {}).get("Location")
    if location:
        return str(location)
    return f"{table['StorageDescriptor']['Location'].rstrip('/')}/{_tail(values)}/"


def union(frames: list[Any]) -> Any:
    """A balanced tree, so that a plan of many partitions stays shallow. All frames have one schema."""
    from pyspark.sql.connect import plan
    from pyspark.sql.connect.dataframe import DataFrame

    def pair(a: Any, b: Any) -> Any:
        both = plan.SetOperation(a._plan, b._plan, "union", is_all=True)
        return DataFrame.withPlan(both, a._session)

    while len(frames) > 1:
        pairs = [frames[i : i + 2] for i in range(0, len(frames), 2)]
        frames = [pair(*two) if len(two) == 2 else two[0] for two in pairs]
    return frames[0]
