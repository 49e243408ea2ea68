"""The engine's own database: one SQLite file, written by one thread at a time, read by many."""

import base64
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local_cloud.errors import ServiceError

SCHEMA = """
CREATE TABLE IF NOT EXISTS databases (name TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tables (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    database TEXT NOT NULL REFERENCES databases(name) ON DELETE CASCADE,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (database, name)
);
CREATE TABLE IF NOT EXISTS table_versions (
    table_id INTEGER NOT NULL REFERENCES tables(id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (table_id, version)
) WITHOUT ROWID;
-- k0..k3: the first four partition values in their column's own order (see keys.py); "keys" has them all.
CREATE TABLE IF NOT EXISTS partitions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    table_id INTEGER NOT NULL REFERENCES tables(id) ON DELETE CASCADE,
    vals TEXT NOT NULL,
    keys TEXT NOT NULL,
    k0, k1, k2, k3,
    body TEXT NOT NULL,
    UNIQUE (table_id, vals)
);
CREATE INDEX IF NOT EXISTS partitions_k0 ON partitions (table_id, k0);
CREATE INDEX IF NOT EXISTS partitions_k1 ON partitions (table_id, k1);
CREATE INDEX IF NOT EXISTS partitions_k2 ON partitions (table_id, k2);
CREATE INDEX IF NOT EXISTS partitions_k3 ON partitions (table_id, k3);
-- vals is '' for the statistics of a whole table.
CREATE TABLE IF NOT EXISTS column_statistics (
    table_id INTEGER NOT NULL REFERENCES tables(id) ON DELETE CASCADE,
    vals TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (table_id, vals, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS partition_indexes (
    table_id INTEGER NOT NULL REFERENCES tables(id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (table_id, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS functions (
    database TEXT NOT NULL REFERENCES databases(name) ON DELETE CASCADE,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (database, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS connections (name TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tags (
    arn TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (arn, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS jobs (name TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS job_runs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    job TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    pid INTEGER,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS job_runs_job ON job_runs (job, seq);
CREATE INDEX IF NOT EXISTS job_runs_live ON job_runs (state)
    WHERE state IN ('STARTING', 'RUNNING', 'STOPPING');
CREATE TABLE IF NOT EXISTS job_bookmarks (
    job TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (job, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS classifiers (name TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS crawlers (name TEXT PRIMARY KEY, state TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS crawls (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    crawler TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS crawls_crawler ON crawls (crawler, seq);
-- The folders a crawler with CRAWL_NEW_FOLDERS_ONLY has seen.
CREATE TABLE IF NOT EXISTS crawled_folders (
    crawler TEXT NOT NULL, folder TEXT NOT NULL, PRIMARY KEY (crawler, folder)
) WITHOUT ROWID;
-- due: seconds since 1970, UTC.
CREATE TABLE IF NOT EXISTS schedules (
    kind TEXT NOT NULL, name TEXT NOT NULL, expression TEXT NOT NULL, due REAL NOT NULL, PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS triggers (name TEXT PRIMARY KEY, workflow TEXT, body TEXT NOT NULL);
-- The conditions of a trigger that are met; scope is a workflow run's id, '' outside workflows.
CREATE TABLE IF NOT EXISTS conditions_met (
    trigger TEXT NOT NULL REFERENCES triggers(name) ON DELETE CASCADE,
    scope TEXT NOT NULL,
    position INTEGER NOT NULL,
    job_run TEXT,
    PRIMARY KEY (trigger, scope, position)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS workflows (name TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS workflow_runs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    workflow TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS workflow_runs_workflow ON workflow_runs (workflow, seq);
"""


def now() -> datetime:
    """The present in UTC, to the millisecond as Glue gives it."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def dumps(value: Any) -> str:
    """JSON text of a boto3-shaped value: times and bytes survive the way back through ``loads``."""
    return json.dumps(value, default=_encode, separators=(",", ":"), ensure_ascii=False)


def loads(text: str) -> Any:
    """The inverse of ``dumps``."""
    return json.loads(text, object_hook=_decode)


def _encode(value: object) -> dict[str, object]:
    if isinstance(value, datetime):
        return {"$time": value.timestamp()}
    if isinstance(value, bytes | bytearray):
        return {"$bytes": base64.b64encode(value).decode()}
    raise TypeError(f"cannot store {type(value).__name__}")


def _decode(value: dict[str, Any]) -> Any:
    if len(value) == 1:
        if "$time" in value:
            return datetime.fromtimestamp(value["$time"], UTC)
        if "$bytes" in value:
            return base64.b64decode(value["$bytes"])
    return value


class Store:
    """SQLite with one writer and a reader per thread.

    WAL with ``synchronous=FULL``: a transaction that returned survives ``kill -9`` and a power cut.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._local = threading.local()
        self._write_lock = threading.RLock()
        self._all: list[sqlite3.Connection] = []
        self._writer = self._connect()
        self._writer.executescript(SCHEMA)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=30)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA case_sensitive_like = ON")
        self._all.append(connection)
        return connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is on disk when the block ends, or none if it raises."""
        with self._write_lock:
            if self._writer.in_transaction:  # a nested block joins the outer transaction
                yield self._writer
                return
            self._writer.execute("BEGIN IMMEDIATE")
            self._local.writing = True  # this thread's reads now see its own writes
            try:
                yield self._writer
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            finally:
                self._local.writing = False
            self._writer.execute("COMMIT")

    def read(self, sql: str, parameters: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query, on this thread's connection; inside ``write`` as the transaction sees it."""
        if getattr(self._local, "writing", False):
            return self._writer.execute(sql, tuple(parameters)).fetchall()
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            with self._write_lock:
                connection = self._local.connection = self._connect()
        return connection.execute(sql, tuple(parameters)).fetchall()

    def one(self, sql: str, parameters: Iterable[Any] = ()) -> tuple[Any, ...] | None:
        """The first row of a query, or ``None``."""
        rows = self.read(sql, parameters)
        return rows[0] if rows else None

    def close(self) -> None:
        """Close every connection; the log is folded into the database."""
        with self._write_lock:
            for connection in self._all:
                connection.close()
            self._all.clear()


def encode_token(*position: Any) -> str:
    """An opaque ``NextToken`` that holds where the next page starts."""
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode()


def decode_token(token: str | None, size: int = 1) -> list[Any] | None:
    """The position inside a ``NextToken``.

    Raises:
        ServiceError: ``InvalidInputException`` for a token that was not made by ``encode_token``.
    """
    if not token:
        return None
    try:
        position = json.loads(base64.urlsafe_b64decode(token.encode()))
    except ValueError:
        position = None
    if not isinstance(position, list) or len(position) != size:
        raise ServiceError("InvalidInputException", "Invalid pagination token provided.")
    return position
