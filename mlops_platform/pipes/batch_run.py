"""One call of ``PipesBatchClient.run``: a job from its submission (or adoption) to its end."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster import PipesClientCompletedInvocation
from dagster_pipes import (
    DAGSTER_PIPES_CONTEXT_ENV_VAR,
    DAGSTER_PIPES_MESSAGES_ENV_VAR,
    PipesExtras,
    PipesParams,
    encode_param,
)

from mlops_platform.pipes import adoption, array, report, submission
from mlops_platform.pipes.adoption import Call
from mlops_platform.pipes.errors import BatchJobError, BatchUnreachableError, JobGoneError
from mlops_platform.pipes.live import Live
from mlops_platform.pipes.log_messages import LogMessages
from mlops_platform.pipes.request import JobRequest
from mlops_platform.pipes.s3_context import S3ContextInjector
from mlops_platform.pipes.s3_messages import S3Messages
from mlops_platform.pipes.sources import Both, Messages, SessionReader
from mlops_platform.pipes.waiting import Waiting
from mlops_platform.pipes.watcher import ENDED, Clients, Job, Watch, watcher


@dataclass(frozen=True)
class Settings:
    """How this call goes about it.

    Attributes:
        base: below which context and messages lie, of a job of its own; an adopted one has its own already.
        child_retries: how often an array's failed children are run again.
        runnable_timeout: seconds in which a job must have found its place; None waits forever.
        show_log: called with each line of the log while the job runs, if at all.
    """

    bucket: str
    base: str
    through_log: bool
    array_keys: Sequence[str]
    child_retries: int
    runnable_timeout: float | None
    show_log: Callable[[str], None] | None


class BatchRun:
    """A job, or an array job with the rounds in which its failed children are run again."""

    def __init__(self, call: Call, request: JobRequest, clients: Clients, settings: Settings) -> None:
        self._call, self._request, self._clients, self._settings = call, request, clients, settings
        self._context = call.context
        self._live = Live(call.context, array=request.size is not None, keys=settings.array_keys)
        self._base, self._round, self._indices = settings.base, 1, tuple[int, ...]()
        self._context_params: PipesParams = {}
        self._messages: Messages | None = None
        self._unread = False

    def run(self, extras: PipesExtras) -> PipesClientCompletedInvocation:
        """To the end.

        Raises:
            BatchJobError: the job did not succeed.
            BatchUnreachableError, JobGoneError: what became of the job cannot be known.
        """
        job = self._earlier_job()
        self._messages = self._source(adopted=job is not None)
        with dg.open_pipes_session(
            context=self._context,
            context_injector=self._injector(adopted=job is not None),
            message_reader=SessionReader(self._live, self._where),
            extras={
                **extras,
                **({"array_keys": list(self._settings.array_keys)} if self._settings.array_keys else {}),
            },
        ) as session:
            self._context_params = session.context_injector_params
            if job is None:
                job_id, retries = self._submit(), self._settings.child_retries
            else:
                job_id = job["jobId"]
                retries = self._settings.child_retries + (job["status"] == "FAILED")
            job = self._to_the_end(
                job_id, retries, failed_before=job is not None and job["status"] == "FAILED"
            )
            metadata = self._metadata(job)
            return PipesClientCompletedInvocation(session, metadata=metadata)

    # Before

    def _earlier_job(self) -> Job | None:
        """The job to go on with: one that an earlier try of this step left, if it does the same work."""
        batch = self._clients("batch")
        job = adoption.newest_job(self._call, batch, self._request.queue)
        if job is None:
            return None
        params = adoption.messages_params(job)
        same = adoption.same_work(job, self._request) and params is not None and "base" in params
        if same and params is not None and self._worth_adopting(job):
            self._base, self._round = params["base"], params["round"]
            self._indices = array.read_indices(self._clients("s3"), params)
            adoption.record_adoption(self._call, job["jobId"], self._url(job["jobId"]))
            self._context.log.info(
                f"Going on with Batch job {job['jobId']} ({job['status']}) of an earlier try."
            )
            return job
        if job["status"] not in ENDED:
            self._end_other(job)
        return None

    def _worth_adopting(self, job: Job) -> bool:
        """Running or done; of a failed array only the failed children are to be run again."""
        return job["status"] != "FAILED" or (self._request.size or 0) > 1

    def _end_other(self, job: Job) -> None:
        """A job of an earlier try that does other work than is asked for now: it must not run beside the new one."""
        self._context.log.warning(
            f"Batch job {job['jobId']} of an earlier try was asked for other work: it is terminated, a new one starts."
        )
        self._terminate(job["jobId"], "Its Dagster step was started again with another request.")
        with watcher(self._clients).watching(job["jobId"]) as watch:
            while not watch.ended:
                watch.next(5.0)

    # Submitting

    def _submit(self) -> str:
        batch, request = self._clients("batch"), self._request
        params = self._messages_params()
        environment = {
            DAGSTER_PIPES_CONTEXT_ENV_VAR: encode_param(self._context_params),
            DAGSTER_PIPES_MESSAGES_ENV_VAR: encode_param(params),
        }
        size = len(self._indices) if self._indices else request.size
        arguments = request.submission(self._call.job_name, environment, submission.tags(self._context), size)
        job_id = submission.submit(batch, arguments, params)
        adoption.record_launch(self._call, job_id, self._url(job_id))
        self._context.log.info(f"Batch job {arguments['jobName']} is {job_id} in queue {request.queue}.")
        return job_id

    def _messages_params(self) -> dict[str, Any]:
        own = {"base": self._base, "round": self._round}
        if self._settings.through_log:
            return {"stdio": "stdout", **own}
        bucket = self._settings.bucket
        prefix = f"{self._base}/messages/round={self._round:02d}"
        indices = array.indices_params(self._clients("s3"), bucket, self._base, self._round, self._indices)
        return {"bucket": bucket, "key_prefix": prefix, **own, **indices}

    # While it runs

    def _to_the_end(self, job_id: str, retries: int, *, failed_before: bool) -> Job:
        while True:
            job = self._ended(job_id)
            if job["status"] == "SUCCEEDED":
                self._live.finish()
                return job
            failed = self._children(job, "FAILED")
            stopped = (job.get("isTerminated") or job.get("isCancelled")) and not failed_before
            if not failed or not retries or stopped or not self._can_find_index(failed):
                self._live.finish()
                raise self._failure(job, failed)
            retries, failed_before = retries - 1, False
            self._round, self._indices = self._round + 1, tuple(child.index for child in failed)
            self._context.log.warning(
                f"{len(failed)} children failed and are run again: {_some(self._indices)}."
            )
            job_id = self._submit()

    def _ended(self, job_id: str) -> Job:
        """Follow the job to its end. If that is broken off, the job is terminated."""
        try:
            with watcher(self._clients).watching(job_id) as watch:
                job = self._follow(watch)
            self._source_of_messages.read(job, last=True)
            return job
        except (BatchUnreachableError, JobGoneError):
            raise  # a retry of the step finds the job again, if there is one
        except BaseException as error:
            self._terminate(
                job_id, f"Dagster run {self._context.run.run_id} ended the job: {type(error).__name__}"
            )
            raise

    def _follow(self, watch: Watch) -> Job:
        waiting = Waiting(self._context.log, self._clients, self._settings.runnable_timeout)
        messages = self._source_of_messages
        while True:
            job = watch.next(messages.pause)
            if job is not None:
                waiting.seen(job)
            if watch.ended and watch.latest is not None:
                return watch.latest
            if messages.pause <= 0:
                self._read(messages, watch.latest)
            waiting.check(watch.latest)

    def _read(self, messages: Messages, job: Job | None) -> None:
        """Read while the job runs. S3 may be away for a while; what is there then is read later."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            messages.read(job)
        except (BotoCoreError, ClientError) as error:
            if not self._unread:
                self._context.log.warning(f"[pipes] Messages cannot be read now: {error}")
            self._unread = True
        else:
            self._unread = False

    def _can_find_index(self, failed: Sequence[array.Child]) -> bool:
        if not self._live.finds_index:
            self._context.log.warning(
                f"{len(failed)} children failed. They are not run again: no child has opened Pipes with "
                "platform_pipes, and in a smaller array only its array_index() tells a child which part of the work "
                "is its own."
            )
        return self._live.finds_index

    def _terminate(self, job_id: str, reason: str) -> None:
        """Ask for the job's end, as far as possible: what broke the wait may be the service, and is raised."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._clients("batch").terminate_job(jobId=job_id, reason=reason)
        except (BotoCoreError, ClientError) as error:
            self._context.log.warning(f"Batch job {job_id} could not be terminated: {error}")

    # After

    def _children(self, job: Job, status: str) -> list[array.Child]:
        """This round's children in a state; a plain job that is left of an array counts as its one child."""
        if "size" in (job.get("arrayProperties") or {}):
            return list(array.children(self._clients("batch"), job["jobId"], status, self._indices))
        if self._request.size is None or job["status"] != status:
            return []
        return [array.Child((self._indices or (0,))[0], job["jobId"], status, job)]

    def _failure(self, job: Job, failed: list[array.Child]) -> BatchJobError:
        batch, logs = self._clients("batch"), self._clients("logs")
        metadata = report.job_metadata(batch, logs, job)
        if self._request.size is None or not failed:
            return BatchJobError(report.job_failure(batch, logs, job), job, metadata)
        size, keys = self._request.size, self._settings.array_keys
        metadata |= report.array_metadata(failed, size, keys, self._live.results.metadata())
        return BatchJobError(report.array_failure(batch, logs, job, failed, size, keys), job, metadata)

    def _metadata(self, job: Job) -> dict[str, Any]:
        batch, logs = self._clients("batch"), self._clients("logs")
        metadata = report.job_metadata(batch, logs, job)
        if self._request.size is not None:
            children = self._children(job, "SUCCEEDED")
            reported = self._live.results.metadata()
            metadata |= report.array_metadata(
                children, self._request.size, self._settings.array_keys, reported
            )
            if self._round > 1:
                metadata["batch_rounds"] = self._round
        return metadata

    # Parts

    @property
    def _source_of_messages(self) -> Messages:
        if self._messages is None:
            raise RuntimeError("There is no Pipes session.")
        return self._messages

    @property
    def _where(self) -> str:
        return (
            "the job's log"
            if self._settings.through_log
            else f"s3://{self._settings.bucket}/{self._base}/messages"
        )

    def _source(self, *, adopted: bool) -> Messages:
        show = self._settings.show_log
        if self._settings.through_log:
            return LogMessages(self._clients, self._live.deliver, show)
        stored = S3Messages(
            self._clients("s3"),
            self._settings.bucket,
            self._base,
            self._live.deliver,
            self._context.log.warning,
            adopted=adopted,
        )
        return Both(stored, LogMessages(self._clients, None, show)) if show else stored

    def _injector(self, *, adopted: bool) -> dg.PipesContextInjector:
        if self._settings.through_log:
            return dg.PipesEnvContextInjector()
        return S3ContextInjector(self._clients("s3"), self._settings.bucket, self._base, adopted=adopted)

    def _url(self, job_id: str) -> str | None:
        return report.console_url(self._clients("batch"), job_id)


def new_base(prefix: str, context: adoption.Context) -> str:
    """Where a job's context and messages lie; a job that is launched anew gets another place."""
    step_key = submission.safe(context.get_step_execution_context().step.key)
    return f"{prefix.strip('/')}/{context.run.run_id}/{step_key}/{uuid.uuid4().hex[:12]}".lstrip("/")


def _some(indices: Sequence[int]) -> str:
    return ", ".join(map(str, indices[:20])) + (" ..." if len(indices) > 20 else "")
