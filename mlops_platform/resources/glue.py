"""Glue as an asset sees it: run a job to its end with its log live, and read the Data Catalog."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from mlops_platform.resources.aws import AwsResource

# https://docs.aws.amazon.com/glue/latest/dg/job-run-statuses.html
SUCCESS = "SUCCEEDED"
ENDED_BADLY = frozenset({"FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED"})
FIRST_POLL_SECONDS = 0.3
LONGEST_POLL_SECONDS = 15.0
QUEUE_GRACE_SECONDS = 900.0
OUTPUT_LOG_GROUP = "/aws-glue/jobs/output"
ERROR_LOG_GROUP = "/aws-glue/jobs/error"


class GlueJobError(Exception):
    """A job run that did not succeed: its state, Glue's error message and the end of its log."""

    def __init__(self, run: "GlueJobRun", message: str) -> None:
        tail = "\n".join(run.log_tail)
        super().__init__(f"Glue job {run.job_name} run {run.run_id} {run.state}: {message}\n{tail}".rstrip())
        self.run = run


@dataclass(frozen=True)
class GlueJobRun:
    """A job run that has ended. ``seconds`` is Glue's ExecutionTime, ``log_tail`` its last lines."""

    job_name: str
    run_id: str
    state: str
    seconds: int
    log_tail: list[str]
    log_group: str = OUTPUT_LOG_GROUP


class GlueResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Runs Glue jobs and reads the Glue Data Catalog."""

    aws: AwsResource
    log_tail_lines: int = 50

    def run_job(
        self, job_name: str, arguments: Mapping[str, str], *, on_log: Callable[[str], None]
    ) -> GlueJobRun:
        """Start the job, pass on every log line as it comes, and wait for the end.

        If the wait is broken off (the Dagster run is cancelled), the job run is stopped.

        Args:
            arguments: name to value, names with their leading ``--``; the caller's mapping is not changed.
            on_log: called with each line of the job's output and error log.

        Raises:
            GlueJobError: the run ended in any state but SUCCEEDED.
            TimeoutError: it outlived the job's own timeout by more than the time Glue may keep it queued.
        """
        glue = self.aws.client("glue")
        timeout = glue.get_job(JobName=job_name)["Job"]["Timeout"] * 60 + QUEUE_GRACE_SECONDS
        run_id = glue.start_job_run(JobName=job_name, Arguments=dict(arguments))["JobRunId"]
        log = _LogTail(self.aws.client("logs"), run_id, on_log, self.log_tail_lines)
        try:
            run = self._wait(glue, job_name, run_id, log, time.monotonic() + timeout)
        except BaseException:
            _stop(glue, job_name, run_id)
            raise
        ended = GlueJobRun(job_name, run_id, run["JobRunState"], run.get("ExecutionTime", 0), log.tail)
        if ended.state != SUCCESS:
            raise GlueJobError(ended, run.get("ErrorMessage", "Glue gave no message."))
        return ended

    def table(self, database: str, name: str) -> dict[str, Any]:
        """The catalog's entry. Raises ``EntityNotFoundException``: there is no such table."""
        table: dict[str, Any] = self.aws.client("glue").get_table(DatabaseName=database, Name=name)["Table"]
        return table

    def columns(self, database: str, name: str) -> list[tuple[str, str, str | None]]:
        """(name, type, comment) of each column, partition keys last."""
        table = self.table(database, name)
        return [
            (c["Name"], c["Type"], c.get("Comment"))
            for c in table["StorageDescriptor"]["Columns"] + table.get("PartitionKeys", [])
        ]

    def _wait(
        self, glue: Any, job_name: str, run_id: str, log: "_LogTail", deadline: float
    ) -> dict[str, Any]:
        pause = FIRST_POLL_SECONDS
        while True:
            run: dict[str, Any] = glue.get_job_run(JobName=job_name, RunId=run_id)["JobRun"]
            fresh = log.read()
            if run["JobRunState"] == SUCCESS or run["JobRunState"] in ENDED_BADLY:
                log.read()
                return run
            if time.monotonic() > deadline:
                raise TimeoutError(f"Glue job {job_name} run {run_id} is still {run['JobRunState']}.")
            pause = FIRST_POLL_SECONDS if fresh else min(pause * 1.4, LONGEST_POLL_SECONDS)
            time.sleep(pause)


def _stop(glue: Any, job_name: str, run_id: str) -> None:
    """Ask for the run's end, as far as possible: what broke the wait may be the service, and is raised."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        glue.batch_stop_job_run(JobName=job_name, JobRunIds=[run_id])
    except (BotoCoreError, ClientError) as error:
        dg.get_dagster_logger().warning("Glue job run %s could not be stopped: %s", run_id, error)


class _LogTail:
    """Follows a run's two log streams by token, so that no line is read twice."""

    def __init__(self, logs: Any, run_id: str, on_log: Callable[[str], None], keep: int) -> None:
        self._logs = logs
        self._run_id = run_id
        self._on_log = on_log
        self._keep = keep
        self._tokens: dict[str, str] = {}
        self.tail: list[str] = []

    def read(self) -> int:
        """Pass on what is new in both streams; answers how many lines that were."""
        count = 0
        for group in (OUTPUT_LOG_GROUP, ERROR_LOG_GROUP):
            for line in self._new_lines(group):
                self._on_log(line)
                self.tail = [*self.tail, line][-self._keep :]
                count += 1
        return count

    def _new_lines(self, group: str) -> Iterator[str]:
        while True:
            request = {"logGroupName": group, "logStreamName": self._run_id, "startFromHead": True}
            if group in self._tokens:
                request["nextToken"] = self._tokens[group]
            try:
                page = self._logs.get_log_events(**request)
            except self._logs.exceptions.ResourceNotFoundException:
                return  # Glue creates the stream with its first line
            yield from (event["message"].rstrip("\n") for event in page["events"])
            unchanged = self._tokens.get(group) == page["nextForwardToken"]
            self._tokens[group] = page["nextForwardToken"]
            if unchanged or not page["events"]:
                return
