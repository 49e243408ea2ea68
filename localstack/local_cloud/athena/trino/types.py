# ruff: noqa: PLR0911 - one return a kind of type
"""Trino's types: parsing, coercion, and their names in DuckDB, Hive and the Athena API."""

import re
from dataclasses import dataclass
from typing import Any

from local_cloud.athena.errors import QueryError


@dataclass(frozen=True)
class Type:
    """A Trino type: ``decimal`` has (precision, scale), ``varchar`` (length or None), ``timestamp`` (precision),
    ``array`` (element), ``map`` (key, value), ``row`` ((name or None, type), ...)."""

    base: str
    args: tuple[Any, ...] = ()

    def __str__(self) -> str:
        if self.base == "row":
            return "row(" + ", ".join(f"{n} {t}" if n else str(t) for n, t in self.args) + ")"
        if self.base == "timestamp with time zone" and self.args:
            return f"timestamp({self.args[0]}) with time zone"
        if self.base in ("varchar", "char") and self.args[0] is None:
            return self.base
        if self.base == "decimal" and self.args:
            return f"decimal({self.args[0]},{self.args[1]})"
        return self.base + ("(" + ", ".join(map(str, self.args)) + ")" if self.args else "")

    @property
    def integral(self) -> bool:
        return self.base in INTEGRAL

    @property
    def numeric(self) -> bool:
        return self.base in INTEGRAL or self.base in ("decimal", "real", "double")

    @property
    def text(self) -> bool:
        return self.base in ("varchar", "char")

    @property
    def temporal(self) -> bool:
        return self.base in ("date", "time", "timestamp", "timestamp with time zone")


INTEGRAL = ("tinyint", "smallint", "integer", "bigint")
BOOLEAN, TINYINT, SMALLINT, INTEGER, BIGINT = (Type(n) for n in ("boolean", *INTEGRAL))
REAL, DOUBLE, DATE, VARBINARY, JSON, UNKNOWN = (
    Type(n) for n in ("real", "double", "date", "varbinary", "json", "unknown")
)
VARCHAR = Type("varchar", (None,))
TIMESTAMP = Type("timestamp", (3,))
TIMESTAMP_TZ = Type("timestamp with time zone", (3,))
TIME = Type("time", (3,))
DAY_SECOND = Type("interval day to second")
YEAR_MONTH = Type("interval year to month")

_DUCK = {
    "boolean": "BOOLEAN", "tinyint": "TINYINT", "smallint": "SMALLINT", "integer": "INTEGER", "bigint": "BIGINT",
    "real": "FLOAT", "double": "DOUBLE", "date": "DATE", "varbinary": "BLOB", "json": "JSON", "varchar": "VARCHAR",
    "char": "VARCHAR", "time": "TIME", "timestamp": "TIMESTAMP", "unknown": "INTEGER",
    "timestamp with time zone": "STRUCT(t TIMESTAMP, z VARCHAR)",
    "interval day to second": "INTERVAL", "interval year to month": "INTERVAL",
}  # fmt: skip

_PRECISION = {"tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19}


def duck(type_: Type) -> str:
    """The DuckDB type that holds values of ``type_``; rows have positional fields f1, f2, ..."""
    if type_.base == "decimal":
        return f"DECIMAL({type_.args[0]},{type_.args[1]})"
    if type_.base == "array":
        return duck(type_.args[0]) + "[]"
    if type_.base == "map":
        return f"MAP({duck(type_.args[0])}, {duck(type_.args[1])})"
    if type_.base == "row":
        return "STRUCT(" + ", ".join(f"f{i} {duck(t)}" for i, (_, t) in enumerate(type_.args, 1)) + ")"
    return _DUCK[type_.base]


def decimal(precision: int, scale: int) -> Type:
    """decimal(precision, scale), capped at 38 digits as Trino does."""
    return Type("decimal", (min(38, precision), scale))


def array(element: Type) -> Type:
    return Type("array", (element,))


def as_decimal(type_: Type) -> Type:
    """The decimal an exact number coerces to."""
    return type_ if type_.base == "decimal" else Type("decimal", (_PRECISION[type_.base], 0))


def zoned(type_: Type) -> bool:
    """Whether values hold a timestamp with time zone: equal instants of two zones are equal, their texts differ."""
    if type_.base == "row":
        return any(zoned(t) for _, t in type_.args)
    nested = type_.base in ("array", "map") and any(zoned(t) for t in type_.args)
    return nested or type_.base == "timestamp with time zone"


_RANK = {"tinyint": 1, "smallint": 2, "integer": 3, "bigint": 4, "decimal": 5, "real": 6, "double": 7}
_TIME_RANK = {"date": 1, "timestamp": 2, "timestamp with time zone": 3}


def common(a: Type, b: Type) -> Type | None:
    """The type both coerce to (Trino's common super type), or None."""
    if a == b or b.base == "unknown":
        return a
    if a.base == "unknown":
        return b
    if a.base in _RANK and b.base in _RANK:
        return _common_number(a, b)
    if a.base in _TIME_RANK and b.base in _TIME_RANK:
        top = max(a, b, key=lambda t: _TIME_RANK[t.base])
        precisions = [t.args[0] for t in (a, b) if t.args]
        return Type(top.base, (max(precisions),))
    if a.text and b.text:
        lengths = (a.args[0], b.args[0])
        length = None if None in lengths else max(lengths)
        return Type("char" if "char" in (a.base, b.base) and length else "varchar", (length,))
    if a.base != b.base:
        return None
    if a.base in ("time",):
        return Type(a.base, (max(a.args[0], b.args[0]),))
    if a.base in ("array", "map"):
        parts = [common(x, y) for x, y in zip(a.args, b.args, strict=True)]
        return Type(a.base, tuple(parts)) if all(parts) else None
    if a.base == "row" and len(a.args) == len(b.args):
        kinds = [common(x[1], y[1]) for x, y in zip(a.args, b.args, strict=True)]
        names = [x[0] if x[0] == y[0] else None for x, y in zip(a.args, b.args, strict=True)]
        return Type("row", tuple(zip(names, kinds, strict=True))) if all(kinds) else None
    return None


def _common_number(a: Type, b: Type) -> Type:
    if a.base == b.base == "decimal" or ({a.base, b.base} & {"decimal"} and (a.integral or b.integral)):
        x, y = as_decimal(a), as_decimal(b)
        scale = max(x.args[1], y.args[1])
        return decimal(max(x.args[0] - x.args[1], y.args[0] - y.args[1]) + scale, scale)
    return max(a, b, key=lambda t: _RANK[t.base])


def coercible(source: Type, target: Type) -> bool:
    """Whether Trino casts ``source`` to ``target`` implicitly."""
    if source.base == target.base == "row" and len(source.args) == len(target.args):
        return all(coercible(s[1], t[1]) for s, t in zip(source.args, target.args, strict=True))
    if source.base == target.base and source.base in ("array", "map"):
        return all(coercible(s, t) for s, t in zip(source.args, target.args, strict=True))
    return common(source, target) == target


def hive_name(type_: Type) -> str:
    """The type as the Glue catalog writes it, e.g. ``struct<a:int>``."""
    if type_.base == "row":
        return (
            "struct<"
            + ",".join(f"{n or f'field{i}'}:{hive_name(t)}" for i, (n, t) in enumerate(type_.args))
            + ">"
        )
    if type_.base in ("array", "map"):
        return type_.base + "<" + ",".join(map(hive_name, type_.args)) + ">"
    if type_.base == "varchar":
        return "string" if type_.args[0] is None else f"varchar({type_.args[0]})"
    if type_.base in ("decimal", "char"):
        return str(type_)
    names = {"integer": "int", "real": "float", "varbinary": "binary", "timestamp": "timestamp"}
    return names.get(type_.base, type_.base)


def api_type(type_: Type) -> str:
    """The type's name in ResultSetMetadata."""
    return {"real": "float"}.get(type_.base, type_.base)


def api_precision(type_: Type) -> tuple[int, int]:
    """Precision and scale in ResultSetMetadata, as Athena reports them."""
    if type_.base == "decimal":
        return type_.args[0], type_.args[1]
    if type_.base in ("varchar", "char"):
        return (2147483647 if type_.args[0] is None else type_.args[0]), 0
    known = {
        "real": 17,
        "double": 17,
        "varbinary": 1073741824,
        "timestamp": 3,
        "timestamp with time zone": 3,
        "time": 3,
    }
    return (_PRECISION | known).get(type_.base, 0), 0


_TOKEN = re.compile(r'\s*("(?:[^"]|"")*"|[\w$]+|[<>(),:])')
_ALIASES = {
    "int": "integer",
    "float": "real",
    "string": "varchar",
    "binary": "varbinary",
    "long": "bigint",
    "short": "smallint",
    "byte": "tinyint",
    "bool": "boolean",
    "numeric": "decimal",
    "dec": "decimal",
    "list": "array",
    "struct": "row",
}


class _Reader:
    """Recursive descent over a type's text, Hive's (``array<int>``) or Trino's (``array(integer)``)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _TOKEN.findall(text)
        if "".join(self.tokens) != re.sub(r"\s+(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", "", text):
            raise self.error()
        self.at = 0

    def error(self) -> QueryError:
        return QueryError("TYPE_NOT_FOUND", f"Unknown type: {self.text}")

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, *expected: str) -> str:
        token = self.peek()
        if not token or (expected and token not in expected):
            raise self.error()
        self.at += 1
        return str(token)

    def type(self) -> Type:
        name = self.take().lower()
        name = _ALIASES.get(name, name)
        if name == "double" and self.peek().lower() == "precision":
            self.take()
        if name in ("array", "map", "row"):
            return self.nested(name)
        if name == "interval":
            return self.interval()
        arguments: list[int] = []
        if self.peek() == "(":
            self.take()
            arguments.append(self.number())
            while self.peek() == ",":
                self.take()
                arguments.append(self.number())
            self.take(")")
        return self.simple(name, arguments)

    def number(self) -> int:
        token = self.take()
        if not token.isdigit():
            raise self.error()
        return int(token)

    def interval(self) -> Type:
        words = " ".join(self.take().lower() for _ in range(3))
        type_ = Type(f"interval {words}")
        if type_ not in (DAY_SECOND, YEAR_MONTH):
            raise self.error()
        return type_

    def simple(self, name: str, arguments: list[int]) -> Type:
        if name in ("timestamp", "time"):
            precision = arguments[0] if arguments else 3
            if self.peek().lower() in ("with", "without"):
                zoned = self.take().lower() == "with"
                if self.take().lower() != "time" or self.take().lower() != "zone":
                    raise self.error()
                name = f"{name} with time zone" if zoned else name
            if precision > 6 or name == "time with time zone":
                raise QueryError(
                    "NOT_SUPPORTED", f"Type {self.text} is not supported by the local Athena engine"
                )
            return Type(name, (precision,))
        if name == "decimal":
            precision, scale = [*arguments, *(38, 0)[len(arguments) :]][:2]
            if not 1 <= precision <= 38 or scale > precision:
                raise QueryError(
                    "INVALID_FUNCTION_ARGUMENT", f"DECIMAL precision and scale out of range: {self.text}"
                )
            return Type("decimal", (precision, scale))
        if name in ("varchar", "char"):
            return Type(name, (arguments[0] if arguments else (None if name == "varchar" else 1),))
        if arguments or name not in _DUCK or name == "unknown":
            raise self.error()
        return Type(name)

    def nested(self, name: str) -> Type:
        close = {"<": ">", "(": ")"}[self.take("<", "(")]
        parts: list[Any] = [self.field() if name == "row" else self.type()]
        while self.peek() == ",":
            self.take()
            parts.append(self.field() if name == "row" else self.type())
        self.take(close)
        if len(parts) != {"array": 1, "map": 2}.get(name, len(parts)):
            raise self.error()
        return Type(name, tuple(parts))

    def field(self) -> tuple[str | None, Type]:
        following = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else ""
        if following in ("(", "<", ",", ")", ">"):
            return None, self.type()
        name = self.take()
        if self.peek() == ":":
            self.take()
        return name.strip('"').lower(), self.type()


def parse_type(text: str) -> Type:
    """The type named by ``text``, in Hive's or Trino's notation.

    Raises:
        QueryError: TYPE_NOT_FOUND, or NOT_SUPPORTED for types this engine lacks.
    """
    reader = _Reader(text)
    type_ = reader.type()
    if reader.peek():
        raise reader.error()
    return type_
