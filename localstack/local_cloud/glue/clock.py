"""What is due at a time: schedules on disk, one thread that waits for the next of them."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from local_cloud.glue.cron import parse
from local_cloud.glue.store import Store, now

log = logging.getLogger(__name__)
Start = Callable[[], None]
Fire = Callable[[str, str], list[Start]]
LONGEST_WAIT = 3600.0


class Clock:
    """Fires schedules.

    The next time and what a firing sets off are written in one transaction, so no time fires twice, not even
    over ``kill -9``. Times at which the local cloud did not run are passed over, as those of a paused schedule.

    Args:
        fire: called inside the transaction with the kind and name of what is due; returns what to start once
            the transaction is on disk.
    """

    def __init__(self, store: Store, fire: Fire) -> None:
        self._store, self._fire = store, fire
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="glue-clock", daemon=True)

    def start(self) -> None:
        """Pass over what is past, then wait for what comes."""
        with self._store.write() as db:
            for kind, name, expression in db.execute(
                "SELECT kind, name, expression FROM schedules"
            ).fetchall():
                self.set(kind, name, expression)
        self._thread.start()

    def set(self, kind: str, name: str, expression: str | None) -> None:
        """Schedule, or with ``None`` forget, what is known by ``kind`` and ``name``.

        Raises:
            ServiceError: ``InvalidInputException`` for an expression outside AWS's syntax.
        """
        due = parse(expression).after(now()) if expression else None
        with self._store.write() as db:
            if due is None:
                db.execute("DELETE FROM schedules WHERE kind = ? AND name = ?", (kind, name))
            else:
                db.execute(
                    "INSERT OR REPLACE INTO schedules VALUES (?, ?, ?, ?)",
                    (kind, name, expression, due.timestamp()),
                )
        self._wake.set()

    def tick(self, moment: datetime) -> None:
        """Fire everything that is due at ``moment``."""
        starts: list[Start] = []
        with self._store.write() as db:
            due = db.execute(
                "SELECT kind, name, expression FROM schedules WHERE due <= ? ORDER BY due",
                (moment.timestamp(),),
            ).fetchall()
            for kind, name, expression in due:
                following = parse(expression).after(moment)
                if following is None:
                    db.execute("DELETE FROM schedules WHERE kind = ? AND name = ?", (kind, name))
                else:
                    db.execute(
                        "UPDATE schedules SET due = ? WHERE kind = ? AND name = ?",
                        (following.timestamp(), kind, name),
                    )
                starts += self._fire(kind, name)
        for start in starts:
            start()

    def close(self) -> None:
        """Stop waiting."""
        self._closing = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _run(self) -> None:
        while not self._closing:
            self._wake.clear()
            with self._store.write() as db:  # waits for a transaction that is changing a schedule right now
                row = db.execute("SELECT min(due) FROM schedules").fetchone()
            wait = LONGEST_WAIT if row is None or row[0] is None else row[0] - datetime.now(UTC).timestamp()
            if wait > 0:
                self._wake.wait(min(wait, LONGEST_WAIT))
                continue
            try:
                self.tick(datetime.now(UTC))
            except Exception:
                log.exception("A schedule could not be fired; trying again in a minute.")
                self._wake.wait(60)
