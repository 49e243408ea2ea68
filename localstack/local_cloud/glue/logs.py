"""A run's output files, sent on to CloudWatch Logs while they grow."""

import logging
import time
from pathlib import Path
from typing import Any

from local_cloud.cloud import Cloud

log = logging.getLogger(__name__)
_EVENT_BYTES = (
    250_000  # CloudWatch: 256 KB an event, 1 MiB and 10,000 events a call, 26 bytes counted for each event
)
_CALL_BYTES = 1_000_000
_CALL_EVENTS = 10_000
_READ_BYTES = 4_000_000


class LogStream:
    """One file followed into one log stream. A call that fails is tried again with the next batch."""

    def __init__(self, cloud: Cloud, file: Path, group: str, stream: str) -> None:
        self._client: Any = cloud.client("logs")
        self._file, self._group, self._stream = file, group, stream
        self._position = 0
        self._created = False

    def open(self) -> None:
        """Create the stream: a job that prints nothing has an empty one."""
        if not self._created:
            self._create()

    def ship(self, final: bool = False) -> None:
        """Send what was appended since the last call; an unfinished line waits unless ``final``."""
        while True:
            with self._file.open("rb") as source:
                source.seek(self._position)
                data = source.read(_READ_BYTES)
            end = len(data) if final or len(data) == _READ_BYTES else data.rfind(b"\n") + 1
            if end == 0:
                return
            self._send(data[:end])
            self._position += end
            if len(data) < _READ_BYTES:
                return

    def _create(self) -> None:
        for create, names in (
            (self._client.create_log_group, {"logGroupName": self._group}),
            (self._client.create_log_stream, {"logGroupName": self._group, "logStreamName": self._stream}),
        ):
            try:
                create(**names)
            except self._client.exceptions.ResourceAlreadyExistsException:
                continue
        self._created = True

    def _send(self, data: bytes) -> None:
        self.open()
        moment = int(time.time() * 1000)
        batch: list[dict[str, Any]] = []
        size = 0
        for message in _messages(data):
            cost = len(message.encode()) + 26
            if batch and (size + cost > _CALL_BYTES or len(batch) == _CALL_EVENTS):
                self._put(batch)
                batch, size = [], 0
            batch.append({"timestamp": moment, "message": message})
            size += cost
        if batch:
            self._put(batch)

    def _put(self, events: list[dict[str, Any]]) -> None:
        self._client.put_log_events(logGroupName=self._group, logStreamName=self._stream, logEvents=events)


def _messages(data: bytes) -> list[str]:
    """Lines as events; one longer than an event may be is cut in pieces, an empty line is a space."""
    pieces = []
    for line in data.decode(errors="replace").splitlines():
        step = _EVENT_BYTES // 4  # a character has at most four bytes
        pieces += [line[start : start + step] for start in range(0, len(line), step)] or [" "]
    return pieces


def ship_all(streams: list[LogStream], final: bool = False) -> None:
    """Send all streams on. A failure is told in the local cloud's own log and never fails the job."""
    for stream in streams:
        try:
            stream.open()
            stream.ship(final)
        except Exception:
            log.exception("A job's log could not be sent to CloudWatch Logs; it is kept in the run's folder.")
