"""From classified files to tables and partitions.

Rules: https://docs.aws.amazon.com/glue/latest/dg/crawler-s3-folder-table-partition.html - folders of one depth
whose files are of one format and similar columns are the partitions of one table; otherwise each folder is a table.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from local_cloud.glue.crawlers.schema import Schema, compatible, merge


@dataclass(frozen=True)
class Partition:
    """One folder of data below a table's."""

    values: tuple[str, ...]
    location: str
    schema: Schema


@dataclass(frozen=True)
class FoundTable:
    """A table: ``location`` is an ``s3://`` path, ``keys`` the names of its partition keys."""

    name: str
    location: str
    schema: Schema
    keys: tuple[str, ...] = ()
    partitions: tuple[Partition, ...] = ()


@dataclass
class _Folder:
    files: dict[str, Schema] = field(default_factory=dict)
    folders: "dict[str, _Folder]" = field(default_factory=dict)


@dataclass(frozen=True)
class _Uniform:
    """A folder whose files make one table; ``leaves`` have as many folder names as there are ``keys``."""

    schema: Schema
    keys: tuple[str | None, ...]
    leaves: tuple[tuple[tuple[str, ...], Schema], ...]


def tables(
    bucket: str, prefix: str, files: dict[str, Schema], *, combine: bool, level: int | None
) -> list[FoundTable]:
    """The tables of an include path.

    Args:
        bucket: the bucket's name.
        prefix: the include path's folder, ending in ``/`` or empty; or the key of a single object.
        files: key to schema of every object below it.
        combine: ``CombineCompatibleSchemas``.
        level: ``TableLevelConfiguration``: the depth at which tables lie, the bucket being 1.
    """
    if not prefix.endswith("/") and list(files) == [prefix]:
        return [_file_table(bucket, prefix, files[prefix])]
    roots: dict[str, dict[str, Schema]] = {}
    for key, schema in files.items():
        root = prefix
        if level is not None:
            parts = key.split("/")[:-1][: level - 1]
            root = max(prefix, "".join(f"{part}/" for part in parts), key=len)
        roots.setdefault(root, {})[key] = schema
    found: list[FoundTable] = []
    for root, inside in sorted(roots.items()):
        found += _tables(_tree(root, inside), bucket, root, combine)
    return found


def _tree(root: str, files: dict[str, Schema]) -> _Folder:
    tree = _Folder()
    for key, schema in files.items():
        *folders, name = key[len(root) :].split("/")
        folder = tree
        for part in folders:
            folder = folder.folders.setdefault(part, _Folder())
        folder.files[name] = schema
    return tree


def _tables(folder: _Folder, bucket: str, prefix: str, combine: bool) -> Iterator[FoundTable]:
    uniform = _uniform(folder, combine)
    if uniform is not None:
        yield _table(bucket, prefix, uniform)
        return
    for name, inner in sorted(folder.folders.items()):
        yield from _tables(inner, bucket, f"{prefix}{name}/", combine)
    for name, schema in sorted(folder.files.items()):
        yield _file_table(bucket, prefix + name, schema)


def _uniform(folder: _Folder, combine: bool) -> _Uniform | None:
    if bool(folder.files) == bool(folder.folders):
        return None
    if folder.files:
        schemas = list(folder.files.values())
        if not compatible(schemas, combine):
            return None
        schema = merge(schemas)
        return _Uniform(schema, (), (((), schema),))
    inner = {name: _uniform(child, combine) for name, child in sorted(folder.folders.items())}
    parts = [part for part in inner.values() if part is not None]
    if len(parts) < len(inner) or len({part.keys for part in parts}) > 1:
        return None
    if not compatible([part.schema for part in parts], combine):
        return None
    leaves = tuple(
        ((name, *names), schema) for name, part in inner.items() if part for names, schema in part.leaves
    )
    return _Uniform(merge([part.schema for part in parts]), (_key(list(inner)), *parts[0].keys), leaves)


def _key(names: list[str]) -> str | None:
    """The key of ``key=value`` folders, or ``None`` where they are plain names."""
    keys = {name.partition("=")[0].lower() if "=" in name else None for name in names}
    return keys.pop() if len(keys) == 1 else None


def _table(bucket: str, prefix: str, uniform: _Uniform) -> FoundTable:
    location = f"s3://{bucket}/{prefix}"
    keys = tuple(key or f"partition_{number}" for number, key in enumerate(uniform.keys))
    partitions = tuple(
        Partition(
            tuple(
                unquote(name.partition("=")[2]) if key else name
                for key, name in zip(uniform.keys, names, strict=True)
            ),
            location + "".join(f"{name}/" for name in names),
            schema,
        )
        for names, schema in uniform.leaves
    )
    name = table_name((prefix.rstrip("/") or bucket).rpartition("/")[2])
    return FoundTable(name, location, uniform.schema, keys, partitions if keys else ())


def _file_table(bucket: str, key: str, schema: Schema) -> FoundTable:
    return FoundTable(table_name(key.rpartition("/")[2]), f"s3://{bucket}/{key}", schema)


def table_name(name: str) -> str:
    """A name the catalog and Athena take: lower case, anything but letters and digits as ``_``."""
    return (
        re.sub(r"[^a-z0-9_]", "_", name.partition("=")[2].lower() if "=" in name else name.lower()) or "table"
    )


def other_name(name: str, location: str) -> str:
    """The name of a second table of the same name, as AWS gives it: with a hash of where it lies."""
    return f"{name}_{hashlib.md5(location.encode(), usedforsecurity=False).hexdigest()}"
