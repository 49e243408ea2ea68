"""Runs of jobs (https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-jobs-runs.html)."""

import uuid
from typing import Any

from local_cloud.errors import ServiceError
from local_cloud.glue.base import invalid, not_found, page, refuse
from local_cloud.glue.jobs import JobDefinitions
from local_cloud.glue.store import decode_token, dumps, encode_token, loads, now
from local_cloud.glue.supervisor import LIVE_STATES, Supervisor

Shape = dict[str, Any]
_INHERITED = ("MaxCapacity", "WorkerType", "NumberOfWorkers", "SecurityConfiguration", "ExecutionClass")


class JobRuns(JobDefinitions):
    """Start, watch and stop runs. The processes themselves are the supervisor's."""

    supervisor: Supervisor

    def start_job_run(
        self,
        *,
        JobName: str,
        Arguments: Shape | None = None,
        JobRunId: str | None = None,
        Timeout: int | None = None,
        JobRunQueuingEnabled: bool | None = None,
        ExecutionRoleSessionPolicy: str | None = None,
        **members: Any,
    ) -> Shape:
        """Start a run; ``JobRunId`` names an earlier run to repeat with its arguments.

        Raises:
            ServiceError: ``ConcurrentRunsExceededException``, ``EntityNotFoundException``,
                ``InvalidInputException``.
        """
        refuse("StartJobRun", JobRunQueuingEnabled=JobRunQueuingEnabled or None)
        refuse("StartJobRun", ExecutionRoleSessionPolicy=ExecutionRoleSessionPolicy)
        with self.store.write():
            job = self.job(JobName)
            if JobRunId is not None:
                Arguments = {**self._run(JobName, JobRunId).get("Arguments", {}), **(Arguments or {})}
            _check_arguments(job, Arguments or {})
            self._check_concurrency(job)
            given = {key: value for key, value in members.items() if value is not None}
            run = new_run(job, Arguments or {}, Timeout, given)
            self.insert_run(run)
        self.supervisor.start(job, run)
        return {"JobRunId": run["Id"]}

    def get_job_run(self, *, JobName: str, RunId: str, PredecessorsIncluded: bool | None = None) -> Shape:  # noqa: ARG002 - there are no triggers, hence no predecessors
        """Raises: ``EntityNotFoundException``."""
        return {"JobRun": self._run(JobName, RunId)}

    def get_job_runs(
        self, *, JobName: str, NextToken: str | None = None, MaxResults: int | None = None
    ) -> Shape:
        """A page of at most 200 runs, the newest first."""
        position = decode_token(NextToken)
        limit = MaxResults or 200
        rows = self.store.read(
            "SELECT seq, body FROM job_runs WHERE job = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
            (JobName, position[0] if position else 2**62, limit + 1),
        )
        if not rows:
            self.job(JobName)
        token = encode_token(rows[limit - 1][0]) if len(rows) > limit else None
        return page("JobRuns", [_present(loads(body)) for _, body in rows[:limit]], token)

    def batch_stop_job_run(self, *, JobName: str, JobRunIds: list[str]) -> Shape:
        """Ask up to 25 runs to stop; runs that are over, or not there, are listed in ``Errors``."""
        if len(JobRunIds) > 25:
            raise invalid("BatchStopJobRun: at most 25 runs in one request.")
        done, errors = [], []
        for run_id in JobRunIds:
            try:
                self._stop(JobName, run_id)
                done.append({"JobName": JobName, "JobRunId": run_id})
            except ServiceError as error:
                detail = {"ErrorCode": error.code, "ErrorMessage": error.message}
                errors.append({"JobName": JobName, "JobRunId": run_id, "ErrorDetail": detail})
        return {"SuccessfulSubmissions": done, "Errors": errors}

    def insert_run(self, run: Shape) -> None:
        """Record a new run."""
        with self.store.write() as db:
            db.execute(
                "INSERT INTO job_runs (job, id, state, body) VALUES (?, ?, ?, ?)",
                (run["JobName"], run["Id"], run["JobRunState"], dumps(run)),
            )

    def _stop(self, job: str, run_id: str) -> None:
        run = self._run(job, run_id)
        if run["JobRunState"] not in LIVE_STATES or not self.supervisor.stop(run_id):
            raise ServiceError(
                "InvalidInputException",
                f"Job run {run_id} is in state {run['JobRunState']} and cannot be stopped.",
            )

    def _run(self, job: str, run_id: str) -> Shape:
        row = self.store.one("SELECT body FROM job_runs WHERE job = ? AND id = ?", (job, run_id))
        if row is None:
            raise not_found(f"Job run {run_id} of job {job} not found.")
        return _present(loads(row[0]))

    def _check_concurrency(self, job: Shape) -> None:
        limit = job["ExecutionProperty"].get("MaxConcurrentRuns", 1)
        states = ", ".join("?" * len(LIVE_STATES))
        live = self.store.one(
            f"SELECT count(*) FROM job_runs WHERE job = ? AND state IN ({states})",  # noqa: S608 - placeholders
            (job["Name"], *LIVE_STATES),
        )
        if live and live[0] >= limit:
            raise ServiceError(
                "ConcurrentRunsExceededException",
                f"Concurrent runs exceeded for {job['Name']}: {live[0]} of {limit} under way.",
            )


def new_run(
    job: Shape, arguments: Shape, timeout: int | None, given: Shape, *, previous: Shape | None = None
) -> Shape:
    """A ``JobRun`` in its first state; ``previous`` is the failed attempt it repeats."""
    started = now()
    attempt = previous["Attempt"] + 1 if previous else 0
    first_id = (
        previous["Id"].split("_attempt_")[0] if previous else f"jr_{uuid.uuid4().hex}{uuid.uuid4().hex}"
    )
    python_shell = job["Command"]["Name"] == "pythonshell"
    run = {
        "Id": f"{first_id}_attempt_{attempt}" if attempt else first_id,
        "Attempt": attempt,
        "JobName": job["Name"],
        "JobMode": "SCRIPT",
        "StartedOn": started,
        "LastModifiedOn": started,
        "JobRunState": "STARTING",
        "Arguments": arguments,
        "PredecessorRuns": [],
        "ExecutionTime": 0,
        "Timeout": timeout or job["Timeout"],
        "LogGroupName": "/aws-glue/python-jobs" if python_shell else "/aws-glue/jobs",
        "GlueVersion": job["GlueVersion"],
        **{key: job[key] for key in _INHERITED if key in job},
        **given,
    }
    if previous:
        run["PreviousRunId"] = previous["Id"]
    return run


def _present(run: Shape) -> Shape:
    """A run as answered: the time of one that is under way is measured now."""
    if run["JobRunState"] == "RUNNING" and "ExecutionStarted" in run:
        run["ExecutionTime"] = int((now() - run["ExecutionStarted"]).total_seconds())
    run.pop("ExecutionStarted", None)
    return run


def _check_arguments(job: Shape, arguments: Shape) -> None:
    fixed = set(job.get("NonOverridableArguments", {})) & set(arguments)
    if fixed:
        raise invalid(f"Arguments {', '.join(sorted(fixed))} of job {job['Name']} cannot be overridden.")
