"""A job's log as it grows: messages that it prints, and its other lines. For single jobs.

The stock ``dagster_pipes.open_dagster_pipes()`` prints messages when told so: a job needs no right in S3 then.
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from dagster_pipes import PIPES_PROTOCOL_VERSION_FIELD

from mlops_platform.pipes.report import LOG_GROUP
from mlops_platform.pipes.s3_messages import Deliver, Source
from mlops_platform.pipes.watcher import Clients, Job

SHORTEST_PAUSE, LONGEST_PAUSE, GROWTH = 1.0, 8.0, 1.4
LATE_SECONDS = 10.0  # CloudWatch Logs may show the last lines only so long after a job has ended


class LogMessages:
    """Follows the log streams of a job's attempts by token, so that no line is read twice.

    Args:
        deliver: called with each message; None where messages come another way.
        show: called with each other line.
    """

    def __init__(self, clients: Clients, deliver: Deliver | None, show: Callable[[str], None] | None) -> None:
        self._clients, self._deliver, self._show = clients, deliver, show
        self._streams: dict[str, str | None] = {}
        self._closed = False
        self._interval, self._due = SHORTEST_PAUSE, 0.0

    @property
    def pause(self) -> float:
        """Seconds until the next look is due: from 1, growing to 8 while nothing comes."""
        return max(0.0, self._due - time.monotonic())

    def read(self, job: Job | None, *, last: bool = False) -> int:
        """Hand on what is new; how many lines that were."""
        self._due = time.monotonic() + SHORTEST_PAUSE  # should this look fail
        count = self._read(job)
        deadline = time.monotonic() + LATE_SECONDS
        while last and self._streams and self._deliver and not self._closed and time.monotonic() < deadline:
            time.sleep(SHORTEST_PAUSE)
            count += self._read(job)
        self._interval = SHORTEST_PAUSE if count else min(self._interval * GROWTH, LONGEST_PAUSE)
        self._due = time.monotonic() + self._interval
        return count

    def _read(self, job: Job | None) -> int:
        if job is None:
            return 0
        container = job.get("container") or {}
        group = ((container.get("logConfiguration") or {}).get("options") or {}).get(
            "awslogs-group", LOG_GROUP
        )
        parts = [attempt.get("container") or {} for attempt in job.get("attempts", ())] + [container]
        count = 0
        for name in dict.fromkeys(part["logStreamName"] for part in parts if part.get("logStreamName")):
            self._streams.setdefault(name, None)
            for line in self._lines(group, name):
                self._hand_on(list(self._streams).index(name) + 1, line)
                count += 1
        return count

    def _hand_on(self, attempt: int, line: str) -> None:
        message = _message(line) if self._deliver else None
        if message is not None and self._deliver is not None:
            self._closed = message["method"] == "closed"
            self._deliver(Source(0, 1, attempt), message, False)
        elif self._show is not None:
            self._show(line)

    def _lines(self, group: str, stream: str) -> Iterator[str]:
        logs = self._clients("logs")
        while True:
            request = {"logGroupName": group, "logStreamName": stream, "startFromHead": True}
            before = self._streams[stream]
            if before is not None:
                request["nextToken"] = before
            try:
                page = logs.get_log_events(**request)
            except logs.exceptions.ResourceNotFoundException:
                return  # the stream comes with its first line
            yield from (event["message"].rstrip("\n") for event in page["events"])
            self._streams[stream] = page["nextForwardToken"]
            if page["nextForwardToken"] == before or not page["events"]:
                return


def _message(line: str) -> Any:
    """The message in a line, None if it is a line like any other."""
    if PIPES_PROTOCOL_VERSION_FIELD not in line:
        return None
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) and PIPES_PROTOCOL_VERSION_FIELD in message else None
