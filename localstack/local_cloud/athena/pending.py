"""What running statements have written and not committed: hidden from queries until the statement has succeeded.

Objects of Hive tables appear one by one, so an INSERT of several files would be seen by halves. Their names begin with
the statement's id; the statement's record turning SUCCEEDED in SQLite is the commit, and a query decides once, at its
start, which statements it sees.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable

from local_cloud.athena.state import State

KEPT = 100_000
"""Statements remembered after their end, for queries that began before them."""
_ID = 36


class Pending:
    """The statements that write, in the order they began."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._lock = threading.Lock()
        self._begun: OrderedDict[str, int] = OrderedDict()
        self._open: set[str] = set()
        self._tables: dict[tuple[str, str], str] = {}
        self._count = 0

    def begin(self, id_: str, table: tuple[str, str] | None = None) -> None:
        """The statement is about to write objects, or to create ``table`` (database, name)."""
        with self._lock:
            if id_ not in self._begun:
                self._count += 1
                self._begun[id_] = self._count
            self._open.add(id_)
            if table is not None:
                self._tables[table] = id_
            while len(self._begun) > KEPT:
                self._begun.popitem(last=False)

    def end(self, id_: str) -> None:
        """The statement is settled: what it wrote is committed or gone."""
        with self._lock:
            self._open.discard(id_)
            self._tables = {table: i for table, i in self._tables.items() if i != id_}

    def seen(self) -> "Seen":
        """What a query that starts now sees."""
        with self._lock:
            count, unsettled, tables = self._count, set(self._open), dict(self._tables)
        hidden = {i for i in unsettled if not self._succeeded(i)}
        return Seen(
            hidden, {t for t, i in tables.items() if i in hidden}, lambda i: self._begun.get(i, 0) > count
        )

    def _succeeded(self, id_: str) -> bool:
        found = self._state.get("execution", id_)
        return found is not None and found["Status"]["State"] == "SUCCEEDED"


class Seen:
    """One query's view of the writes around it."""

    def __init__(self, hidden: set[str], tables: set[tuple[str, str]], later: Callable[[str], bool]) -> None:
        self._hidden, self._tables, self._later = hidden, tables, later

    def object(self, key: str) -> bool:
        """Whether the object is there for the query."""
        id_ = key.rpartition("/")[2][:_ID]
        return id_ not in self._hidden and not self._later(id_)

    def table(self, database: str, name: str) -> bool:
        """Whether the table is there for the query."""
        return (database, name) not in self._tables


EVERYTHING = Seen(set(), set(), lambda _: False)
