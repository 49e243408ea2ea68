"""What happens to jobs, written down: rows for the database, notes for the events."""

from typing import Any

from local_cloud.batch.store import CHILD, Store, dumps
from local_cloud.batch.work import SINGLE, Job, Unit

Note = tuple[str, int, tuple[Any, ...]]
"""A job's id, the child's index (or SINGLE), and the row ``present.job_detail`` takes."""

_JOB = (
    "UPDATE jobs SET status = ?, reason = ?, started = ?, stopped = ?, attempts = ?, ending = ?, rest = ?, "
    "rest_reason = ? WHERE id = ?"
)


class Progress:
    """Writes behind: nobody waits for these rows; see ``Store.later``."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def job(self, job: Job, unit: Unit | None = None) -> None:
        """A single job (with its unit once it has one), or an array's parent, is as it is now."""
        if unit is not None:
            job.status, job.reason, job.started, job.stopped = (
                unit.status,
                unit.reason,
                unit.started,
                unit.stopped,
            )
            job.ending = unit.ending
        attempts = dumps(unit.attempts) if unit is not None else "[]"
        row = (job.status, job.reason, job.started, job.stopped, attempts, job.ending)
        self._store.later(
            job.id,
            _JOB,
            (*row, job.rest, job.rest_reason, job.id),
            (job.id, SINGLE, (job.id, job.created, *row)),
        )

    def child(self, job: Job, unit: Unit) -> None:
        """An array's child is as it is now."""
        row = (unit.status, unit.reason, unit.started, unit.stopped, dumps(unit.attempts), unit.ending)
        name = f"{job.id}:{unit.index}"
        self._store.later(
            name, CHILD, (job.id, unit.index, *row), (job.id, unit.index, (name, job.created, *row))
        )

    def unit(self, job: Job, unit: Unit) -> None:
        """A single job or a child."""
        if unit.index == SINGLE:
            self.job(job, unit)
        else:
            self.child(job, unit)
