"""Names a query sees: fields of relations, the scans below them, lambda parameters."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from local_cloud.athena.errors import QueryError
from local_cloud.athena.trino.typed import Typed
from local_cloud.athena.trino.types import Type

ColumnOf = tuple[int, str]  # (scan number, column name)


@dataclass(frozen=True)
class Field:
    """A column of a relation.

    ``qualifier`` is the relation's alias or (catalog, schema, table) path, lower case. ``origins``: the scan columns
    whose values it has unchanged, so that a predicate on it may prune partitions. ``needs``: the scan columns read
    for it.
    """

    name: str | None
    sql: str
    type: Type
    qualifier: tuple[str, ...] = ()
    origins: tuple[ColumnOf, ...] = ()
    needs: frozenset[ColumnOf] = frozenset()
    hidden: bool = False

    def typed(self) -> Typed:
        return Typed(self.sql, self.type)


@dataclass
class Scope:
    """The fields visible to an expression; ``parent`` holds those of the enclosing query."""

    fields: list[Field] = field(default_factory=list)
    parent: "Scope | None" = None

    def find(self, path: tuple[str, ...]) -> tuple[Field, int] | None:
        """The field a dotted path starts with, and how many of its parts name it; inner scopes first.

        Raises:
            QueryError: AMBIGUOUS_NAME.
        """
        for used in range(len(path), 0, -1):
            *qualifier, name = path[:used]
            hits = [
                f
                for f in self.fields
                if f.name is not None and f.name.lower() == name
                and (not qualifier or f.qualifier[-len(qualifier) :] == tuple(qualifier))
            ]  # fmt: skip
            if len(hits) > 1:
                raise QueryError("AMBIGUOUS_NAME", f"Column '{'.'.join(path[:used])}' is ambiguous")
            if hits:
                return hits[0], used
        return self.parent.find(path) if self.parent else None


class Needs:
    """Collects the scan columns that the expressions compiled inside a block read."""

    def __init__(self) -> None:
        self._stack: list[set[ColumnOf]] = [set()]

    def add(self, columns: frozenset[ColumnOf]) -> None:
        self._stack[-1] |= columns

    @property
    def always(self) -> set[ColumnOf]:
        """What is read whatever the output: filters, joins, keys."""
        return self._stack[0]

    @contextmanager
    def collect(self) -> Iterator[set[ColumnOf]]:
        """Columns read inside the block go to the yielded set instead of the enclosing one."""
        self._stack.append(set())
        try:
            yield self._stack[-1]
        finally:
            self._stack.pop()

    @contextmanager
    def into_always(self) -> Iterator[None]:
        """Columns read inside the block are read in any case."""
        self._stack.append(self._stack[0])
        try:
            yield
        finally:
            self._stack.pop()
