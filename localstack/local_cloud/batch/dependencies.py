"""What waits for what: whole jobs, single children, children pairwise (N_TO_N), and one child after another.

https://docs.aws.amazon.com/batch/latest/userguide/job_dependencies.html
"""

from collections import defaultdict

from local_cloud.batch.store import Store
from local_cloud.batch.work import FAILED, SUCCEEDED, UNTOUCHED, Job

_CODES = {"SUCCEEDED": SUCCEEDED, "FAILED": FAILED}


class Dependencies:
    """Who is to be told when a job or a child is over."""

    def __init__(self, store: Store, live: dict[str, Job]) -> None:
        self._store, self._live = store, live
        self._after: dict[str, list[Job]] = defaultdict(list)
        self._beside: dict[str, list[Job]] = defaultdict(list)
        self._children: dict[str, bytearray] = {}

    def register(self, job: Job) -> bool:
        """Note what the job waits for, less what is there already; False if something it waits for has failed."""
        for target in sorted(job.waits):
            status = self._status(target)
            if status == FAILED:
                return False
            if status == SUCCEEDED:
                job.waits.discard(target)
            else:
                self._after[target].append(job)
        for target in job.pairs:
            self._beside[target].append(job)
            self._children[target] = self._states(target)
        return True

    def waiting_for(self, target: str) -> list[Job]:
        """Jobs that wait for a whole job or for one child, each told once."""
        return self._after.pop(target, [])

    def awaits(self, target: str) -> bool:
        """Whether anyone waits for it."""
        return target in self._after

    def beside(self, parent: str) -> list[Job]:
        """Arrays whose children wait for this array's children."""
        return self._beside.get(parent, [])

    def forget(self, parent: str) -> None:
        """An array is over; every child has been told of."""
        self._beside.pop(parent, None)

    def child_may_start(self, job: Job, index: int) -> bool | None:
        """Whether the child's own dependencies are met; None if one has failed."""
        states = [self._children[target][index] for target in job.pairs]
        if job.sequential and index:
            states.append(job.children[index - 1])
        if FAILED in states:
            return None
        return all(state == SUCCEEDED for state in states)

    def _status(self, target: str) -> int:
        parent, _, index = target.partition(":")
        live = self._live.get(parent)
        if live is not None:
            return live.children[int(index)] if index else UNTOUCHED
        self._store.flush()  # what has just ended may still be on its way to the disk
        if index:
            return self._states(parent)[int(index)]
        row = self._store.one("SELECT status FROM jobs WHERE id = ?", (parent,))
        return _CODES.get(row[0], UNTOUCHED) if row else FAILED

    def _states(self, parent: str) -> bytearray:
        live = self._live.get(parent)
        if live is not None:
            return live.children  # the array's own: it stays true
        self._store.flush()
        row = self._store.one("SELECT size, rest FROM jobs WHERE id = ?", (parent,))
        if row is None:
            raise LookupError(f"Job {parent} is in no table.")
        states = bytearray([_CODES.get(row[1], FAILED)] * int(row[0]))
        for index, status in self._store.read("SELECT idx, status FROM children WHERE parent = ?", (parent,)):
            states[index] = _CODES.get(status, UNTOUCHED)
        return states
