"""Messages to Dagster as objects in S3, a sequence of its own for each attempt of each array child.

Keys are ``<key_prefix>/index=00007/attempt=02/00000001.json``: children share their environment, and a second
attempt starts to count again, so without index and attempt one would overwrite what another wrote. An object is
written once (``If-None-Match: *``) and the next only after it, so whoever reads the numbers in order loses nothing.
"""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any

from dagster_pipes import (
    DagsterPipesError,
    PipesExtras,
    PipesMessage,
    PipesMessageWriter,
    PipesMessageWriterChannel,
    PipesParams,
)

from .array import array_index, attempt_number

SECONDS_BETWEEN_UPLOADS = 2.0
SECONDS_TO_FIRST_UPLOAD = 0.5  # short jobs, of which arrays have thousands, end with one object
SECONDS_TO_FLUSH = 10.0  # of the 30 that Batch gives a job to end
CAPABILITY = "platform_pipes"


class BatchMessageWriter(PipesMessageWriter["_Channel"]):
    """Use as ``open_dagster_pipes(message_writer=...)`` where ``open_batch_pipes`` does not fit.

    Args:
        client: of S3.
        interval: seconds between two uploads; the first comes after half a second at most, the last at the end.
    """

    def __init__(self, client: Any, *, interval: float = SECONDS_BETWEEN_UPLOADS) -> None:
        self._client, self._interval = client, interval

    @contextmanager
    def open(self, params: PipesParams) -> Iterator["_Channel"]:
        """The channel; messages not uploaded yet are at the end and at SIGTERM.

        Raises:
            dagster_pipes.DagsterPipesError: messages could not be uploaded.
        """
        prefix = attempt_prefix(params["key_prefix"])
        channel = _Channel(self._client, params["bucket"], prefix, self._interval)
        with channel.uploading(), _flushed_on_sigterm(channel):
            yield channel

    def get_opened_extras(self) -> PipesExtras:
        """Tells the launcher who speaks, and that a retried child will find its index by ``array_index``."""
        return {CAPABILITY: 1, "index": array_index(), "attempt": attempt_number()}


def attempt_prefix(key_prefix: str) -> str:
    """Where this attempt of this child writes."""
    return f"{key_prefix.rstrip('/')}/index={array_index():05d}/attempt={attempt_number():02d}"


class _Flush:
    def __init__(self, *, last: bool = False) -> None:
        self.done, self.last = threading.Event(), last


class _Channel(PipesMessageWriterChannel):
    """A queue, and a thread that uploads what is in it.

    The queue is a ``SimpleQueue`` because a signal handler puts into it too, maybe in the midst of another put.
    """

    def __init__(self, client: Any, bucket: str, prefix: str, interval: float) -> None:
        self._client, self._bucket, self._prefix, self._interval = client, bucket, prefix, interval
        self._queue: SimpleQueue[str | _Flush] = SimpleQueue()
        self._number, self._lines, self._pending = 1, list[str](), b""
        self._due = time.monotonic() + min(SECONDS_TO_FIRST_UPLOAD, interval)
        self._error: Exception | None = None
        self.pid = os.getpid()

    def write_message(self, message: PipesMessage) -> None:
        """Queue one message; it is text from here on, whatever becomes of the caller's objects."""
        self._queue.put(json.dumps(message))

    def flush(self, seconds: float, *, last: bool = False) -> bool:
        """Upload what is queued; whether that was done in time."""
        request = _Flush(last=last)
        self._queue.put(request)
        return request.done.wait(seconds)

    @contextmanager
    def uploading(self) -> Iterator[None]:
        """Runs the thread. Raises DagsterPipesError: messages are left that could not be uploaded."""
        thread = threading.Thread(target=self._upload_all, name="pipes-messages", daemon=True)
        thread.start()
        try:
            yield
        finally:
            if not self.flush(seconds=60.0, last=True) or self._pending:
                raise DagsterPipesError(
                    f"Messages to Dagster could not be written to s3://{self._bucket}/{self._prefix}: "
                    f"{self._error or 'S3 did not answer in time'}."
                ) from self._error

    def _upload_all(self) -> None:
        while True:
            waiting = self._lines or self._pending
            wait = max(0.0, self._due - time.monotonic()) if waiting else None
            try:
                item = self._queue.get(timeout=wait)
            except Empty:
                self._upload()
                continue
            if isinstance(item, str):
                self._lines.append(item)
                continue
            self._upload()
            item.done.set()
            if item.last:
                return

    def _upload(self) -> None:
        """Upload the lines at hand as one object. Where that fails, the same bytes are tried first next time."""
        try:
            while self._pending or self._lines:
                if not self._pending:
                    self._pending, self._lines = "\n".join(self._lines).encode(), []
                self._put(self._pending)
                self._pending = b""
        except Exception as error:  # noqa: BLE001 - of whatever kind: kept, tried again, and raised at the end
            self._error = error
        self._due = time.monotonic() + self._interval

    def _put(self, body: bytes) -> None:
        """Write the next object. One that is there already is ours (its answer was lost) or another process's."""
        from botocore.exceptions import ClientError

        while True:
            key = f"{self._prefix}/{self._number:08d}.json"
            try:
                self._client.put_object(
                    Bucket=self._bucket, Key=key, Body=body, ContentType="application/json", IfNoneMatch="*"
                )
                written = True
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] != 412:
                    raise
                written = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read() == body
            self._number += 1
            if written:
                return


@contextmanager
def _flushed_on_sigterm(channel: _Channel) -> Iterator[None]:
    """At SIGTERM upload what is queued, then do what would have been done without us.

    A handler of the program's own runs first: its checkpoint matters more than our messages.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can have handlers
        return
    before = signal.getsignal(signal.SIGTERM)

    def handle(number: int, frame: FrameType | None) -> None:
        if callable(before):
            before(number, frame)
        if os.getpid() == channel.pid:  # a fork has this handler but not the thread
            channel.flush(SECONDS_TO_FLUSH)
        if before in (signal.SIG_DFL, None):
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            os._exit(128 + number)  # the first process of a container is not ended by its own SIGTERM

    signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is handle:
            signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)
