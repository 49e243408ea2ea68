"""The engine's database: one SQLite file, one writing thread, group commit.

Two ways in. ``write`` runs a transaction and returns when it is on disk. ``later`` records a change that is written
with the next commit: a job's progress, which nobody waits for. Readers see committed rows only, so what DescribeJobs
answers has survived whatever comes.
"""

import base64
import json
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from local_cloud.errors import ServiceError

log = logging.getLogger(__name__)

Row = tuple[Any, ...]
Result = TypeVar("Result")
Change = tuple[str, Row]
_Request = tuple[Callable[[sqlite3.Connection], Any], Future[Any]]

GATHER_SECONDS = 0.005
"""How long a commit that nobody waits for gathers further changes."""

RETRY_SECONDS = 0.5

SCHEMA = """
CREATE TABLE IF NOT EXISTS environments (name TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS queues (name TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS policies (name TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS definitions (
    name TEXT NOT NULL, revision INTEGER NOT NULL, status TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (name, revision)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tags (
    arn TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (arn, name)
) WITHOUT ROWID;
-- body: what was submitted, never changed. size: of an array, 0 for a single job. rest: the status of an array's
-- children that have no row of their own, rest_reason its reason. ending: cancel or terminate, once asked for.
CREATE TABLE IF NOT EXISTS jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    queue TEXT NOT NULL,
    name TEXT NOT NULL,
    definition TEXT NOT NULL,
    created INTEGER NOT NULL,
    size INTEGER NOT NULL,
    body TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'SUBMITTED',
    reason TEXT NOT NULL DEFAULT '',
    started INTEGER,
    stopped INTEGER,
    attempts TEXT NOT NULL DEFAULT '[]',
    ending TEXT NOT NULL DEFAULT '',
    rest TEXT NOT NULL DEFAULT 'SUBMITTED',
    rest_reason TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS jobs_queue ON jobs (queue, status, seq);
CREATE INDEX IF NOT EXISTS jobs_live ON jobs (seq) WHERE status NOT IN ('SUCCEEDED', 'FAILED');
CREATE TABLE IF NOT EXISTS children (
    parent TEXT NOT NULL,
    idx INTEGER NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    started INTEGER,
    stopped INTEGER,
    attempts TEXT NOT NULL,
    ending TEXT NOT NULL,
    PRIMARY KEY (parent, idx)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS children_status ON children (parent, status);
"""


CHILD = (
    "INSERT OR REPLACE INTO children SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, "
    "value ->> 5, value ->> 6, value ->> 7 FROM json_each(?)"
)
"""Writes rows of ``children``: as a change for ``later`` its parameters are one row."""


def dumps(value: Any) -> str:
    """Compact JSON text."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def milliseconds() -> int:
    """The present as Batch gives it: milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Store:
    """The database of one engine."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._local = threading.local()
        self._lock = threading.Lock()
        self._readers: list[sqlite3.Connection] = []
        self._connect().executescript(SCHEMA)
        self._later: dict[str, Change] = {}
        self._notes: list[Any] = []
        self._later_lock = threading.Lock()
        self._work: queue.SimpleQueue[_Request] = queue.SimpleQueue()
        self._woken = threading.Event()
        self._closed = False
        self.committed: Callable[[list[Any]], None] = lambda _: None
        """Called on the writing thread with the notes of what a commit has just made durable."""
        self._thread = threading.Thread(target=self._write_loop, name="batch-store", daemon=True)
        self._thread.start()

    def write(self, transaction: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run a transaction on the writing thread; on disk when this returns. What it raises, this raises."""
        done: Future[Result] = Future()
        self._work.put((transaction, done))
        self._woken.set()
        return done.result()

    def later(self, key: str, sql: str, parameters: Row, note: Any = None) -> None:
        """Record a change for the next commit. While the disk cannot be written, it is tried again and again.

        Args:
            key: changes of one key replace each other: only the last before a commit is written.
            sql: the statement and its ``parameters``.
            note: handed to ``committed`` when the change is on disk, for each change of a key.
        """
        with self._later_lock:
            self._later[key] = (sql, parameters)
            if note is not None:
                self._notes.append(note)
        self._woken.set()

    def flush(self) -> None:
        """Return when every change recorded before is on disk."""
        self.write(lambda _: None)

    def read(self, sql: str, parameters: Iterable[Any] = ()) -> list[Row]:
        """All rows of a query over committed data."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
        return connection.execute(sql, tuple(parameters)).fetchall()

    def one(self, sql: str, parameters: Iterable[Any] = ()) -> Row | None:
        """The first row of a query, or None."""
        rows = self.read(sql, parameters)
        return rows[0] if rows else None

    def close(self) -> None:
        """Write what is left and close every connection."""
        self._closed = True
        self._woken.set()
        self._thread.join()
        with self._lock:
            for connection in self._readers:
                connection.close()
            self._readers.clear()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=30)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        with self._lock:
            self._readers.append(connection)
        return connection

    def _write_loop(self) -> None:
        connection = self._connect()
        while True:
            self._woken.wait()
            if self._work.empty() and not self._closed:
                time.sleep(GATHER_SECONDS)
            self._woken.clear()
            if not self._commit(connection) and self._closed and self._work.empty():
                return
            if self._closed:
                self._woken.set()

    def _commit(self, connection: sqlite3.Connection) -> bool:
        """One transaction of everything that waits; False if nothing did."""
        asked: list[_Request] = []
        while not self._work.empty():
            asked.append(self._work.get())
        with self._later_lock:
            changes, self._later = self._later, {}
            notes, self._notes = self._notes, []
        if not asked and not changes:
            return False
        try:
            connection.execute("BEGIN IMMEDIATE")
            _apply(connection, changes)
            answers = [_attempt(connection, transaction) for transaction, _ in asked]
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._failed(connection, error, asked, changes, notes)
            return False
        for (_, future), answer in zip(asked, answers, strict=True):
            if isinstance(answer, BaseException):
                future.set_exception(answer)
            else:
                future.set_result(answer)
        if notes:
            self.committed(notes)
        return True

    def _failed(
        self,
        connection: sqlite3.Connection,
        error: sqlite3.Error,
        asked: list[_Request],
        changes: dict[str, Change],
        notes: list[Any],
    ) -> None:
        """Those who wait learn of it; what nobody waits for is written with a later commit."""
        log.exception("The Batch database could not be written.")
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        for _, future in asked:
            future.set_exception(error)
        if changes and not self._closed:
            with self._later_lock:
                self._later = changes | self._later
                self._notes = notes + self._notes
            self._woken.set()
            time.sleep(RETRY_SECONDS)


def _apply(connection: sqlite3.Connection, changes: dict[str, Change]) -> None:
    """Write changes; those of array children, of which there are thousands, by one statement."""
    children = []
    for sql, parameters in changes.values():
        if sql is CHILD:
            children.append(parameters)
        else:
            connection.execute(sql, parameters)
    if children:
        connection.execute(CHILD, (dumps(children),))


def _attempt(connection: sqlite3.Connection, transaction: Callable[[sqlite3.Connection], Any]) -> Any:
    """A transaction's result, or what it raised, with its own changes undone and no one else's."""
    connection.execute("SAVEPOINT request")
    try:
        result = transaction(connection)
    except sqlite3.Error:
        raise
    except Exception as error:  # noqa: BLE001 - handed to the caller, who raises it
        connection.execute("ROLLBACK TO request")
        result = error
    connection.execute("RELEASE request")
    return result


def encode_token(*position: Any) -> str:
    """An opaque ``nextToken`` that holds where the next page starts."""
    return base64.urlsafe_b64encode(dumps(position).encode()).decode()


def decode_token(token: str | None, size: int = 1) -> list[Any] | None:
    """The position inside a ``nextToken``.

    Raises:
        ServiceError: ``ClientException`` for a token that was not made by ``encode_token``.
    """
    if not token:
        return None
    try:
        position = json.loads(base64.urlsafe_b64decode(token.encode()))
    except ValueError:
        position = None
    if not isinstance(position, list) or len(position) != size:
        raise ServiceError("ClientException", "Invalid nextToken.")
    return position
