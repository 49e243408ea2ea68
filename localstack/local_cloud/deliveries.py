"""What an S3 request sets off is known before the request is answered.

Two things MiniStack would let pass: it delivers event notifications on a daemon thread after it answered (a
kill in between would lose the event of an acknowledged object), and it acknowledges an object whose file it
could not write (a full disk). Here the gateway waits for the deliveries and for the checkpoint of what they
touched, and answers an error when a file could not be written.
"""

import contextlib
import contextvars
import functools
import importlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

_pending: contextvars.ContextVar[list[Future[Any]] | None] = contextvars.ContextVar("pending", default=None)
_failures: contextvars.ContextVar[list[OSError] | None] = contextvars.ContextVar("failures", default=None)
_threads = ThreadPoolExecutor(16, thread_name_prefix="s3-event")


@contextlib.contextmanager
def observed() -> Iterator[tuple[list[Future[Any]], list[OSError]]]:
    """Collects the deliveries and the failed file writes of the request served inside."""
    found: tuple[list[Future[Any]], list[OSError]] = ([], [])
    pending, failures = _pending.set(found[0]), _failures.set(found[1])
    try:
        yield found
    finally:
        _pending.reset(pending)
        _failures.reset(failures)


def install() -> None:
    """Has MiniStack's S3 hand its deliveries to us, and tell us of files it failed to write or remove."""
    s3 = importlib.import_module("ministack.services.s3")
    for name in ("_atomic_write", "_remove_key_files"):
        vars(s3)[name] = _telling_failures(getattr(s3, name))
    _deliver_by_ourselves(s3)


def _telling_failures(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def told(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except OSError as error:
            failures = _failures.get()
            if failures is not None:
                failures.append(error)
            raise

    return told


def _deliver_by_ourselves(s3: Any) -> None:

    def fire(
        bucket_name: str,
        key: str,
        event_name: str,
        size: int = 0,
        etag: str = "",
        deletion_type: str | None = None,
        **extra: Any,
    ) -> None:
        if bucket_name not in s3._bucket_notifications:
            return
        extra["sequencer"] = s3._next_event_sequencer(event_name)
        # The account and region of the request travel in context variables.
        run: Any = contextvars.copy_context().run
        delivery = _threads.submit(
            run, s3._fire_s3_event, bucket_name, key, event_name, size, etag, deletion_type, **extra
        )
        found = _pending.get()
        if found is not None:
            found.append(delivery)

    vars(s3)["_fire_s3_event_async"] = fire
