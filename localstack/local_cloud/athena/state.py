# ruff: noqa: S608 - the texts put in are constants
"""What Athena keeps, in one SQLite file: kinds of records by id, written through before they are acknowledged."""

import json
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Shape = dict[str, Any]


def now() -> datetime:
    """The present in UTC, to the millisecond."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _encode(value: object) -> object:
    if isinstance(value, datetime):
        return {"$time": value.timestamp()}
    raise TypeError(f"cannot store {type(value).__name__}")


def _decode(value: Shape) -> Any:
    return datetime.fromtimestamp(value["$time"], UTC) if value.keys() == {"$time"} else value


class State:
    """Records (kind, id) -> shape with one indexed ``tag`` (the workgroup), in the order they were made."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS records (seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, "
            "id TEXT NOT NULL, tag TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (kind, id))"
        )
        self._db.execute("CREATE INDEX IF NOT EXISTS records_tag ON records (kind, tag, seq)")

    def put(self, kind: str, id_: str, body: Shape, tag: str = "", *, flush: bool = True) -> None:
        """Inserts or replaces; a replaced record keeps its place.

        ``flush``: False where a power cut may lose it; ``kill -9`` does not.
        """
        text = json.dumps(body, default=_encode, separators=(",", ":"))
        with self._lock:
            if not flush:
                self._db.execute("PRAGMA synchronous=NORMAL")
            try:
                self._put(kind, id_, tag, text)
            finally:
                if not flush:
                    self._db.execute("PRAGMA synchronous=FULL")

    def _put(self, kind: str, id_: str, tag: str, text: str) -> None:
        self._db.execute(
            "INSERT INTO records (kind, id, tag, body) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body, tag = excluded.tag",
            (kind, id_, tag, text),
        )

    def put_once(self, kind: str, id_: str, body: Shape, tag: str, token: str, note: Shape) -> bool:
        """Inserts a record together with the note that ``token`` made it; neither, where there is such a note."""
        texts = [json.dumps(shape, default=_encode, separators=(",", ":")) for shape in (body, note)]
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                new = self._db.execute(
                    "INSERT OR IGNORE INTO records (kind, id, tag, body) VALUES (?, ?, '', ?)",
                    (f"{kind}-token", token, texts[1]),
                )
                if new.rowcount == 1:
                    self._put(kind, id_, tag, texts[0])
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            return new.rowcount == 1

    def add(self, kind: str, id_: str, body: Shape, tag: str = "") -> bool:
        """Inserts; False where the id exists."""
        text = json.dumps(body, default=_encode, separators=(",", ":"))
        with self._lock:
            done = self._db.execute(
                "INSERT OR IGNORE INTO records (kind, id, tag, body) VALUES (?, ?, ?, ?)",
                (kind, id_, tag, text),
            )
            return done.rowcount == 1

    def get(self, kind: str, id_: str) -> Shape | None:
        """The record, or None."""
        with self._lock:
            row = self._db.execute(
                "SELECT body FROM records WHERE kind = ? AND id = ?", (kind, id_)
            ).fetchone()
        return None if row is None else json.loads(row[0], object_hook=_decode)

    def delete(self, kind: str, id_: str) -> bool:
        """Removes; whether it existed."""
        with self._lock:
            return (
                self._db.execute("DELETE FROM records WHERE kind = ? AND id = ?", (kind, id_)).rowcount == 1
            )

    def delete_all(self, kind: str, tag: str) -> None:
        """Removes every record of a kind with this tag."""
        with self._lock:
            self._db.execute("DELETE FROM records WHERE kind = ? AND tag = ?", (kind, tag))

    def page(
        self, kind: str, tag: str | None, limit: int, before: int | None = None, *, newest_first: bool = False
    ) -> list[tuple[int, Shape]]:
        """(place, record) pairs after ``before``, oldest or newest first."""
        order, compare = ("DESC", "<") if newest_first else ("ASC", ">")
        with self._lock:
            rows = self._db.execute(
                f"SELECT seq, body FROM records WHERE kind = ? AND (? IS NULL OR tag = ?) AND (? IS "
                f"NULL OR seq {compare} ?) "
                f"ORDER BY seq {order} LIMIT ?",
                (kind, tag, tag, before, before, limit),
            ).fetchall()
        return [(seq, json.loads(body, object_hook=_decode)) for seq, body in rows]

    def where(self, kind: str, member: str, values: list[str]) -> list[Shape]:
        """The records whose member (a JSON path) is one of the values, oldest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT body FROM records WHERE kind = ? AND json_extract(body, ?) IN "
                "(SELECT value FROM json_each(?)) ORDER BY seq",
                (kind, member, json.dumps(values)),
            ).fetchall()
        return [json.loads(body, object_hook=_decode) for (body,) in rows]

    def ids(self, kind: str) -> list[str]:
        """The ids of every record of a kind, oldest first."""
        with self._lock:
            rows = self._db.execute("SELECT id FROM records WHERE kind = ? ORDER BY seq", (kind,)).fetchall()
        return [id_ for (id_,) in rows]

    def forget_before(self, kind: str, member: str, moment: datetime) -> None:
        """Removes the records whose member (a JSON path to a time) lies before ``moment``."""
        with self._lock:
            self._db.execute(
                "DELETE FROM records WHERE kind = ? AND json_extract(body, ?) < ?",
                (kind, member + '."$time"', moment.timestamp()),
            )

    def close(self) -> None:
        with self._lock:
            self._db.close()
