"""What a base service acknowledged is on disk before the client hears of it.

MiniStack keeps its control plane in memory and writes it when it is stopped politely. Here the response to a
request that may have changed something is held until the services it touches are checkpointed to SQLite
(WAL, synchronous=FULL). Waiting responses share a checkpoint (group commit), and a checkpoint writes only
records that changed.

Work that no client waits for (a state machine moving on, a scheduled rule) is caught by a sweep.
"""

import asyncio
import contextlib
import importlib
import json
import logging
import sqlite3
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local_cloud import state_records

log = logging.getLogger(__name__)

SWEEP_SECONDS = (1.0, 15.0)
"""How often everything loaded is checkpointed for work done in the background: often while there is work, seldom
when nothing changes."""

EVERYTHING = frozenset({"*"})
TOUCHES: dict[str, frozenset[str]] = {
    "s3": frozenset({"s3"}),
    "s3-control": frozenset({"s3"}),
    "sqs": frozenset({"sqs"}),
    "sns": frozenset({"sns", "sqs"}),
    "events": frozenset({"eventbridge", "sqs", "sns"}),
    "scheduler": frozenset({"scheduler"}),
    "logs": frozenset({"cloudwatch_logs"}),
    "monitoring": frozenset({"cloudwatch"}),
    "iam": frozenset({"iam"}),
    "sts": frozenset({"iam"}),
    "secretsmanager": frozenset({"secretsmanager"}),
    "ssm": frozenset({"ssm"}),
    "kms": frozenset({"kms"}),
}
"""Service to the MiniStack modules (by state key) whose state a request to it can change; others: all."""

S3_EVENT_TOUCHES = frozenset({"sqs", "sns", "eventbridge"})
"""What an S3 event notification can change."""

_RETRIES = 20


class StateStore:
    """The records on disk."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS record (service TEXT, name TEXT, value TEXT NOT NULL, "
            "PRIMARY KEY (service, name)) WITHOUT ROWID"
        )

    def read(self) -> dict[str, list[tuple[str, str]]]:
        """Every service's (name, value) rows, ordered by name."""
        rows: dict[str, list[tuple[str, str]]] = {}
        for service, name, value in self._db.execute("SELECT service, name, value FROM record"):
            rows.setdefault(service, []).append((name, value))
        for found in rows.values():
            found.sort(key=lambda row: json.loads(row[0]))
        return rows

    def write(self, changes: list[tuple[str, str, str | None]]) -> None:
        """Applies (service, name, value or None to delete) in one transaction, on disk when it returns."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "DELETE FROM record WHERE service = ? AND name = ?",
                [(service, name) for service, name, value in changes if value is None],
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO record VALUES (?, ?, ?)",
                [change for change in changes if change[2] is not None],
            )

    def close(self) -> None:
        """Folds the write-ahead log into the database and closes it."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()


class Checkpointer:
    """Group commit of MiniStack's state. All methods but ``restore`` belong to the event loop."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._app = importlib.import_module("ministack.app")
        self._written: dict[str, dict[str, tuple[Any, str | int]]] = {}
        self._wanted: set[str] = set()
        self._changes_written = 0
        self._next: asyncio.Future[None] | None = None
        self._runner: asyncio.Task[None] | None = None

    def restore(self) -> None:
        """Gives every service its records back. Call once, before requests are served."""
        for service, rows in self._store.read().items():
            state = state_records.rebuild(rows)
            if service == "sqs":
                _rehome_queues(state, self._app._get_module("sqs"))
            self._app._get_module(self._app._state_map[service]).load_persisted_state(state)
            self._written[service] = {name: (None, hash(value)) for name, value in rows}

    async def commit(self, services: Iterable[str]) -> None:
        """Returns when the present state of ``services`` is on disk.

        Raises:
            OSError, sqlite3.Error: it cannot be written; the request must not be acknowledged.
        """
        self._wanted.update(services)
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        waiting = self._next
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        await asyncio.shield(waiting)

    async def sweep_forever(self) -> None:
        """Checkpoints everything loaded, again and again; ends by cancellation."""
        pause, seen = SWEEP_SECONDS[0], self._changes_written
        while True:
            await asyncio.sleep(pause)
            try:
                await self.commit(EVERYTHING)
            except (OSError, sqlite3.Error):
                log.exception("Background state could not be written; it is tried again.")
            pause = SWEEP_SECONDS[0] if self._changes_written != seen else min(2 * pause, SWEEP_SECONDS[1])
            seen = self._changes_written

    async def close(self) -> None:
        """The last checkpoint."""
        await self.commit(EVERYTHING)
        self._store.close()

    async def _run(self) -> None:
        while self._next is not None:
            services, done = self._wanted, self._next
            self._wanted, self._next = set(), None
            try:
                await self._flush(services)
            except BaseException as error:  # noqa: BLE001 - every waiting response must learn of it
                done.set_exception(error)
                with contextlib.suppress(asyncio.InvalidStateError):
                    done.exception()  # a client that left does not leave an "exception never retrieved"
            else:
                done.set_result(None)

    async def _flush(self, services: set[str]) -> None:
        changes: list[tuple[str, str, str | None]] = []
        written: dict[str, dict[str, tuple[Any, str | int]]] = {}
        for service, module in self._loaded(services):
            for attempt in range(_RETRIES):
                try:
                    written[service], found = self._changes(service, module)
                    break
                except RuntimeError:  # a worker thread changed a dict while it was walked
                    if attempt == _RETRIES - 1:
                        raise
                    await asyncio.sleep(0.001)
            changes += found
        if changes:
            await asyncio.to_thread(self._store.write, changes)
            self._changes_written += len(changes)
        self._written.update(written)

    def _loaded(self, services: set[str]) -> list[tuple[str, Any]]:
        """The modules meant by ``services`` that are in use, including those only other modules imported."""
        loaded = []
        for service, module_name in self._app._state_map.items():
            if "*" in services or service in services:
                module = self._app._loaded_modules.get(module_name)
                module = module or sys.modules.get(f"ministack.services.{module_name}")
                if module is not None and hasattr(module, "get_state"):
                    loaded.append((service, module))
        return loaded

    def _changes(self, service: str, module: Any) -> tuple[dict[str, Any], list[tuple[str, str, str | None]]]:
        before = self._written.get(service, {})
        state = state_records.live_state(module)
        if state is None:
            return before, []
        after: dict[str, tuple[Any, str | int]] = {}
        changes: list[tuple[str, str, str | None]] = []
        for record in state_records.records(service, state):
            known = before.get(record.name)
            if known is not None and record.fingerprint is not None and known[0] == record.fingerprint:
                after[record.name] = known
                continue
            text = state_records.encode(record.value())
            after[record.name] = (record.fingerprint, hash(text))
            if known is None or known[1] != hash(text):
                changes.append((service, record.name, text))
        changes += [(service, name, None) for name in before.keys() - after.keys()]
        return after, changes


def _rehome_queues(state: dict[str, Any], sqs: Any) -> None:
    """Queues are stored under their URL; a cloud that was started on another port has other URLs."""
    queues = state.get("queues")
    if queues is None:
        return
    for (account, region, url), queue in list(queues._data.items()):
        here = urlsplit(url)._replace(netloc=sqs._CANONICAL_NETLOC).geturl()
        if here != url:
            del queues._data[account, region, url]
            queues._data[account, region, here] = queue
            queue["url"] = here
