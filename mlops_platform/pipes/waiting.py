"""What is told of a job that is not over: its states, how far an array is, and why it does not start."""

import time
from logging import Logger
from typing import Any

from mlops_platform.pipes.errors import BatchJobError
from mlops_platform.pipes.watcher import Clients, Job

SECONDS_BETWEEN_PROGRESS = 15.0
SECONDS_BETWEEN_CHILD_LOOKS = 30.0


class Waiting:
    """Watches how a job comes along.

    Args:
        log: of the step.
        runnable_timeout: seconds a job may be RUNNABLE; an array: none of its children started. None: forever.
    """

    def __init__(self, log: Logger, clients: Clients, runnable_timeout: float | None) -> None:
        self._log, self._clients, self._timeout = log, clients, runnable_timeout
        self._status, self._reasons = "", set[str]()
        self._since: float | None = None
        self._progress_due = self._child_due = 0.0

    def seen(self, job: Job) -> None:
        """The job has changed: say so."""
        summary = _summary(job)
        if job["status"] != self._status:
            self._status = job["status"]
            self._log.info(f"Batch job {job['jobId']} is {job['status']}.")
        if summary and time.monotonic() >= self._progress_due:
            self._progress_due = time.monotonic() + SECONDS_BETWEEN_PROGRESS
            self._log.info(
                "Children: " + ", ".join(f"{n} {status}" for status, n in summary.items() if n) + "."
            )
        if not _waits(job):
            self._since = None
        elif self._since is None:
            self._since = time.monotonic()

    def check(self, job: Job | None) -> None:
        """Warn of what keeps a job waiting.

        Raises:
            BatchJobError: it has waited longer than it may.
        """
        if job is None or self._since is None:
            return
        reason = self._reason(job)
        if reason and reason not in self._reasons:
            self._reasons.add(reason)
            self._log.warning(f"Batch job {job['jobId']} waits: {reason}")
        if self._timeout is not None and time.monotonic() - self._since > self._timeout:
            raise BatchJobError(
                f"Batch job {job['jobName']} ({job['jobId']}) has been RUNNABLE for {self._timeout:g} s and did not "
                f"start: {reason or 'Batch gives no reason. Is the queue full, or its compute environment too small?'}",
                job,
            )

    def _reason(self, job: Job) -> str:
        if job.get("statusReason"):
            return str(job["statusReason"])
        if not _summary(job) or time.monotonic() < self._child_due:
            return ""
        self._child_due = time.monotonic() + SECONDS_BETWEEN_CHILD_LOOKS
        found: list[dict[str, Any]] = self._clients("batch").list_jobs(
            arrayJobId=job["jobId"], jobStatus="RUNNABLE", maxResults=1
        )["jobSummaryList"]
        return str(found[0].get("statusReason", "")) if found else ""


def _summary(job: Job) -> dict[str, int]:
    return (job.get("arrayProperties") or {}).get("statusSummary") or {}


def _waits(job: Job) -> bool:
    """Whether it could start and does not; of an array: none of its children has."""
    summary = _summary(job)
    if not summary:
        return bool(job["status"] == "RUNNABLE")
    begun = ("STARTING", "RUNNING", "SUCCEEDED", "FAILED")
    return summary.get("RUNNABLE", 0) > 0 and not any(summary.get(status) for status in begun)
