"""Finding the job that an earlier try of this step left behind.

A worker can die between any two lines. After SubmitJob the job's id is written to the event log; should it die
between the two, the job is found by its name. Where a job's messages go, it says itself, in its environment.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.pipes.reattach import (
    PipesLaunchHandle,
    find_latest_launch_handle,
    record_external_launch,
    record_external_reattach,
)
from dagster._core.storage.tags import ASSET_RESUME_RETRY_TAG, RESUME_RETRY_TAG
from dagster_pipes import DAGSTER_PIPES_MESSAGES_ENV_VAR, decode_param

from mlops_platform.pipes.array import details
from mlops_platform.pipes.request import REQUEST_TAG, JobRequest, job_name
from mlops_platform.pipes.watcher import Job

Context = dg.OpExecutionContext | dg.AssetExecutionContext
MOST_ANCESTORS = 64


@dataclass(frozen=True)
class Call:
    """One call of ``run`` in a step: what its jobs are recorded and named by.

    Attributes:
        key: tells several calls in one step apart.
        label: the readable part of the job's name.
    """

    context: Context
    key: str
    label: str

    @property
    def client_name(self) -> str:
        """Under which the job is recorded in the event log."""
        return f"PipesBatchClient/{self.key}"

    @property
    def job_name(self) -> str:
        """The job's name in this run."""
        return self._name(self.context.run.run_id)

    def names(self) -> Iterator[str]:
        """The job's name in this run and in those that it retries from their failure, the newest first."""
        run = self.context.run
        for _ in range(MOST_ANCESTORS):
            yield self._name(run.run_id)
            retries = "true" in (run.tags.get(RESUME_RETRY_TAG), run.tags.get(ASSET_RESUME_RETRY_TAG))
            parent = self.context.instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None
            if not retries or parent is None:
                return
            run = parent

    def _name(self, run_id: str) -> str:
        step_key = self.context.get_step_execution_context().step.key
        return job_name(self.label, run_id, step_key, self.key)


def record_launch(call: Call, job_id: str, url: str | None) -> None:
    """Write the job's id to the event log, right after SubmitJob."""
    record_external_launch(
        call.context, client_name=call.client_name, external_run_id=job_id, external_run_url=url
    )


def record_adoption(call: Call, job_id: str, url: str | None) -> None:
    """Write that this try goes on with the job."""
    handle = find_latest_launch_handle(call.context, client_name=call.client_name)
    if isinstance(handle, PipesLaunchHandle) and handle.external_run_id == job_id:
        record_external_reattach(call.context, handle)
    else:
        record_launch(call, job_id, url)


def newest_job(call: Call, batch: Any, queue: str) -> Job | None:
    """The job that this call submitted last, in this run or in one it retries; None if there is none."""
    handle = find_latest_launch_handle(call.context, client_name=call.client_name)
    ids = [] if handle is None else [handle.external_run_id]
    for name in call.names():
        filters = [{"name": "JOB_NAME", "values": [name]}]
        for page in batch.get_paginator("list_jobs").paginate(jobQueue=queue, filters=filters):
            ids += [summary["jobId"] for summary in page["jobSummaryList"]]
    known = details(batch, list(dict.fromkeys(ids)))
    return max(known.values(), key=lambda job: int(job["createdAt"]), default=None)


def same_work(job: Job, request: JobRequest) -> bool:
    """Whether the job does what is asked for now."""
    return (job.get("tags") or {}).get(REQUEST_TAG) == request.digest


def messages_params(job: Job) -> dict[str, Any] | None:
    """Where the job was told to write its messages, with its round and indices; None if it was not told."""
    for variable in (job.get("container") or {}).get("environment", ()):
        if variable["name"] == DAGSTER_PIPES_MESSAGES_ENV_VAR:
            params: dict[str, Any] = decode_param(variable["value"])
            return params
    return None
