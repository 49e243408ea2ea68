"""Runs of jobs (https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-jobs-runs.html)."""

import threading
import uuid
from typing import Any

from local_cloud.errors import ServiceError
from local_cloud.glue.base import invalid, not_found, page, refuse
from local_cloud.glue.capacity import capacity, dpu_seconds, put_metrics, wants_metrics
from local_cloud.glue.clock import Start
from local_cloud.glue.jobs import JobDefinitions
from local_cloud.glue.store import decode_token, dumps, encode_token, loads, now
from local_cloud.glue.supervisor import LIVE_STATES, Supervisor

Shape = dict[str, Any]
INTERNAL = ("ExecutionStarted", "WorkflowRunId")
"""Members of a stored run that are no part of AWS's shape."""
_CAPACITY = ("MaxCapacity", "AllocatedCapacity", "WorkerType", "NumberOfWorkers")
_INHERITED = (*_CAPACITY, "SecurityConfiguration", "ExecutionClass", "NotificationProperty")


class JobRuns(JobDefinitions):
    """Start, watch and stop runs. The processes themselves are the supervisor's."""

    supervisor: Supervisor

    def ended(self, kind: str, name: str, state: str, run: Shape) -> list[Start]:
        """Tell the triggers of a run's end, in its transaction; implemented with the triggers."""
        raise NotImplementedError

    def start_job_run(
        self,
        *,
        JobName: str,
        Arguments: Shape | None = None,
        JobRunId: str | None = None,
        Timeout: int | None = None,
        ExecutionRoleSessionPolicy: str | None = None,
        **members: Any,
    ) -> Shape:
        """Start a run; ``JobRunId`` names an earlier run to repeat with its arguments.

        Raises:
            ServiceError: ``ConcurrentRunsExceededException``, ``EntityNotFoundException``,
                ``InvalidInputException``.
        """
        refuse("StartJobRun", ExecutionRoleSessionPolicy=ExecutionRoleSessionPolicy)
        with self.store.write():
            if JobRunId is not None:
                Arguments = {**self._run(JobName, JobRunId).get("Arguments", {}), **(Arguments or {})}
            run, start = self.begin_run(JobName, Arguments or {}, Timeout, members)
        start()
        return {"JobRunId": run["Id"]}

    def begin_run(
        self, name: str, arguments: Shape, timeout: int | None, members: Shape
    ) -> tuple[Shape, Start]:
        """Record a new run inside the caller's transaction; call the result once that is on disk.

        With ``JobRunQueuingEnabled`` a run over the job's limit is ``WAITING`` until another ends
        (https://docs.aws.amazon.com/glue/latest/dg/job-run-queuing.html).

        Raises:
            ServiceError: as StartJobRun.
        """
        job = self.job(name)
        _check_arguments(job, arguments)
        given = {key: value for key, value in members.items() if value is not None}
        queuing = given.get("JobRunQueuingEnabled", job.get("JobRunQueuingEnabled", False))
        run = new_run(job, arguments, timeout, {**given, "JobRunQueuingEnabled": queuing})
        full = self._exceeded(job)
        if full and not queuing:
            raise full
        if full:
            run |= {"JobRunState": "WAITING", "StateDetail": f"Waiting for a run of job {name} to end."}
        self.insert_run(run)
        return run, (lambda: None) if full else (lambda: self.supervisor.start(job, run))

    def run_finished(self, job: Shape | None, run: Shape, *, retry: bool = True) -> list[Start]:
        """What follows from the end of a run, in its transaction: event, retry, triggers, the queue.

        Args:
            job: the job as the run knew it; ``None`` if it was deleted.
            retry: whether a failed run may be repeated.
        """
        self.outbox.add("Glue Job State Change", state_change(run))
        arguments = {**job["DefaultArguments"], **run["Arguments"]} if job else run["Arguments"]
        if billed := dpu_seconds(run, arguments):
            with self.store.write() as db:
                db.execute("UPDATE job_runs SET body = ? WHERE id = ?", (dumps(run | billed), run["Id"]))
        metrics: list[Start] = []
        if wants_metrics(arguments):
            # In a thread: the engine recovers runs before its gateway, which serves CloudWatch, answers.
            sender = threading.Thread(target=put_metrics, args=(self.cloud, run), daemon=True)
            metrics.append(sender.start)
        if retry and job and run["JobRunState"] == "FAILED" and run["Attempt"] < job["MaxRetries"]:
            attempt = new_run(job, run["Arguments"], run["Timeout"], kept_for_retry(run), previous=run)
            self.insert_run(attempt)
            return [*metrics, lambda: self.supervisor.start(job, attempt)]
        return (
            metrics
            + self.ended("job", run["JobName"], run["JobRunState"], run)
            + self.next_in_queue(run["JobName"])
        )

    def run_delayed(self, run: Shape) -> None:
        """Tell that a run takes longer than its ``NotifyDelayAfter``."""
        notify = run["NotificationProperty"]
        detail = {
            "jobName": run["JobName"],
            "severity": "INFO",
            "notificationCondition": {"NotifyDelayAfter": notify["NotifyDelayAfter"]},
            "state": "RUNNING",
            "jobRunId": run["Id"],
            "message": "Job is in RUNNING state",
            "startedOn": run["StartedOn"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        self.outbox.add("Glue Job Run Status", detail)

    def recover_queue(self) -> list[Start]:
        """Begin what waited when an earlier process ended."""
        names = [
            name for (name,) in self.store.read("SELECT DISTINCT job FROM job_runs WHERE state = 'WAITING'")
        ]
        return [start for name in names for start in self.next_in_queue(name)]

    def next_in_queue(self, name: str) -> list[Start]:
        """Begin waiting runs of a job as far as its limit allows, the oldest first."""
        starts: list[Start] = []
        with self.store.write() as db:
            rows = db.execute(
                "SELECT body FROM job_runs WHERE job = ? AND state = 'WAITING' ORDER BY seq", (name,)
            ).fetchall()
            for (body,) in rows:
                job = self.job(name)
                if self._exceeded(job):
                    break
                run = {**loads(body), "JobRunState": "STARTING", "StartedOn": now(), "LastModifiedOn": now()}
                run.pop("StateDetail", None)
                db.execute(
                    "UPDATE job_runs SET state = 'STARTING', body = ? WHERE id = ?", (dumps(run), run["Id"])
                )
                starts.append(lambda job=job, run=run: self.supervisor.start(job, run))  # type: ignore[misc]
        return starts

    def get_job_run(self, *, JobName: str, RunId: str, PredecessorsIncluded: bool | None = None) -> Shape:
        """Raises: ``EntityNotFoundException``."""
        run = self._run(JobName, RunId)
        return {"JobRun": run if PredecessorsIncluded else {**run, "PredecessorRuns": []}}

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
        return page("JobRuns", [present(loads(body)) for _, body in rows[:limit]], token)

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
        if run["JobRunState"] == "WAITING" and self._leave_queue(run_id):
            return
        if run["JobRunState"] not in LIVE_STATES or not self.supervisor.stop(run_id):
            raise ServiceError(
                "InvalidInputException",
                f"Job run {run_id} is in state {run['JobRunState']} and cannot be stopped.",
            )

    def _run(self, job: str, run_id: str) -> Shape:
        row = self.store.one("SELECT body FROM job_runs WHERE job = ? AND id = ?", (job, run_id))
        if row is None:
            raise not_found(f"Job run {run_id} of job {job} not found.")
        return present(loads(row[0]))

    def _leave_queue(self, run_id: str) -> bool:
        with self.store.write() as db:
            row = db.execute(
                "SELECT body FROM job_runs WHERE id = ? AND state = 'WAITING'", (run_id,)
            ).fetchone()
            if row is None:
                return False
            run = {**loads(row[0]), "JobRunState": "STOPPED", "CompletedOn": now(), "LastModifiedOn": now()}
            db.execute("UPDATE job_runs SET state = 'STOPPED', body = ? WHERE id = ?", (dumps(run), run_id))
            starts = self.run_finished(None, run)
        for start in starts:
            start()
        return True

    def _exceeded(self, job: Shape) -> ServiceError | None:
        limit = job["ExecutionProperty"].get("MaxConcurrentRuns", 1)
        states = ", ".join("?" * len(LIVE_STATES))
        live = self.store.one(
            f"SELECT count(*) FROM job_runs WHERE job = ? AND state IN ({states})",  # noqa: S608 - placeholders
            (job["Name"], *LIVE_STATES),
        )
        if not live or live[0] < limit:
            return None
        return ServiceError(
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
    if any(member in given for member in _CAPACITY) and previous is None:
        given = given | capacity(job["Name"], given, 0.0)
        job = {key: value for key, value in job.items() if key not in _CAPACITY}
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


def present(run: Shape) -> Shape:
    """A run as answered: the time of one that is under way is measured now."""
    if run["JobRunState"] == "RUNNING" and "ExecutionStarted" in run:
        run["ExecutionTime"] = int((now() - run["ExecutionStarted"]).total_seconds())
    for member in INTERNAL:
        run.pop(member, None)
    return run


def kept_for_retry(run: Shape) -> Shape:
    """What the next attempt of a run shares with it."""
    names = (*_INHERITED, "TriggerName", "WorkflowRunId", "PredecessorRuns")
    return {name: run[name] for name in names if name in run}


_MESSAGES = {
    "SUCCEEDED": ("INFO", "Job run succeeded"),
    "STOPPED": ("INFO", "Job run stopped"),
    "TIMEOUT": ("WARN", "Job run timed out"),
}


def state_change(run: Shape) -> Shape:
    """The detail of the event that tells of a run's end."""
    failed = f"JobName:{run['JobName']} and JobRunId:{run['Id']} failed to execute with exception "
    severity, message = _MESSAGES.get(
        run["JobRunState"], ("ERROR", failed + run.get("ErrorMessage", "Unknown"))
    )
    return {
        "jobName": run["JobName"],
        "severity": severity,
        "state": run["JobRunState"],
        "jobRunId": run["Id"],
        "message": message,
    }


def _check_arguments(job: Shape, arguments: Shape) -> None:
    fixed = set(job.get("NonOverridableArguments", {})) & set(arguments)
    if fixed:
        raise invalid(f"Arguments {', '.join(sorted(fixed))} of job {job['Name']} cannot be overridden.")
