"""What jobs print, sent on to CloudWatch Logs: a reader, a paced sender, a few connections; no thread per job.

A stream is made with its first line: a job that prints nothing has none. While CloudWatch Logs is slow the reader
stops, the host stops, and the jobs that print wait, as with the blocking mode of Docker's awslogs driver.
"""

import contextlib
import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from local_cloud.batch.host.lines import Lines
from local_cloud.cloud import Cloud

log = logging.getLogger(__name__)
PACE_SECONDS = 0.2
_CONNECTIONS = 4
_MOST_WAITING = 16 << 20
_EVENT_BYTES = 60_000
"""A longer line becomes several events; a character of it has at most four bytes, and an event at most 256 KB."""
_CALL_BYTES, _CALL_EVENTS, _EVENT_OVERHEAD = 1_000_000, 10_000, 26
_TRIES = 20


@dataclass
class _Stream:
    group: str
    name: str
    rest: bytes = b""
    events: list[dict[str, Any]] = field(default_factory=list)
    created: bool = False
    done: bool = False
    failures: int = 0


class Shipper:
    """The log streams of all attempts under way."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._streams: dict[int, _Stream] = {}
        self._dirty: set[int] = set()
        self._waiting = 0
        self._changed = threading.Condition()
        self._groups: set[str] = set()
        self._closed = False
        self._connections = ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="batch-logs")
        threading.Thread(target=self._send_loop, name="batch-logs", daemon=True).start()

    def follow(self, output: socket.socket) -> None:
        """Read a host's output until it closes."""
        threading.Thread(target=self._read_loop, args=(output,), name="batch-output", daemon=True).start()

    def open(self, key: int, group: str, stream: str) -> None:
        """An attempt whose output goes to that stream."""
        with self._changed:
            self._streams[key] = _Stream(group, stream)

    def closed(self, key: int) -> None:
        """No more will come of that attempt."""
        with self._changed:
            self._take(key, b"", True)

    def close(self) -> None:
        """Stop; by now nobody serves CloudWatch Logs."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._connections.shutdown(wait=False, cancel_futures=True)

    def _read_loop(self, output: socket.socket) -> None:
        output.setblocking(False)
        lines = Lines(output)
        with output:
            while not self._closed:
                output.setblocking(True)
                messages = lines.receive()
                if messages is None:
                    return
                with self._changed:
                    for key, text in messages:
                        self._take(key, (text or "").encode("latin-1"), text is None)
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._waiting < _MOST_WAITING or self._closed)

    def _take(self, key: int, data: bytes, last: bool) -> None:
        stream = self._streams.get(key)
        if stream is None:
            return
        stream.rest += data
        end = len(stream.rest) if last or len(stream.rest) > _EVENT_BYTES else stream.rest.rfind(b"\n") + 1
        moment = int(time.time() * 1000)
        for message in _messages(stream.rest[:end]):
            stream.events.append({"timestamp": moment, "message": message})
            self._waiting += len(message)
        stream.rest = stream.rest[end:]
        stream.done = stream.done or last
        if stream.events:
            self._dirty.add(key)
        elif stream.done:
            del self._streams[key]

    def _send_loop(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._dirty or self._closed)
                if self._closed:
                    return
                dirty, self._dirty = self._dirty, set()
                batches = [(key, self._streams[key]) for key in dirty]
                taken = [stream.events for _, stream in batches]
                for _, stream in batches:
                    stream.events = []
            with contextlib.suppress(RuntimeError):  # closed meanwhile
                list(self._connections.map(self._ship, batches, taken))
            time.sleep(PACE_SECONDS)

    def _ship(self, batch: tuple[int, _Stream], events: list[dict[str, Any]]) -> None:
        key, stream = batch
        try:
            self._create(stream)
            while events:
                call = _first_call(events)
                self._client.put_log_events(
                    logGroupName=stream.group, logStreamName=stream.name, logEvents=events[:call]
                )
                self._forget(events[:call])
                events = events[call:]
        except Exception as error:
            stream.failures += 1
            if stream.failures <= _TRIES and not self._closed:
                with self._changed:
                    stream.events = events + stream.events
                    self._dirty.add(key)
                return
            if not self._closed:
                log.exception(
                    "The output of a job could not be sent to CloudWatch Logs (%s): %s", stream.name, error
                )
            self._forget(events)
        with self._changed:
            if stream.done and not stream.events:
                self._streams.pop(key, None)

    def _forget(self, events: list[dict[str, Any]]) -> None:
        with self._changed:
            self._waiting -= sum(len(event["message"]) for event in events)
            self._changed.notify_all()

    @property
    def _client(self) -> Any:
        return self._cloud.client("logs")

    def _create(self, stream: _Stream) -> None:
        client = self._client
        if stream.group not in self._groups:
            with contextlib.suppress(client.exceptions.ResourceAlreadyExistsException):
                client.create_log_group(logGroupName=stream.group)
            self._groups.add(stream.group)
        if not stream.created:
            with contextlib.suppress(client.exceptions.ResourceAlreadyExistsException):
                client.create_log_stream(logGroupName=stream.group, logStreamName=stream.name)
            stream.created = True


def _messages(data: bytes) -> list[str]:
    """Lines as events; a long one is cut in pieces, an empty one is a space (CloudWatch takes no empty event)."""
    pieces = []
    for line in data.decode(errors="replace").splitlines():
        pieces += [line[start : start + _EVENT_BYTES] for start in range(0, len(line), _EVENT_BYTES)] or [" "]
    return pieces


def _first_call(events: list[dict[str, Any]]) -> int:
    """How many of the events one PutLogEvents call may carry."""
    size = 0
    for count, event in enumerate(events[:_CALL_EVENTS]):
        size += len(event["message"].encode()) + _EVENT_OVERHEAD
        if size > _CALL_BYTES:
            return max(1, count)
    return min(len(events), _CALL_EVENTS)
