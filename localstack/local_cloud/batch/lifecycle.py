"""A job's way through its states: admitted, released, attempted, over. All on the scheduler's thread.

https://docs.aws.amazon.com/batch/latest/userguide/job_states.html. Nothing here starts a process, or looks at a
clock but to write it down.
"""

from collections import deque
from collections.abc import Callable

from local_cloud.batch import retry
from local_cloud.batch.dependencies import Dependencies
from local_cloud.batch.progress import Progress
from local_cloud.batch.store import Store, milliseconds
from local_cloud.batch.work import FAILED, SINGLE, SUCCEEDED, UNTOUCHED, Job, Run, Shape, Unit

EXITED = "Essential container in task exited"
NOT_STARTED = "Task failed to start"
TIMED_OUT = "Job attempt duration exceeded timeout"
DEPENDENT = "Dependent Job failed"
CHILD_FAILED = "Array Child Job failed"


class Lifecycle:
    """The live jobs and their moves.

    Args:
        store: the engine's database.
        ready: called when a job has something to run.
    """

    def __init__(self, store: Store, ready: Callable[[Job], None]) -> None:
        self.jobs: dict[str, Job] = {}
        self.progress = Progress(store)
        self._ready = ready
        self._dependencies = Dependencies(store, self.jobs)
        self._over: deque[tuple[Job, int, bool]] = deque()
        self._telling = False

    def admit(self, job: Job) -> None:
        """Take a submitted job in: it waits for what it depends on, or is released."""
        self.jobs[job.id] = job
        if not self._dependencies.register(job):
            self.fail_waiting(job, DEPENDENT)
        elif job.waits:
            job.status = job.rest = "PENDING"
            self.progress.job(job, job.units.get(SINGLE))
        else:
            self._release(job)
        self._tell()

    def fail_waiting(self, job: Job, reason: str) -> None:
        """Everything of the job that has not started fails for that reason."""
        if not job.size:
            unit = job.unit(SINGLE)
            if unit.status not in ("STARTING", "RUNNING"):
                self._finish(job, unit, "FAILED", reason)
            self._tell()
            return
        untouched = job.children.count(UNTOUCHED)
        if untouched:
            failed = [index for index, state in enumerate(job.children) if state == UNTOUCHED]
            job.children[:] = job.children.replace(bytes([UNTOUCHED]), bytes([FAILED]))
            job.rest, job.rest_reason = "FAILED", reason
            job.open -= untouched
            self._over.extend((job, index, False) for index in failed if self._is_awaited(job, index))
        for unit in [unit for unit in job.units.values() if unit.status not in ("STARTING", "RUNNING")]:
            self._finish(job, unit, "FAILED", reason)
        if untouched:
            self.progress.job(job)
            self._close_array(job)
        self._tell()

    def fail_child(self, job: Job, index: int, reason: str, ending: str = "") -> None:
        """A child that has not started fails."""
        unit = job.unit(index)
        unit.ending = ending or unit.ending
        self._finish(job, unit, "FAILED", reason)
        self._tell()

    def attempt_over(self, run: Run, code: int | None, reason: str, at: int) -> None:
        """An attempt has ended; the unit is over, or may start again.

        Args:
            run: the attempt; its ``cause`` says why it was ended, if it was.
            code: its exit code, None if it has none.
            reason: the container's, '' if none.
            at: when, in ms.
        """
        job, unit = run.job, run.unit
        attempt = unit.attempts[-1]
        words = run.words or (NOT_STARTED if code is None else EXITED)
        attempt |= {"stoppedAt": at, "statusReason": words}
        if code is not None and run.cause != "interrupt":
            attempt["container"]["exitCode"] = code
        if reason:
            attempt["container"]["reason"] = reason
        if code == 0 and not run.cause:
            self._finish(job, unit, "SUCCEEDED", words, at)
        elif run.cause in ("", "interrupt") and not unit.ending and self._again(job, unit, attempt):
            unit.status, unit.reason = "RUNNABLE", ""
            self.progress.unit(job, unit)
            job.put_back(unit.index)
            self._ready(job)
        else:
            self._finish(job, unit, "FAILED", words, at)
        self._tell()

    def _again(self, job: Job, unit: Unit, attempt: Shape) -> bool:
        return retry.again(job.retry, attempt, len(unit.attempts))

    def _release(self, job: Job) -> None:
        if not job.size:
            unit = job.unit(SINGLE)
            unit.status = "RUNNABLE"
            self.progress.job(job, unit)
            job.put_back(SINGLE)
        else:
            job.status = "PENDING"
            if job.rest != "FAILED":
                job.rest = "RUNNABLE" if job.free_running else "PENDING"
            self.progress.job(job)
            for unit in list(job.units.values()):
                job.put_back(unit.index)
            if not job.free_running:
                for index in range(job.size):
                    self._consider(job, index)
        self._ready(job)

    def _consider(self, job: Job, index: int) -> None:
        """Make a child runnable whose own dependencies are met; fail it if one has failed."""
        if job.children[index] != UNTOUCHED or job.waits:
            return
        may = self._dependencies.child_may_start(job, index)
        if may is None:
            self._finish(job, job.unit(index), "FAILED", DEPENDENT)
        elif may:
            self.progress.child(job, job.unit(index))
            job.put_back(index)
            self._ready(job)

    def _finish(self, job: Job, unit: Unit, status: str, reason: str, at: int | None = None) -> None:
        unit.status, unit.reason, unit.stopped = status, reason, at or milliseconds()
        job.units.pop(unit.index, None)
        job.open -= 1
        if unit.index == SINGLE:
            self.progress.job(job, unit)
            self.jobs.pop(job.id, None)
        else:
            job.children[unit.index] = SUCCEEDED if status == "SUCCEEDED" else FAILED
            self.progress.child(job, unit)
        self._over.append((job, unit.index, status == "SUCCEEDED"))

    def _close_array(self, job: Job) -> None:
        if job.open or job.id not in self.jobs:
            return
        failed = FAILED in job.children
        job.status, job.stopped = ("FAILED" if failed else "SUCCEEDED"), milliseconds()
        job.reason = job.reason or (CHILD_FAILED if failed else "")
        self.progress.job(job)
        self.jobs.pop(job.id)
        self._over.append((job, SINGLE, not failed))

    def _is_awaited(self, job: Job, index: int) -> bool:
        return bool(self._dependencies.beside(job.id)) or self._dependencies.awaits(f"{job.id}:{index}")

    def _tell(self) -> None:
        """Tell whoever waits for what has ended, and whoever waits for those, to the end of the chain."""
        if self._telling:
            return  # a chain of a thousand jobs is a thousand turns of the loop below, not as many calls deep
        self._telling = True
        try:
            while self._over:
                self._tell_of(*self._over.popleft())
        finally:
            self._telling = False

    def _tell_of(self, job: Job, index: int, succeeded: bool) -> None:
        target = job.id if index == SINGLE else f"{job.id}:{index}"
        for other in self._dependencies.waiting_for(target):
            self._told(other, target, succeeded)
        if index == SINGLE:
            self._dependencies.forget(job.id)
            return
        for other in self._dependencies.beside(job.id):
            if other.id in self.jobs:
                self._consider(other, index)
        if job.sequential and not succeeded and UNTOUCHED in job.children:
            self.fail_waiting(job, DEPENDENT)
        elif job.sequential and succeeded and index + 1 < job.size:
            self._consider(job, index + 1)
        self._close_array(job)

    def _told(self, job: Job, target: str, succeeded: bool) -> None:
        if job.id not in self.jobs:
            return
        if not succeeded:
            self.fail_waiting(job, DEPENDENT)
            return
        job.waits.discard(target)
        if not job.waits:
            self._release(job)
