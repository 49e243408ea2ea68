"""What starts next, and where: the scheduler's half that fills the slots. All on the scheduler's thread."""

import itertools
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from local_cloud.batch import launch, secrets
from local_cloud.batch.lifecycle import Lifecycle
from local_cloud.batch.link import Link
from local_cloud.batch.logs import Shipper
from local_cloud.batch.shares import FairShare
from local_cloud.batch.slots import Slots
from local_cloud.batch.store import Store, milliseconds
from local_cloud.batch.work import Job, Line, Run, Shape, Slot, Unit
from local_cloud.cloud import Cloud

AHEAD = 16
"""Attempts the host may have for one place."""


@dataclass
class Queue:
    """A job queue as the scheduler needs it."""

    body: Shape
    order: list[str]
    fair: FairShare | None
    line: Line = field(default_factory=Line)


class Starter:
    """Starts attempts; the scheduler is one of these."""

    life: Lifecycle
    _cloud: Cloud
    _store: Store
    _shipper: Shipper
    _link: Link
    _slots: Slots
    _queues: dict[str, Queue]
    _by_priority: list[Queue]
    _runs: dict[int, Run]
    _keys: "itertools.count[int]"
    _fetchers: ThreadPoolExecutor

    def post(self, function: Callable[[], None]) -> None:
        """Run a function on the scheduler's thread, later."""
        raise NotImplementedError

    def _ended(self, run: Run, code: int | None, reason: str, at: int) -> None:
        raise NotImplementedError

    def _dispatch(self) -> None:
        for waiting in self._by_priority:
            while self._slots.free.vcpus >= 250 and self._start_one(waiting):
                pass
        self._slots.forget()

    def _start_one(self, waiting: Queue) -> bool:
        """Start a queue's next unit; False if it has none, or none for which there is room."""
        shares = waiting.line.shares()
        if not shares:
            return False
        now = time.monotonic()
        if waiting.fair is not None:
            shares = waiting.fair.order(shares, now)
        for share in shares:
            job = waiting.line.head(share)
            if job is None or not self._allowed(waiting, share, job):
                continue
            place = self._slots.take(waiting.order, job.demand)
            if place is None:
                self._slots.keep(job.demand)
                return False
            if waiting.fair is not None:
                waiting.fair.started(share, job.demand.vcpus, now)
            slot = Slot(next(self._keys), place)
            self._start(job, job.take(), slot)
            self._fill(job, slot)
            return True
        return False

    def _allowed(self, waiting: Queue, share: str, job: Job) -> bool:
        if waiting.fair is None:
            return True
        total = min(
            self._slots.total.vcpus,
            sum(
                self._slots.environments[name].most_vcpus
                for name in waiting.order
                if name in self._slots.environments
            ),
        )
        allowed = waiting.fair.allowed(share, waiting.line.shares(), total)
        # One job always may: a reservation shall not stop a small machine altogether.
        return not waiting.fair.running or waiting.fair.running + job.demand.vcpus <= allowed

    def _fill(self, job: Job, slot: Slot) -> None:
        """Hand the host more children of an array of very short jobs, to follow one another in the same place.

        Without it each start costs a conversation. The host gives back what has waited for a tenth of a second, so
        nobody is kept waiting by what was handed out ahead.
        """
        waiting = self._queues.get(job.queue)
        if not job.quick or not job.size or waiting is None or waiting.fair is not None:
            return
        if self._body(job)["container"].get("secrets"):
            return
        while slot.count < AHEAD and not job.stuck and job.has_ready() and waiting.line.head("") is job:
            self._start(job, job.take(), slot)

    def _start(self, job: Job, unit: Unit, slot: Slot) -> None:
        run = Run(next(self._keys), job, unit, slot, len(unit.attempts) + 1, ahead=slot.count > 0)
        slot.count += 1
        self._runs[run.key] = run
        body = self._body(job)
        container = launch.container(self._cloud, body, slot.place.environment, self._link.instance)
        unit.attempts.append({"container": container})
        unit.status, unit.reason = "STARTING", ""
        if not run.ahead:  # else it is written down when its turn comes
            self.life.progress.unit(job, unit)
        self._shipper.open(run.key, launch.log_group(body), container["logStreamName"])
        wanted = body["container"].get("secrets") or []
        if not wanted:
            self._launch(run, body, {})
            return

        def fetch() -> None:
            try:
                values = secrets.fetch(self._cloud, wanted)
            except launch.LaunchError as error:
                self.post(lambda error=error: self._not_launched(run, str(error)))  # type: ignore[misc]
            else:
                self.post(lambda: self._launch(run, body, values))

        self._fetchers.submit(fetch)

    def _launch(self, run: Run, body: Shape, values: dict[str, str]) -> None:
        if run.key not in self._runs:
            return  # its host has died meanwhile
        if run.cause:
            self._not_launched(run, "")
            return
        try:
            self._link.start(launch.spec(self._cloud, body, run, values))
        except launch.LaunchError as error:
            self._not_launched(run, str(error))

    def _not_launched(self, run: Run, reason: str) -> None:
        if run.key in self._runs:
            self._shipper.closed(run.key)
            self._ended(run, None, reason, milliseconds())

    def _body(self, job: Job) -> Shape:
        if job.body is None:
            row = self._store.one("SELECT body FROM jobs WHERE id = ?", (job.id,))
            if row is None:
                raise LookupError(f"Job {job.id} is in no table.")
            job.body = json.loads(row[0])
        return job.body
