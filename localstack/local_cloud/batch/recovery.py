"""What an earlier process left behind: its live jobs, as the scheduler holds them.

The host died with it (see ``host/``), so an attempt that was under way is over: its host was terminated.
"""

import json

from local_cloud.batch import containers
from local_cloud.batch.store import Store, milliseconds
from local_cloud.batch.work import FAILED, SINGLE, SUCCEEDED, TOUCHED, UNTOUCHED, Job, Row, Unit

KEPT_MILLISECONDS = 7 * 86_400_000
"""AWS shows a job for seven days after its end."""
_COLUMNS = "id, seq, queue, body, size, created, status, reason, started, stopped, attempts, ending, rest, rest_reason"
_CODES = {"SUCCEEDED": SUCCEEDED, "FAILED": FAILED}


def load(store: Store) -> tuple[list[Job], list[tuple[Job, Unit]]]:
    """The live jobs in the order of their submission, and the units whose attempt was under way."""
    _forget_old(store)
    jobs: list[Job] = []
    lost: list[tuple[Job, Unit]] = []
    for row in store.read(
        f"SELECT {_COLUMNS} FROM jobs WHERE status NOT IN ('SUCCEEDED', 'FAILED') ORDER BY seq"  # noqa: S608
    ):
        job = _job(row)
        jobs.append(job)
        units = _children(store, job) if job.size else [_unit(SINGLE, row[6:12])]
        for unit in units:
            if unit.status in ("STARTING", "RUNNING"):
                job.units[unit.index] = unit
                lost.append((job, unit))
            elif unit.status == "RUNNABLE":
                unit.reason = ""
                job.units[unit.index] = unit
    return jobs, lost


def _job(row: Row) -> Job:
    job_id, seq, queue, text, size, created, status, _, started, _, _, ending, rest, rest_reason = row
    body = json.loads(text)
    job = Job.of(job_id, seq, queue, body, size, created, containers.demand(body["container"]))
    job.status, job.started, job.ending, job.rest = status, started, ending, rest
    job.rest_reason = rest_reason if rest == "FAILED" else ""
    return job


def _unit(index: int, row: Row) -> Unit:
    status, reason, started, stopped, attempts, ending = row
    return Unit(index, status, reason, started, stopped, json.loads(attempts), ending)


def _children(store: Store, job: Job) -> list[Unit]:
    if job.rest == "FAILED":
        job.children[:] = bytes([FAILED]) * job.size
    units = []
    for row in store.read(
        "SELECT idx, status, reason, started, stopped, attempts, ending FROM children WHERE parent = ?",
        (job.id,),
    ):
        unit = _unit(row[0], row[1:])
        job.children[unit.index] = _CODES.get(unit.status, TOUCHED)
        units.append(unit)
    job.open = job.children.count(UNTOUCHED) + job.children.count(TOUCHED)
    return units


def _forget_old(store: Store) -> None:
    oldest = milliseconds() - KEPT_MILLISECONDS

    def delete(db: object) -> None:
        execute = db.execute  # type: ignore[attr-defined]
        old = "SELECT id FROM jobs WHERE status IN ('SUCCEEDED', 'FAILED') AND stopped < ?"
        execute(f"DELETE FROM children WHERE parent IN ({old})", (oldest,))  # noqa: S608
        execute("DELETE FROM jobs WHERE status IN ('SUCCEEDED', 'FAILED') AND stopped < ?", (oldest,))

    store.write(delete)
