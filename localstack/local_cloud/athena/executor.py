"""Runs queries: a queue, a few at a time, bounded memory, and a stop that interrupts."""

import os
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

CONCURRENCY = max(2, min(8, (os.cpu_count() or 2)))
MEMORY_SHARE = 0.5


def total_memory_mb() -> int:
    """The machine's memory, or the cgroup's limit where that is smaller, in MB."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.exists() and limit.read_text().strip().isdigit():
        total = min(total, int(limit.read_text()))
    return int(total) // 1_000_000


class Cancelled(Exception):
    """The query was stopped."""


class Job:
    """A query in the queue or running."""

    def __init__(self, id_: str) -> None:
        self.id = id_
        self.queued = time.monotonic()
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._connection: Any = None

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def attach(self, connection: Any) -> None:
        """The connection a stop interrupts. Raises: Cancelled if it was stopped already."""
        with self._lock:
            self._connection = connection
        self.check()

    def detach(self) -> None:
        with self._lock:
            self._connection = None

    def check(self) -> None:
        """Raises: Cancelled."""
        if self.cancelled:
            raise Cancelled

    def cancel(self) -> None:
        """Stops it: at once where DuckDB runs, else at the next check."""
        self._cancelled.set()
        with self._lock:
            if self._connection is not None:
                self._connection.interrupt()


class Executor:
    """A pool of query threads."""

    def __init__(self, folder: Path) -> None:
        self.temp = folder / "tmp"
        shutil.rmtree(self.temp, ignore_errors=True)
        self.temp.mkdir(parents=True, exist_ok=True)
        self.memory_mb = max(256, int(total_memory_mb() * MEMORY_SHARE) // CONCURRENCY)
        self.threads = max(1, os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="athena")
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def submit(self, id_: str, run: Callable[[Job], None]) -> None:
        """Queues ``run``, which must settle the execution itself whatever happens."""
        job = Job(id_)
        with self._lock:
            self._jobs[id_] = job

        def work() -> None:
            try:
                run(job)
            finally:
                with self._lock:
                    self._jobs.pop(id_, None)

        self._pool.submit(work)

    def cancel(self, id_: str) -> None:
        """Stops a query that is queued or running."""
        with self._lock:
            job = self._jobs.get(id_)
        if job is not None:
            job.cancel()

    def close(self) -> None:
        """Stops everything and waits."""
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            job.cancel()
        self._pool.shutdown(wait=True, cancel_futures=True)
