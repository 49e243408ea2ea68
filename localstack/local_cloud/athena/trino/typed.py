"""A compiled expression: DuckDB text with its Trino type."""

from dataclasses import dataclass, replace
from typing import Any

from local_cloud.athena.trino.types import Type, duck

NO_LITERAL: Any = object()


@dataclass(frozen=True)
class Typed:
    """DuckDB text ``sql`` of Trino type ``type``.

    ``volatile``: two evaluations may differ. ``literal``: the Python value where the expression is a constant.
    ``narrow``: text of the same value in a smaller DuckDB type, for who need not have ``type`` itself.
    """

    sql: str
    type: Type
    volatile: bool = False
    literal: Any = NO_LITERAL
    narrow: str = ""

    @property
    def constant(self) -> bool:
        return self.literal is not NO_LITERAL

    def with_sql(self, sql: str, type_: Type | None = None) -> "Typed":
        """The same expression inside other text: no longer a constant."""
        return replace(self, sql=sql, type=type_ or self.type, literal=NO_LITERAL, narrow="")


def quote(text: str) -> str:
    """A DuckDB string literal."""
    if "\0" in text:  # DuckDB ends a statement there
        return "(" + " || chr(0) || ".join(quote(part) for part in text.split("\0")) + ")"
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A quoted DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


def null(type_: Type) -> Typed:
    return Typed(f"CAST(NULL AS {duck(type_)})", type_, literal=None)


def slot(place: int) -> str:
    """The placeholder of an argument in a template: ``{0}``."""
    return "{" + str(place) + "}"


def slots(count: int, start: int = 0, then: str = "") -> list[str]:
    """The placeholders ``{start}`` ... ``{count - 1}``, each followed by ``then``."""
    return [slot(i) + then for i in range(start, count)]


def once(args: list[Typed], template: str, result: Type) -> Typed:
    """``template`` with its ``{0}``, ``{1}`` ... filled in; a volatile argument used twice is evaluated once."""
    sqls = [a.sql for a in args]
    wraps: list[tuple[str, str]] = []
    for i, argument in enumerate(args):
        if argument.volatile and template.count(slot(i)) > 1:
            name = f"v{i}"
            wraps.append((name, sqls[i]))
            sqls[i] = name
    sql = template
    for i in range(len(sqls) - 1, -1, -1):
        sql = sql.replace(slot(i), f"\0{i}\0")
    for i, text in enumerate(sqls):
        sql = sql.replace(f"\0{i}\0", text)
    for name, text in wraps:
        sql = f"list_transform([{text}], lambda {name}: {sql})[1]"
    return Typed(sql, result, any(a.volatile for a in args))
