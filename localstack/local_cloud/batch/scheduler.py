"""The scheduler: one thread that owns every live job, decides what starts, and talks to the host.

Nothing is locked: other threads hand it functions (``call``), the host sends it messages, clocks ring. Order: queues by
priority, shares by what they are owed, jobs by scheduling priority and then as they came.
"""

import contextlib
import heapq
import itertools
import logging
import os
import queue
import select
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from local_cloud.batch.lifecycle import TIMED_OUT, Lifecycle
from local_cloud.batch.link import Link
from local_cloud.batch.logs import Shipper
from local_cloud.batch.shares import FairShare
from local_cloud.batch.slots import Place, Slots, machine
from local_cloud.batch.starting import AHEAD, Queue, Starter
from local_cloud.batch.store import Store, milliseconds
from local_cloud.batch.work import SINGLE, Job, Run, Shape, Slot, Unit
from local_cloud.cloud import Cloud

log = logging.getLogger(__name__)
Result = TypeVar("Result")

QUICK_MILLISECONDS = 50


class Scheduler(Starter):
    """Runs the jobs of one engine.

    Args:
        cloud: where the jobs' AWS is.
        store: the engine's database.
        resources: gives the present queues, environments and policies, each by name.
        shipper: takes the jobs' output.
    """

    grace_seconds = 30.0
    """Between SIGTERM and SIGKILL, as on AWS."""
    second = 1.0
    """How long a second of a job's timeout lasts; tests shorten it."""
    closing_seconds = 5.0

    def __init__(
        self,
        cloud: Cloud,
        store: Store,
        resources: Callable[[], tuple[dict[str, Shape], dict[str, Shape], dict[str, Shape]]],
        shipper: Shipper,
    ) -> None:
        self._cloud, self._store, self._resources, self._shipper = cloud, store, resources, shipper
        self.life = Lifecycle(store, self._ready)
        self._slots = Slots(machine())
        self._queues: dict[str, Queue] = {}
        self._by_priority: list[Queue] = []
        self._runs: dict[int, Run] = {}
        self._stuck: dict[str, Job] = {}
        self._keys = itertools.count(1)
        self._deadlines: list[tuple[float, int]] = []
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wake, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        os.set_blocking(self._wake, False)
        self._fetchers = ThreadPoolExecutor(4, thread_name_prefix="batch-secrets")
        self._link = Link(cloud.state_dir)
        shipper.follow(self._link.output)
        self._closing = False
        self._thread = threading.Thread(target=self._loop, name="batch-scheduler", daemon=True)

    def start(self, jobs: list[Job], lost: list[tuple[Job, Unit]]) -> None:
        """Begin, with the jobs an earlier process left behind, and those whose attempts went with its host."""
        self._reload()
        for job in jobs:
            self.life.jobs[job.id] = job
        for job, unit in lost:
            self._end_lost(job, unit)
        for job in jobs:
            if job.id in self.life.jobs:
                self.life.admit(job)
        self.post(lambda: None)  # the first turn is for what was left behind
        self._thread.start()

    def call(self, function: Callable[[], Result]) -> Result:
        """Run a function on the scheduler's thread and wait for it. What it raises, this raises."""
        done: Future[Result] = Future()

        def run() -> None:
            try:
                done.set_result(function())
            except Exception as error:  # noqa: BLE001 - handed to the caller, who raises it
                done.set_exception(error)

        self.post(run)
        return done.result()

    def post(self, function: Callable[[], None]) -> None:
        """Run a function on the scheduler's thread, later."""
        self._inbox.put(function)
        try:
            os.write(self._waker, b"x")
        except BlockingIOError:
            return  # it has enough reason to wake up

    def submitted(self, job: Job) -> None:
        """Take a job that is on disk."""
        self.post(lambda: self.life.admit(job))

    def changed(self) -> None:
        """Queues, environments or policies are other than before."""
        self.call(self._reload)

    def end_job(self, job_id: str, how: str, reason: str) -> None:
        """Cancel or terminate a job, an array or one child; durable when this returns. One that is over stays so."""
        self.call(lambda: self._end_job(job_id, how, reason))
        self._store.flush()

    def interrupt(self, job_id: str) -> int:
        """The host of a job's running attempts is taken away, as EC2 takes a Spot instance; how many ended."""
        return self.call(lambda: self._interrupt(job_id))

    def front(self, queue_name: str) -> list[Job]:
        """The first 100 jobs of a queue that wait for room."""
        return self.call(lambda: self._queues[queue_name].line.first(100))

    def close(self) -> None:
        """End all jobs (SIGTERM, a moment, SIGKILL) and the host. The next start finds them ended with it."""
        self._closing = True
        if self._thread.is_alive():
            self.post(self._stop_all)
            self._thread.join()
        self._link.close()
        self._fetchers.shutdown(wait=False, cancel_futures=True)
        os.close(self._wake)
        os.close(self._waker)

    # The loop

    def _loop(self) -> None:
        closed_at = 0.0
        while not (self._closing and closed_at and (not self._runs or time.monotonic() > closed_at)):
            try:
                self._turn()
            except Exception:
                log.exception("The Batch scheduler failed at a step; it goes on with the next.")
            if self._closing and not closed_at:
                closed_at = time.monotonic() + self.closing_seconds

    def _turn(self) -> None:
        lines = self._link.lines
        poll = select.poll()
        poll.register(lines, select.POLLIN | (select.POLLOUT if lines.waiting else 0))
        poll.register(self._wake, select.POLLIN)
        ready = dict(poll.poll(self._pause()))
        if self._wake in ready:
            os.read(self._wake, 65536)
        while not self._inbox.empty():
            self._inbox.get()()
        if ready.get(lines.fileno(), 0) & ~select.POLLOUT:
            messages = lines.receive()
            for message in messages or []:
                self._heard(message)
            if messages is None:
                self._host_gone()
        self._on_time()
        if not self._closing:
            self._dispatch()
        with contextlib.suppress(OSError):  # a host that is gone is heard of in the next turn
            self._link.lines.flush()

    def _pause(self) -> float | None:
        """Milliseconds until a clock rings."""
        pauses = [max(0.0, (self._deadlines[0][0] - time.monotonic()) * 1000)] if self._deadlines else []
        if self._closing or self._stuck:
            pauses.append(200 if self._closing else 1000)
        return min(pauses, default=None)

    def _heard(self, message: list[Any]) -> None:
        run = self._runs.get(message[1])
        if run is None:
            return
        if message[0] == "started":
            self._running(run, message[2])
        elif message[0] == "returned":
            self._returned(run)
        else:
            if not message[6]:  # else the reader of the output learns of the end behind the last of it
                self._shipper.closed(run.key)
            self._ended(run, message[2], message[3], message[4])

    def _running(self, run: Run, at: int) -> None:
        if run.ahead:
            self.life.progress.unit(run.job, run.unit)
        run.unit.status, run.unit.started = "RUNNING", at
        run.unit.attempts[-1]["startedAt"] = at
        if run.job.size and run.job.started is None:
            run.job.started = at
            self.life.progress.job(run.job)
        self.life.progress.unit(run.job, run.unit)
        if run.job.timeout:
            run.deadline = time.monotonic() + run.job.timeout * self.second
            heapq.heappush(self._deadlines, (run.deadline, run.key))

    def _ended(self, run: Run, code: int | None, reason: str, at: int) -> None:
        self._leave_slot(run)
        if self._closing:
            return  # the next start ends it: its host is gone
        run.job.quick = at - run.unit.attempts[-1].get("startedAt", 0) < QUICK_MILLISECONDS
        self.life.attempt_over(run, code, reason, at)
        if 0 < run.slot.count <= AHEAD // 2:
            self._fill(run.job, run.slot)

    def _returned(self, run: Run) -> None:
        """The host had no turn for an attempt that was handed to it ahead: it never was."""
        self._leave_slot(run)
        self._shipper.closed(run.key)
        run.job.quick = False
        run.unit.attempts.pop()
        run.unit.status = "RUNNABLE"
        run.job.put_back(run.unit.index)
        self._ready(run.job)

    def _leave_slot(self, run: Run) -> None:
        del self._runs[run.key]
        run.slot.count -= 1
        if run.slot.count:
            return
        self._slots.release(run.slot.place)
        waiting = self._queues.get(run.job.queue)
        if waiting is not None and waiting.fair is not None:
            waiting.fair.ended(run.job.share, run.slot.place.demand.vcpus, time.monotonic())

    def _on_time(self) -> None:
        now = time.monotonic()
        while self._deadlines and self._deadlines[0][0] <= now:
            run = self._runs.get(heapq.heappop(self._deadlines)[1])
            if run is not None and not run.cause:
                self._stop(run, "timeout", TIMED_OUT)
        for job in list(self._stuck.values()):
            self._limit_state_time(job)

    def _stop(self, run: Run, cause: str, words: str) -> None:
        run.cause, run.words = cause, words
        self._link.stop(run.key, self.grace_seconds)

    def _stop_all(self) -> None:
        for run in self._runs.values():
            self._link.stop(run.key, self.closing_seconds - 1)

    def _host_gone(self) -> None:
        """The host has died and every job with it: a new one takes its place."""
        if self._closing:
            self._runs.clear()
            return
        log.error("The process that runs the Batch jobs (pid %d) is gone; starting another.", self._link.pid)
        old, runs = self._link, list(self._runs.values())
        old.close()
        self._link = Link(self._cloud.state_dir)
        self._shipper.follow(self._link.output)
        for run in runs:
            run.cause = run.cause or "interrupt"
            run.words = run.words or host_terminated(old.instance)
            self._ended(run, None, "", milliseconds())

    def _end_lost(self, job: Job, unit: Unit) -> None:
        """An attempt that was under way when the local cloud ended; its ending was written down if it had one."""
        instance = unit.attempts[-1]["container"]["containerInstanceArn"].rpartition("/")[2]
        cause = "terminate" if unit.ending else "interrupt"
        words = unit.reason if unit.ending else host_terminated(instance)
        nowhere = Slot(0, Place("", job.demand, ()))
        self.life.attempt_over(
            Run(0, job, unit, nowhere, len(unit.attempts), None, cause, words), None, "", milliseconds()
        )

    # What others ask

    def _reload(self) -> None:
        queues, environments, policies = self._resources()
        self._slots.replace(list(environments.values()))
        old, self._queues = self._queues, {}
        for name, body in queues.items():
            order = [
                entry["computeEnvironment"].rpartition("/")[2] for entry in body["computeEnvironmentOrder"]
            ]
            fair = None
            if "schedulingPolicyArn" in body:
                policy = policies[body["schedulingPolicyArn"].rpartition("/")[2]]["fairsharePolicy"]
                known = old[name].fair if name in old else None
                fair = known.under(policy) if known else FairShare(policy)
            self._queues[name] = Queue(body, order, fair)
        self._by_priority = sorted(self._queues.values(), key=lambda q: -q.body["priority"])
        for job in list(self.life.jobs.values()):
            if not job.waits:
                self._ready(job)

    def _ready(self, job: Job) -> None:
        """A job has something to run: it joins its queue's line, or says why it never can."""
        waiting = self._queues.get(job.queue)
        if waiting is None:
            return
        stuck = self._slots.never(waiting.order, job.demand)
        if stuck != job.stuck:
            self._say_stuck(job, stuck)
        if not stuck and job.has_ready():
            waiting.line.add(job)

    def _say_stuck(self, job: Job, stuck: str) -> None:
        job.stuck, job.stuck_at = stuck, milliseconds()
        if stuck:
            self._stuck[job.id] = job
        else:
            self._stuck.pop(job.id, None)
        for unit in job.units.values():
            if unit.status == "RUNNABLE":
                unit.reason = stuck
                self.life.progress.unit(job, unit)
        if job.size:
            job.reason = job.rest_reason = stuck
            self.life.progress.job(job)

    def _limit_state_time(self, job: Job) -> None:
        if job.id not in self.life.jobs or job.queue not in self._queues:
            self._stuck.pop(job.id, None)
            return
        for action in self._queues[job.queue].body["jobStateTimeLimitActions"]:
            late = milliseconds() - job.stuck_at >= action["maxTimeSeconds"] * 1000 * self.second
            if late and job.stuck.startswith(action["reason"]):
                reason = f"Canceled by JobStateTimeLimit action due to reason: {action['reason']}"
                self._end_job(job.id, "cancel", reason)
                return

    def _end_job(self, job_id: str, how: str, reason: str) -> None:
        parent, _, index = job_id.partition(":")
        job = self.life.jobs.get(parent)
        if job is None:
            return
        runs = [run for run in self._runs.values() if run.job is job]
        if index:
            runs = [run for run in runs if run.unit.index == int(index)]
            if not runs and job.children[int(index)] <= 1:  # not over
                self.life.fail_child(job, int(index), reason, how)
        else:
            self._end_whole(job, how, reason, bool(runs))
        if how == "terminate":
            for run in reversed(
                runs
            ):  # what was handed out ahead first, so that it does not follow what is ended
                run.unit.ending, run.unit.reason = how, reason
                self.life.progress.unit(job, run.unit)
                self._stop(run, "terminate", reason)

    def _end_whole(self, job: Job, how: str, reason: str, runs: bool) -> None:
        self._stuck.pop(job.id, None)
        if job.size:
            job.ending = how
            if how == "terminate" or not runs:
                job.reason = reason
            for unit in job.units.values():
                unit.ending = how if unit.status == "RUNNABLE" else unit.ending
            self.life.progress.job(job)
        elif not runs:
            job.unit(SINGLE).ending = how
        self.life.fail_waiting(job, reason)

    def _interrupt(self, job_id: str) -> int:
        parent, _, index = job_id.partition(":")
        runs = [
            run
            for run in self._runs.values()
            if run.job.id == parent and (not index or run.unit.index == int(index)) and not run.cause
        ]
        for run in runs:
            self._stop(run, "interrupt", host_terminated(self._link.instance))
        return len(runs)


def host_terminated(instance: str) -> str:
    """The status reason of an attempt whose host is gone."""
    return f"Host EC2 (instance {instance}) terminated."
