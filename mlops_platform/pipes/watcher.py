"""One thread per process that asks AWS Batch how all watched jobs are, 100 with each call.

DescribeJobs is throttled for an account as a whole: with a thread per job, hundreds of jobs stand in each other's way.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from mlops_platform.pipes.errors import BatchUnreachableError, JobGoneError

MOST_DESCRIBED = 100  # https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobs.html
ENDED = frozenset({"SUCCEEDED", "FAILED"})
FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.5, 10.0, 1.3
SECONDS_PER_CALL = 0.2  # calls of one process are this far apart at least
UNREACHABLE_SECONDS = 900.0
_REFUSED = frozenset({"AccessDeniedException", "AccessDenied", "UnrecognizedClientException"})
MISSING_LOOKS = 20  # a job just submitted may not be seen yet

Job = dict[str, Any]
Clients = Callable[[str], Any]


class Watch:
    """One job as it was last seen."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        self._changed = threading.Condition()
        self._job: Job | None = None
        self._error: Exception | None = None
        self._version = self._read = 0
        self.missing = 0

    def put(self, job: Job | None, error: Exception | None = None) -> bool:
        """What the watcher saw, or why it sees nothing; whether that is other than before."""
        with self._changed:
            if error is None and _state(job) == _state(self._job):
                self._job = job
                return False
            self._job, self._error = job or self._job, error
            self._version += 1
            self._changed.notify_all()
            return True

    def next(self, seconds: float) -> Job | None:
        """The job, if it changed since the last call or does so within ``seconds``; else None.

        Raises:
            BatchUnreachableError: Batch has not answered for a quarter of an hour, or refuses to.
            JobGoneError: Batch answers, but does not know the job.
        """
        with self._changed:
            if self._version == self._read:
                self._changed.wait(seconds)
            if self._error is not None:
                raise self._error
            if self._version == self._read:
                return None
            self._read = self._version
            return self._job

    @property
    def latest(self) -> Job | None:
        """The job as last seen, None before that."""
        return self._job

    @property
    def ended(self) -> bool:
        """Whether it was last seen in a state that it will not leave."""
        return self._job is not None and self._job["status"] in ENDED


class Watcher:
    """Watches jobs through one Batch client. Its thread lives as long as there is something to watch.

    Args:
        clients: service name to boto3 client, asked for before each call: it may start what it speaks to again.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._lock = threading.Lock()
        self._watches: list[Watch] = []
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._answered = time.monotonic()

    @contextmanager
    def watching(self, job_id: str) -> Iterator[Watch]:
        """Watches a job for the length of a with-block."""
        watch = Watch(job_id)
        with self._lock:
            if not self._watches:
                self._answered = time.monotonic()
            self._watches.append(watch)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="batch-watcher", daemon=True)
                self._thread.start()
        self._wake.set()
        try:
            yield watch
        finally:
            with self._lock:
                self._watches.remove(watch)
            self._wake.set()

    def look(self) -> bool:
        """Ask once for all watched jobs; whether any has changed."""
        with self._lock:
            watches = [watch for watch in self._watches if not watch.ended]
        changed = False
        for first in range(0, len(watches), MOST_DESCRIBED):
            if first:
                time.sleep(SECONDS_PER_CALL)
            changed |= self._describe(watches[first : first + MOST_DESCRIBED])
        return changed

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while True:
            self._wake.clear()
            with self._lock:
                if not self._watches:
                    self._thread = None
                    return
            pause = FIRST_PAUSE if self.look() else min(pause * GROWTH, LONGEST_PAUSE)
            # Woken early for a new job; many new jobs at once are still asked for together.
            if self._wake.wait(pause * random.uniform(0.8, 1.2)):  # noqa: S311 - jitter, not cryptography
                time.sleep(SECONDS_PER_CALL)
                pause = FIRST_PAUSE

    def _describe(self, watches: list[Watch]) -> bool:
        ids = list(dict.fromkeys(watch.job_id for watch in watches))
        try:
            answer = self._clients("batch").describe_jobs(jobs=ids)
        except Exception as error:  # noqa: BLE001 - throttled, or Batch is away: told to the steps if it lasts
            return self._unanswered(watches, error)
        self._answered = time.monotonic()
        found = {job["jobId"]: job for job in answer["jobs"]}
        changed = [_update(watch, found.get(watch.job_id)) for watch in watches]
        return any(changed)

    def _unanswered(self, watches: list[Watch], error: Exception) -> bool:
        away = time.monotonic() - self._answered
        code = getattr(error, "response", {}).get("Error", {}).get("Code")
        if away > UNREACHABLE_SECONDS or code in _REFUSED:
            for watch in watches:
                gone = BatchUnreachableError(f"AWS Batch has not described jobs for {away:.0f} s: {error}")
                gone.__cause__ = error
                watch.put(None, gone)
        return False


def _update(watch: Watch, job: Job | None) -> bool:
    if job is not None:
        watch.missing = 0
        return watch.put(job)
    watch.missing += 1
    if watch.missing < MISSING_LOOKS:
        return False
    return watch.put(None, JobGoneError(f"AWS Batch does not know the job {watch.job_id} any more."))


def _state(job: Job | None) -> tuple[Any, ...]:
    """What counts as a change."""
    if job is None:
        return ()
    summary = (job.get("arrayProperties") or {}).get("statusSummary") or {}
    return (
        job["status"],
        job.get("statusReason"),
        len(job.get("attempts", ())),
        tuple(sorted(summary.items())),
    )


_watchers: "WeakKeyDictionary[Any, Watcher]" = WeakKeyDictionary()
_watchers_lock = threading.Lock()


def watcher(clients: Clients) -> Watcher:
    """The process's watcher for the Batch client that ``clients`` gives: shared by all who use that client."""
    client = clients("batch")
    with _watchers_lock:
        return _watchers.setdefault(client, Watcher(clients))
