"""Events of Glue on EventBridge: recorded with the change they tell of, sent by a thread.

Events: https://docs.aws.amazon.com/glue/latest/dg/automating-awsglue-with-cloudwatch-events.html. AWS sends them
on a best-effort basis; here each is sent at least once, also after ``kill -9``.
"""

import json
import logging
import threading
from typing import Any

from local_cloud import service_events
from local_cloud.cloud import Cloud
from local_cloud.glue.store import Store

log = logging.getLogger(__name__)
BATCH = 10
KEPT = 10_000
RETRY_SECONDS = 5.0


class Outbox:
    """The events that wait to be sent."""

    def __init__(self, cloud: Cloud, store: Store) -> None:
        self._cloud, self._store = cloud, store
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def add(self, kind: str, detail: dict[str, Any], *resources: str) -> None:
        """Record an event of ``detail-type`` ``kind`` inside the caller's transaction."""
        entry = {
            "Source": "aws.glue",
            "DetailType": kind,
            "Detail": json.dumps(detail),
            "Resources": list(resources),
        }
        with self._store.write() as db:
            db.execute("INSERT INTO outbox (body) VALUES (?)", (json.dumps(entry),))
        self._wake.set()
        with self._lock:
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._run, name="glue-events", daemon=True)
                self._thread.start()

    def start(self) -> None:
        """Send what an earlier process left."""
        if self._store.one("SELECT 1 FROM outbox LIMIT 1"):
            self._thread = threading.Thread(target=self._run, name="glue-events", daemon=True)
            self._thread.start()
            self._wake.set()

    def close(self) -> None:
        """Stop sending; what waits is sent by the next process."""
        self._closing.set()
        self._wake.set()
        if self._thread:
            self._thread.join(5)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait()
            self._wake.clear()
            while not self._closing.is_set() and self._send():
                pass

    def _send(self) -> bool:
        """Send up to ten events; whether there may be more."""
        with self._store.write() as db:  # waits for a transaction that is adding an event right now
            rows = db.execute("SELECT id, body FROM outbox ORDER BY id LIMIT ?", (BATCH,)).fetchall()
        if not rows:
            return False
        try:
            service_events.put(self._cloud, [json.loads(body) for _, body in rows])
        except Exception as error:  # noqa: BLE001 - whatever failed is told and tried again
            if self._closing.is_set():
                return False
            log.warning("Events of Glue could not be sent to EventBridge (%s); trying again.", error)
            if self._closing.wait(RETRY_SECONDS):
                return False
            with self._store.write() as db:  # a bus that never answers must not fill the disk
                db.execute("DELETE FROM outbox WHERE id <= (SELECT max(id) FROM outbox) - ?", (KEPT,))
            return True
        with self._store.write() as db:
            db.execute("DELETE FROM outbox WHERE id <= ?", (rows[-1][0],))
        return True
