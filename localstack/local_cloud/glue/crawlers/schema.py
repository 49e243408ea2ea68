"""What a crawler learns of files: their format and the columns they share."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

SIMILAR = 0.7
"""The share of columns that two files of one table have in common at least."""


@dataclass(frozen=True)
class Struct:
    """An object of JSON: names in the order they were first seen."""

    fields: "tuple[tuple[str, str | Struct | Array | None], ...]"


@dataclass(frozen=True)
class Array:
    """A list of JSON."""

    item: "str | Struct | Array | None"


Type = str | Struct | Array | None
"""A Hive type, a nested one still open, or ``None`` while nothing but null was seen."""

_LADDERS = (("tinyint", "smallint", "int", "bigint", "float", "double"),)


@dataclass(frozen=True)
class Schema:
    """The schema of a file or of many.

    Attributes:
        classification: ``csv``, ``json``, ``parquet`` or ``orc``.
        columns: name (lower case) to type, in order.
        serde: (SerDe parameters, as pairs) besides those of the classification.
        parameters: table parameters of the classification, as pairs.
        compression: ``none``, ``gzip`` or ``bzip2``.
        records: rows counted or estimated.
        size: bytes of the objects.
        objects: how many there are.
        paths: JSON's top-level names as the files spell them.
    """

    classification: str
    columns: tuple[tuple[str, Type], ...]
    serde: tuple[tuple[str, str], ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    compression: str = "none"
    records: int = 0
    size: int = 0
    objects: int = 1
    paths: tuple[str, ...] = field(default=())

    @property
    def format(self) -> tuple[object, ...]:
        """What must be equal for two files to be read by one table."""
        return self.classification, self.compression, self.serde


def unify(one: Type, other: Type) -> Type:
    """The narrowest type that holds both: numbers widen, structs join their fields, the rest is a string."""
    if one == other or other is None:
        return one
    if one is None:
        return other
    if isinstance(one, Struct) and isinstance(other, Struct):
        return Struct(tuple(_join(one.fields, other.fields)))
    if isinstance(one, Array) and isinstance(other, Array):
        return Array(unify(one.item, other.item))
    for ladder in _LADDERS:
        if one in ladder and other in ladder:
            return max(str(one), str(other), key=ladder.index)
    return "string"


def _join(one: Iterable[tuple[str, Type]], other: Iterable[tuple[str, Type]]) -> list[tuple[str, Type]]:
    joined = dict(one)
    for name, kind in other:
        joined[name] = unify(joined[name], kind) if name in joined else kind
    return list(joined.items())


def merge(schemas: list[Schema]) -> Schema:
    """One schema for several files of one format: all their columns."""
    first = schemas[0]
    columns: list[tuple[str, Type]] = list(first.columns)
    paths = dict.fromkeys(first.paths)
    for schema in schemas[1:]:
        if schema.columns != first.columns:
            columns = _join(columns, schema.columns)
        paths |= dict.fromkeys(schema.paths)
    return replace(
        first,
        columns=tuple(columns),
        records=sum(s.records for s in schemas),
        size=sum(s.size for s in schemas),
        objects=sum(s.objects for s in schemas),
        paths=tuple(paths),
    )


def compatible(schemas: list[Schema], combine: bool) -> bool:
    """Whether the files make one table.

    Source: https://docs.aws.amazon.com/glue/latest/dg/crawler-grouping-policy.html - data compatibility always,
    similarity of the columns unless ``combine`` (CombineCompatibleSchemas).
    """
    first = schemas[0]
    if any(schema.format != first.format for schema in schemas[1:]):
        return False
    if combine:
        return True
    known: dict[str, Type] = dict(first.columns)
    for schema in schemas[1:]:
        if schema.columns == first.columns:
            continue
        shared = sum(1 for name, kind in schema.columns if name in known and _alike(known[name], kind))
        if shared < SIMILAR * max(len(known), len(schema.columns), 1):
            return False
        known = dict(_join(known.items(), schema.columns))
    return True


def _alike(one: Type, other: Type) -> bool:
    return unify(one, other) != "string" or "string" in (one, other)


def render(kind: Type) -> str:
    """The Hive type's text; what was never anything but null is a string."""
    if kind is None:
        return "string"
    if isinstance(kind, Array):
        return f"array<{render(kind.item)}>"
    if isinstance(kind, Struct):
        if not kind.fields:
            return "string"
        return "struct<" + ",".join(f"{name}:{render(inner)}" for name, inner in kind.fields) + ">"
    return kind
