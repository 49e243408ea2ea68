"""Runs queries: AWS's quotas, a queue, a few at a time, bounded memory and disk, and a stop that interrupts."""

import os
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from local_cloud.athena.instances import Instances
from local_cloud.errors import ServiceError

CONCURRENCY = max(4, min(8, os.cpu_count() or 4))
MEMORY_SHARE = 0.5
"""Of the machine's memory, what all running queries may use together; more spills to disk."""
DISK_SHARE = 0.5
"""Of the free disk, what all running queries may spill together."""
LEAST_MEMORY_MB = 256
INTERRUPT_EVERY_SECONDS = 0.05

QUOTAS = {"DML": 200, "DDL": 20}
"""Active (queued and running) queries of an account in us-east-1:
https://docs.aws.amazon.com/athena/latest/ug/service-limits.html"""
_WORKERS = {"DML": CONCURRENCY, "DDL": 4}


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
    """A query in the queue or running.

    ``lane``: the quota it counts for, ``DML`` or ``DDL``; ``writing``: it has begun to change S3 or the catalog;
    ``final``: what it writes now cannot be taken back, so that a stop comes too late;
    ``abandoned``: it was settled as stopped while its thread was still on its way out; ``scanned``: bytes;
    ``settled``: its end is on disk.
    """

    def __init__(self, id_: str, lane: str) -> None:
        self.id = id_
        self.lane = lane
        self.queued = time.monotonic()
        self.future: Future[None] | None = None
        self.writing = False
        self.final = False
        self.abandoned = False
        self.scanned = 0
        self.settled = threading.Event()
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

    def begin_writing(self, *, final: bool = False) -> None:
        """From here on a stop waits until what was written is taken back; where ``final``, it changes nothing any more.

        Raises:
            Cancelled: it was stopped before.
        """
        with self._lock:
            self.check()
            self.writing = True
            self.final = final

    def cancel(self) -> None:
        """Stops it: where DuckDB runs, as soon as that lets go (not in the sort of a run); else at the next check."""
        with self._lock:
            self._cancelled.set()
        threading.Thread(target=self._interrupt, name=f"athena-stop-{self.id}", daemon=True).start()

    def _interrupt(self) -> None:
        """Interrupts until the query lets go: DuckDB forgets an interrupt that falls between two statements."""
        while True:
            with self._lock:
                if self._connection is None:
                    return
                self._connection.interrupt()
            time.sleep(INTERRUPT_EVERY_SECONDS)


class Executor:
    """Query threads in two lanes, so that DDL never waits behind long queries."""

    def __init__(self, folder: Path) -> None:
        self.temp = folder / "tmp"
        shutil.rmtree(self.temp, ignore_errors=True)
        self.temp.mkdir(parents=True, exist_ok=True)
        self.memory_mb = max(LEAST_MEMORY_MB, int(total_memory_mb() * MEMORY_SHARE) // CONCURRENCY)
        self.threads = max(1, os.cpu_count() or 1)
        self.instances = Instances(self.temp, self.memory_mb, self.threads, self.spill_mb)
        self.closed = False
        self._pools = {
            lane: ThreadPoolExecutor(size, thread_name_prefix=f"athena-{lane.lower()}")
            for lane, size in _WORKERS.items()
        }
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def spill_mb(self) -> int:
        """What one query may write to its spill folder now, in MB."""
        return max(
            LEAST_MEMORY_MB, int(shutil.disk_usage(self.temp).free * DISK_SHARE / 1_000_000 / CONCURRENCY)
        )

    def reserve(self, id_: str, lane: str) -> Job:
        """Takes one of the account's places for an active query; :meth:`submit` or :meth:`release` follows.

        Raises:
            ServiceError: TooManyRequestsException where they are all taken.
        """
        job = Job(id_, lane)
        with self._lock:
            if sum(other.lane == lane for other in self._jobs.values()) >= QUOTAS[lane]:
                raise ServiceError(
                    "TooManyRequestsException",
                    "You have exceeded the limit for the number of queries you can run concurrently. Reduce the "
                    "number of concurrent queries submitted by this account. Contact customer support to request "
                    "a concurrent query limit increase.",
                    400,
                    Reason="CONCURRENT_QUERY_LIMIT_EXCEEDED",
                )
            self._jobs[id_] = job
        return job

    def release(self, job: Job) -> None:
        """Gives a place back."""
        with self._lock:
            self._jobs.pop(job.id, None)

    def active(self, id_: str) -> Job | None:
        """The job of a query that is queued or running."""
        with self._lock:
            return self._jobs.get(id_)

    def submit(self, job: Job, run: Callable[[Job], None]) -> None:
        """Queues ``run``, which must settle the execution itself whatever happens."""

        def work() -> None:
            try:
                run(job)
            finally:
                self.release(job)

        def withdrawn(future: "Future[None]") -> None:
            if future.cancelled() and not self.closed:
                work()  # stopped while queued: it settles as CANCELLED at its first check

        job.future = self._pools[job.lane].submit(work)
        job.future.add_done_callback(withdrawn)

    def cancel(self, id_: str) -> Job | None:
        """Stops a query that is queued or running; a queued one is settled before this returns."""
        job = self.active(id_)
        if job is not None:
            job.cancel()
            if job.future is not None:
                job.future.cancel()
        return job

    def close(self) -> None:
        """Interrupts everything and waits. What was queued or running is settled by the next start."""
        self.closed = True
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            job.cancel()
        for pool in self._pools.values():
            pool.shutdown(wait=True, cancel_futures=True)
        self.instances.close()
