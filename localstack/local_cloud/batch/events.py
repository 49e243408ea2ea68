"""State changes as EventBridge events, once they are on disk.

https://docs.aws.amazon.com/batch/latest/userguide/batch_job_events.html. Where no rule or archive could want them
(10,000 trivial jobs are 40,000 changes), none are made. MiniStack refuses ``aws.`` sources from callers, as AWS
does: events enter by the door its own services use.
"""

import importlib
import json
import logging
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from local_cloud.batch import present
from local_cloud.batch.progress import Note
from local_cloud.batch.store import Store
from local_cloud.batch.work import SINGLE
from local_cloud.cloud import Cloud

log = logging.getLogger(__name__)
SOURCE, DETAIL_TYPE = "aws.batch", "Batch Job State Change"
BLOCKED_TYPE = "Batch Job Queue Blocked"
HOOKS = ("_put_events", "_rules", "_archives")
"""Private names of MiniStack's eventbridge this relies on; a contract test holds them."""
_MODULE = "ministack.services.eventbridge"
_CALL_ENTRIES = 10


class Events:
    """Sends the notes of the store's commits on."""

    def __init__(self, cloud: Cloud, store: Store, arn: Callable[[str, str], str]) -> None:
        self._cloud, self._store, self._arn = cloud, store, arn
        self._notes: queue.SimpleQueue[list[Note] | None] = queue.SimpleQueue()
        self._last: tuple[str, dict[str, Any]] = ("", {})
        self._thread = threading.Thread(target=self._loop, name="batch-events", daemon=True)
        self._thread.start()

    def committed(self, notes: list[Note]) -> None:
        """Changes that are on disk."""
        self._notes.put(notes)

    def close(self) -> None:
        """Send what is left and stop."""
        self._notes.put(None)
        self._thread.join(5)

    def _loop(self) -> None:
        while (notes := self._notes.get()) is not None:
            while not self._notes.empty() and len(notes) < 1000:
                more = self._notes.get()
                if more is None:
                    self._notes.put(None)
                    break
                notes = notes + more
            try:
                if self._listening():
                    self._send(notes)
            except Exception:
                log.exception("Batch state changes could not be sent to EventBridge.")

    def _listening(self) -> bool:
        module = sys.modules.get(_MODULE)
        if module is None:
            rules = self._cloud.client("events").list_rules()["Rules"]
            return any(_may_match(rule) for rule in rules)
        rules = [rule for _, rule in list(module._rules.items())]
        return bool(list(module._archives.items())) or any(_may_match(rule) for rule in rules)

    def _send(self, notes: list[Note]) -> None:
        entries = [entry for note in notes for entry in self._entries(note)]
        for start in range(0, len(entries), _CALL_ENTRIES):
            chunk = entries[start : start + _CALL_ENTRIES]
            if _MODULE in sys.modules:
                importlib.import_module(_MODULE)._put_events({"Entries": chunk}, allow_aws_source=True)
            else:
                answer = self._cloud.client("events").put_events(Entries=chunk)
                if answer["FailedEntryCount"]:
                    log.error("The emulator refused Batch events: %s", answer["Entries"])

    def _entries(self, note: Note) -> list[dict[str, Any]]:
        job, index, row = note
        arn = self._arn("job", str(row[0]))
        child = None if index == SINGLE else index
        detail = present.job_detail(arn, row, self._body(job), {}, child)
        kinds = [DETAIL_TYPE]
        if detail["status"] == "RUNNABLE" and detail.get("statusReason"):
            kinds.append(BLOCKED_TYPE)
        return [
            {
                "Source": SOURCE,
                "DetailType": kind,
                "Detail": json.dumps(detail),
                "Resources": [arn],
                "Time": time.time(),
            }
            for kind in kinds
        ]

    def _body(self, job: str) -> dict[str, Any]:
        if self._last[0] != job:
            row = self._store.one("SELECT body FROM jobs WHERE id = ?", (job,))
            if row is None:
                raise LookupError(f"Job {job} is in no table.")
            self._last = (job, json.loads(row[0]))
        return self._last[1]


def _may_match(rule: dict[str, Any]) -> bool:
    """Whether a rule could want these events: all but those whose pattern names other sources only."""
    pattern = rule.get("EventPattern")
    if rule.get("State") != "ENABLED" or not pattern:
        return False
    document = json.loads(pattern) if isinstance(pattern, str) else pattern
    sources = document.get("source")
    return not sources or SOURCE in sources or any(not isinstance(source, str) for source in sources)
