"""Jobs whose Dagster run has ended without them: found by their tags, and terminated."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
from dagster._core.storage.tags import ROOT_RUN_ID_TAG

from mlops_platform.pipes.array import details
from mlops_platform.pipes.client import default_clients
from mlops_platform.pipes.request import NAME_PREFIX, RUN_TAG
from mlops_platform.pipes.watcher import Clients, Job

ALIVE = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")
GRACE_SECONDS = 600.0


def build_batch_orphan_sensor(
    *,
    job_queues: Sequence[str],
    clients: Clients | None = None,
    name: str = "batch_orphans",
    grace_seconds: float = GRACE_SECONDS,
    minimum_interval_seconds: int = 300,
) -> dg.SensorDefinition:
    """A sensor that terminates the jobs of runs that have ended.

    A job is left alone while its run, or any run that retries it and may adopt the job, has not ended; for
    ``grace_seconds`` after that (a retry may be about to start); and if this Dagster instance does not know its run.

    Args:
        job_queues: names or ARNs of the queues to look through.
        clients: as ``PipesBatchClient`` takes them.
        grace_seconds: more than it takes the run retries of this instance to start.
    """

    @dg.sensor(
        name=name,
        minimum_interval_seconds=minimum_interval_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Terminates AWS Batch jobs whose Dagster run has ended.",
    )
    def batch_orphans(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        batch = (clients or default_clients)("batch")
        ended = list(terminate_orphans(batch, context.instance, job_queues, grace_seconds))
        for job in ended:
            context.log.warning(f"Terminated Batch job {job['jobId']} {job['jobName']}: its run has ended.")
        if not ended:
            return dg.SkipReason("No job has lost its run.")
        return dg.SkipReason(f"Terminated {len(ended)}: " + ", ".join(job["jobId"] for job in ended[:20]))

    return batch_orphans


def terminate_orphans(
    batch: Any, instance: dg.DagsterInstance, job_queues: Sequence[str], grace_seconds: float
) -> Iterator[Job]:
    """Terminate the orphans in these queues; yields each job that was."""
    verdicts: dict[str, bool] = {}
    for job in _alive(batch, job_queues):
        run_id = job["tags"][RUN_TAG]
        if run_id not in verdicts:
            verdicts[run_id] = _run_is_over(instance, run_id, grace_seconds)
        if verdicts[run_id]:
            batch.terminate_job(jobId=job["jobId"], reason=f"Its Dagster run {run_id} has ended.")
            yield job


def _alive(batch: Any, job_queues: Sequence[str]) -> Iterator[Job]:
    for queue in job_queues:
        ids = [
            summary["jobId"]
            for status in ALIVE
            for page in batch.get_paginator("list_jobs").paginate(jobQueue=queue, jobStatus=status)
            for summary in page["jobSummaryList"]
            if summary["jobName"].startswith(NAME_PREFIX)
        ]
        for job in details(batch, list(dict.fromkeys(ids))).values():
            if RUN_TAG in (job.get("tags") or {}) and job["status"] in ALIVE:
                yield job


def _run_is_over(instance: dg.DagsterInstance, run_id: str, grace_seconds: float) -> bool:
    """Whether the run and all runs that come from the same first one have ended, the last of them long enough ago."""
    run = instance.get_run_by_id(run_id)
    if run is None:
        return False
    root = run.root_run_id or run_id
    family = {
        record.dagster_run.run_id: record
        for record in instance.get_run_records(dg.RunsFilter(run_ids=[root, run_id]))
    }
    retries = dg.RunsFilter(tags={ROOT_RUN_ID_TAG: root})
    family |= {record.dagster_run.run_id: record for record in instance.get_run_records(retries)}
    if not all(record.dagster_run.is_finished for record in family.values()):
        return False
    ended = max(record.end_time or record.update_timestamp.timestamp() for record in family.values())
    return time.time() - ended >= grace_seconds
