"""S3 event notifications are delivered before the request that caused them is answered.

MiniStack delivers them on a daemon thread after it answered; a kill in between would lose the event of an
acknowledged object. Here the gateway waits for them, and for the checkpoint of what they touched.
"""

import contextlib
import contextvars
import importlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

_pending: contextvars.ContextVar[list[Future[Any]] | None] = contextvars.ContextVar("pending", default=None)
_threads = ThreadPoolExecutor(16, thread_name_prefix="s3-event")


@contextlib.contextmanager
def pending_deliveries() -> Iterator[list[Future[Any]]]:
    """Collects the deliveries that the request served inside causes."""
    found: list[Future[Any]] = []
    token = _pending.set(found)
    try:
        yield found
    finally:
        _pending.reset(token)


def install() -> None:
    """Has MiniStack's S3 hand its deliveries to us instead of to a daemon thread each."""
    s3 = importlib.import_module("ministack.services.s3")

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
        context = contextvars.copy_context()
        delivery = _threads.submit(
            context.run, s3._fire_s3_event, bucket_name, key, event_name, size, etag, deletion_type, **extra
        )
        found = _pending.get()
        if found is not None:
            found.append(delivery)

    vars(s3)["_fire_s3_event_async"] = fire
