"""From QUEUED to an end: an execution run, settled whatever happens, and taken up again after a crash."""

import logging
import threading
import time
from datetime import timedelta
from typing import Any

from local_cloud.athena.api.base import Shape
from local_cloud.athena.api.metadata import Metadata
from local_cloud.athena.api.placement import upload_options
from local_cloud.athena.api.saved import PreparedStatements
from local_cloud.athena.errors import QueryError
from local_cloud.athena.executor import Cancelled, Job
from local_cloud.athena.state import now
from local_cloud.athena.undo import KIND as UNDO
from local_cloud.athena.undo import Undo
from local_cloud.errors import ServiceError

log = logging.getLogger(__name__)
HISTORY = timedelta(days=45)
"""How long Athena keeps executions: https://docs.aws.amazon.com/athena/latest/ug/queries-viewing-history.html"""
RETRY_SECONDS = 0.2
CANCELLED = "Query cancelled by user"


class Running(Metadata):
    """What happens to an execution between start and end."""

    _settle: threading.Lock
    _recovered: threading.Event

    def recover(self) -> None:
        """Ends what a crash cut off as FAILED, its writes taken back; queries wait until that is done.

        It needs S3, which answers only after the engines are there: hence the thread.
        """
        self.state.forget_before("execution", "$.Status.SubmissionDateTime", now() - HISTORY)
        unfinished = self.state.where("execution", "$.Status.State", ["QUEUED", "RUNNING"])
        noted = self.state.ids(UNDO)
        if not unfinished and not noted:
            self._recovered.set()
            return
        threading.Thread(
            target=self._recover, args=(unfinished, noted), name="athena-recover", daemon=True
        ).start()

    def _recover(self, unfinished: list[Shape], noted: list[str]) -> None:
        try:
            for id_ in noted:
                self._take_back(id_)
            for body in unfinished:
                error = _restarted()
                self._finish(body, "FAILED", error.reason, error)
        except Exception:
            if not self.executor.closed:  # else the state was closed under this thread
                raise
        finally:
            self._recovered.set()

    def _take_back(self, id_: str) -> None:
        """Undoes a write as soon as S3 answers; one that had succeeded stays."""
        from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

        undo = Undo(self.state, self.cloud, id_)
        execution = self.state.get("execution", id_)
        if execution is not None and execution["Status"]["State"] == "SUCCEEDED":
            undo.forget()
            return
        while not self.executor.closed:
            try:
                undo.run()
                return
            except (EndpointConnectionError, HTTPClientError):
                time.sleep(RETRY_SECONDS)
            except (ClientError, ServiceError):
                log.exception(
                    "The writes of query %s could not be taken back; the next start tries again.", id_
                )
                return

    def run_execution(self, job: Job, body: Shape) -> None:
        """Runs on a query thread; whatever happens, the execution is settled."""
        from local_cloud.athena.run import Run

        started = time.monotonic()
        statistics = body["Statistics"]
        statistics["QueryQueueTimeInMillis"] = int((started - job.queued) * 1000)
        undo = Undo(self.state, self.cloud, job.id, job)
        run = Run(
            self.cloud,
            self.executor,
            job,
            database=body["QueryExecutionContext"].get("Database", "default"),
            output=body["_place"],
            cutoff=body["_cutoff"],
            parameters=list(body.get("ExecutionParameters", [])),
            prepared=PreparedStatements(self, body["WorkGroup"]),
            undo=undo,
            upload_options=upload_options(body["ResultConfiguration"]),
        )
        state, reason, failure = self._outcome(run, body)
        if self.executor.closed and state == "CANCELLED":
            return  # the local cloud is stopping: the next start settles it, as after a crash
        if state != "SUCCEEDED":
            failure = self._undone(undo, failure)
        ended = time.monotonic()
        engine_ms = int((ended - started) * 1000)
        statistics |= {
            "EngineExecutionTimeInMillis": engine_ms,
            "DataScannedInBytes": run.bytes,
            "ServicePreProcessingTimeInMillis": 0,
            "ServiceProcessingTimeInMillis": 0,
            "QueryPlanningTimeInMillis": run.planning_ms,
            "TotalExecutionTimeInMillis": engine_ms + statistics["QueryQueueTimeInMillis"],
            "ResultReuseInformation": {"ReusedPreviousResult": False},
        }
        if self._finish(body, state, reason, failure, job) == "SUCCEEDED":
            undo.forget()

    def _outcome(self, run: Any, body: Shape) -> tuple[str, str | None, QueryError | None]:
        """State, reason and error of a statement's run."""
        from local_cloud.athena.run import BytesLimit, dispatch

        job = run.job
        try:
            while not self._recovered.wait(RETRY_SECONDS):
                job.check()
            while not self.cloud.engines["glue"].supervisor.commits.settled.wait(RETRY_SECONDS):
                job.check()  # what a killed Spark job began is being finished
            job.check()
            self._progress(job, body)
            outcome = dispatch(run, body["_handler"], body["_sql"])
            if job.lane == "DML" and not job.final:  # else it has taken effect
                job.check()
            self._keep(body, outcome, run)
        except Cancelled:
            return "CANCELLED", CANCELLED, None
        except BytesLimit:
            return "CANCELLED", "Bytes scanned limit was exceeded", None
        except QueryError as error:
            return "FAILED", error.reason, error
        except ServiceError as error:
            failure = QueryError("FAILED", f"{error.code}: {error.message}")
            return "FAILED", failure.reason, failure
        except Exception as error:
            log.exception("Athena query %s failed", job.id)
            failure = QueryError("GENERIC_INTERNAL_ERROR", f"{type(error).__name__}: {error}")
            return "FAILED", failure.reason, failure
        return "SUCCEEDED", None, None

    def _undone(self, undo: Undo, failure: QueryError | None) -> QueryError | None:
        try:
            undo.run()
        except Exception as error:
            log.exception(
                "What a failed query wrote could not be taken back now; the next start tries again."
            )
            return failure or QueryError("GENERIC_INTERNAL_ERROR", f"Its writes remain for now: {error}")
        return failure

    def _progress(self, job: Job, body: Shape) -> None:
        with self._settle:
            if job.abandoned:
                raise Cancelled
            body["Status"]["State"] = "RUNNING"
            # QUEUED and RUNNING come to the same after a power cut
            self.state.put("execution", body["QueryExecutionId"], body, body["WorkGroup"], flush=False)

    def _keep(self, body: Shape, outcome: Any, run: Any) -> None:
        """Writes a text result and notes what GetQueryResults needs."""
        from local_cloud.athena import results

        body["_columns"] = outcome.columns
        run.bytes = max(run.bytes, outcome.bytes)
        if outcome.lines is not None:
            body["_text"] = True
            uri = body["ResultConfiguration"]["OutputLocation"]
            lines = "".join(line + "\n" for line in outcome.lines)
            results.put_text(run.s3, lines, uri, run.upload_options)
            metadata = results.metadata_text(outcome.columns)
            results.put_text(run.s3, metadata, uri + ".metadata", run.upload_options)
        if outcome.rows is not None:
            body["_rows"] = outcome.rows
        body["_output"] = {"rows": outcome.rows, **outcome.statistics}
        if outcome.manifest:
            body["Statistics"]["DataManifestLocation"] = outcome.manifest

    def _finish(
        self, body: Shape, state: str, reason: str | None, failure: QueryError | None, job: Job | None = None
    ) -> str:
        """Settles an execution, unless a stop has done so; returns the state it is in."""
        with self._settle:
            if job is not None and job.abandoned:
                body["Status"] |= _cancelled()
            else:
                body["Status"] |= {"State": state, "CompletionDateTime": now()}
                if reason:
                    body["Status"]["StateChangeReason"] = reason
                if failure is not None:
                    body["Status"]["AthenaError"] = {
                        "ErrorCategory": failure.category,
                        "ErrorType": failure.error_type,
                        "Retryable": False,
                        "ErrorMessage": failure.reason,
                    }
            self.state.put("execution", body["QueryExecutionId"], body, body["WorkGroup"])
            if job is not None:
                job.settled.set()
            return str(body["Status"]["State"])

    def abandon(self, job: Job) -> None:
        """Settles a stopped query at once where it has changed nothing, while its thread is on its way out."""
        if job.writing or job.lane != "DML":
            return
        with self._settle:
            body = self.state.get("execution", job.id)
            if body is not None and body["Status"]["State"] in ("QUEUED", "RUNNING"):
                job.abandoned = True
                body["Status"] |= _cancelled()
                body["Statistics"] |= {"DataScannedInBytes": job.scanned}
                self.state.put("execution", job.id, body, body["WorkGroup"])
                job.settled.set()


def _cancelled() -> Shape:
    return {"State": "CANCELLED", "StateChangeReason": CANCELLED, "CompletionDateTime": now()}


def _restarted() -> QueryError:
    return QueryError(
        "SERVER_RESTARTED", "The local cloud was restarted while the query was running; start it again"
    )
