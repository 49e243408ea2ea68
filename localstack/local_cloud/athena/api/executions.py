"""Query executions: https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html"""

import logging
import re
import threading
import time
import uuid
from typing import Any

from local_cloud.athena.api.base import Shape, invalid
from local_cloud.athena.api.metadata import Metadata
from local_cloud.athena.api.saved import PreparedStatements
from local_cloud.athena.api.workgroups import ENGINE, PRIMARY
from local_cloud.athena.errors import QueryError
from local_cloud.athena.executor import Job
from local_cloud.athena.state import now
from local_cloud.athena.statements import bare, kind_of
from local_cloud.errors import ServiceError

log = logging.getLogger(__name__)
TERMINAL = ("SUCCEEDED", "FAILED", "CANCELLED")
MAX_QUERY_BYTES = 262_144
_HIDDEN = ("_columns", "_text", "_place", "_handler", "_sql", "_rows", "_cutoff")


class Executions(Metadata):
    """Start, follow and stop queries."""

    _settle: threading.Lock

    def recover(self) -> None:
        """Executions that a crash cut off become FAILED, with the reason."""
        for body in list(self.state.all("execution")):
            if body["Status"]["State"] not in TERMINAL:
                error = QueryError(
                    "SERVER_RESTARTED",
                    "The local cloud was restarted while the query was running; start it again",
                )
                self._finish(body, "FAILED", error.reason, error)

    def start_query_execution(
        self,
        *,
        QueryString: str,
        ClientRequestToken: str | None = None,
        QueryExecutionContext: Shape | None = None,
        ResultConfiguration: Shape | None = None,
        WorkGroup: str = PRIMARY,
        ExecutionParameters: list[str] | None = None,
        ResultReuseConfiguration: Shape | None = None,
    ) -> Shape:
        """Queues a statement. The same ClientRequestToken with the same request gives the same id.

        Raises:
            ServiceError: InvalidRequestException.
        """
        if len(QueryString.encode()) > MAX_QUERY_BYTES:
            raise invalid(
                "The query string exceeds the maximum length of 262144 bytes", "QUERY_STRING_TOO_LONG"
            )
        reuse = ((ResultReuseConfiguration or {}).get("ResultReuseByAgeConfiguration") or {}).get("Enabled")
        if reuse:
            raise ServiceError(
                "UnsupportedOperation", "The local cloud's athena does not reuse results.", 501
            )
        group = self.workgroup(WorkGroup)
        if group["State"] != "ENABLED":
            raise invalid(f"WorkGroup {WorkGroup} is disabled.")
        context = QueryExecutionContext or {}
        if context.get("Catalog", "AwsDataCatalog").lower() != "awsdatacatalog":
            raise invalid(f"Data catalog {context['Catalog']} is not found")
        id_ = str(uuid.uuid4())
        body = self._new(
            id_, QueryString, context, group, ResultConfiguration or {}, ExecutionParameters or []
        )
        if ClientRequestToken is not None:
            request = {
                "id": id_,
                "sql": QueryString,
                "context": context,
                "workgroup": WorkGroup,
                "parameters": ExecutionParameters or [],
            }
            if not self.state.add("execution-token", ClientRequestToken, request):
                earlier = self.state.get("execution-token", ClientRequestToken) or {}
                if {**earlier, "id": id_} != request:
                    raise invalid("Idempotent parameters do not match")
                return {"QueryExecutionId": earlier["id"]}
        self.state.put("execution", id_, body, WorkGroup)
        self.executor.submit(id_, lambda job: self._run(job, body))
        return {"QueryExecutionId": id_}

    def _new(
        self, id_: str, sql: str, context: Shape, group: Shape, given: Shape, parameters: list[str]
    ) -> Shape:
        configuration = group["Configuration"]
        place = self._place(configuration, given, id_)
        text, parameters = self._statement(sql, group["Name"], parameters)
        try:
            kind = kind_of(text)
        except QueryError as error:
            raise invalid(
                f"Queries of this type are not supported: {error.message}", "UNSUPPORTED_QUERY_TYPE"
            ) from error
        extension = (
            ".csv"
            if kind.handler == "query"
            else ""
            if kind.handler in ("insert", "unload", "create_table_as")
            else ".txt"
        )
        body: Shape = {
            "QueryExecutionId": id_,
            "Query": sql.strip(),
            "StatementType": kind.type,
            "SubstatementType": kind.substatement,
            "ResultConfiguration": {
                **(configuration["ResultConfiguration"] if self._enforced(configuration) else given),
                "OutputLocation": place + extension,
            },
            "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}},
            "QueryExecutionContext": {
                "Database": context.get("Database", "default").strip("`").lower(),
                "Catalog": context.get("Catalog", "awsdatacatalog").lower(),
            },
            "Status": {"State": "QUEUED", "SubmissionDateTime": now()},
            "Statistics": {},
            "WorkGroup": group["Name"],
            "EngineVersion": ENGINE,
            "_place": place,
            "_handler": kind.handler,
            "_sql": text,
            "_cutoff": configuration.get("BytesScannedCutoffPerQuery"),
        }
        if "Database" not in context:
            body["QueryExecutionContext"].pop("Database")
        if parameters:
            body["ExecutionParameters"] = parameters
        return body

    def _enforced(self, configuration: Shape) -> bool:
        return bool(
            configuration["EnforceWorkGroupConfiguration"]
            and configuration["ResultConfiguration"].get("OutputLocation")
        )

    def _place(self, configuration: Shape, given: Shape, id_: str) -> str:
        location = configuration["ResultConfiguration"].get("OutputLocation")
        if not self._enforced(configuration):
            location = given.get("OutputLocation") or location
        if not location:
            raise invalid(
                "No output location provided. An output location is required either through the "
                "Workgroup result configuration "
                "setting or as an API input."
            )
        if not re.match(r"s3://[a-z0-9][a-z0-9.-]+", location):
            raise invalid(f"outputLocation is not a valid S3 path: {location}")
        return f"{location.rstrip('/')}/{id_}"

    def _statement(self, sql: str, workgroup: str, parameters: list[str]) -> tuple[str, list[str]]:
        """The text to run: for EXECUTE that of the prepared statement, with its parameters."""
        text = bare(sql)
        if not re.match(r"EXECUTE\b", text, re.I):
            return sql.rstrip().rstrip(";"), parameters
        from local_cloud.athena.ddl.prepared import executed

        try:
            name, using = executed(text)
        except QueryError as error:
            raise invalid(error.reason, "MALFORMED_QUERY") from error
        found = self.state.get("prepared", f"{workgroup}/{name}")
        if found is None:
            raise invalid(f"PreparedStatement {name} was not found in workGroup {workgroup}")
        return found["QueryStatement"].rstrip().rstrip(";"), using or parameters

    # -- running -------------------------------------------------------------------------------------------------

    def _run(self, job: Job, body: Shape) -> None:
        """Runs on a query thread; whatever happens, the execution is settled."""
        from local_cloud.athena.executor import Cancelled
        from local_cloud.athena.run import BytesLimit, Run, dispatch

        started = time.monotonic()
        statistics = body["Statistics"]
        statistics["QueryQueueTimeInMillis"] = int((started - job.queued) * 1000)
        run = Run(
            self.cloud,
            self.executor,
            job,
            database=body["QueryExecutionContext"].get("Database", "default"),
            output=body["_place"],
            cutoff=body["_cutoff"],
            parameters=list(body.get("ExecutionParameters", [])),
            prepared=PreparedStatements(self, body["WorkGroup"]),
        )
        state, reason, failure = "SUCCEEDED", None, None
        try:
            job.check()
            self._progress(body)
            outcome = dispatch(run, body["_handler"], body["_sql"])
            job.check()
            self._keep(body, outcome, run)
        except Cancelled:
            state, reason = "CANCELLED", "Query cancelled by user"
        except BytesLimit:
            state, reason = "CANCELLED", "Bytes scanned limit was exceeded"
        except QueryError as error:
            state, reason, failure = "FAILED", error.reason, error
        except ServiceError as error:
            failure = QueryError("FAILED", f"{error.code}: {error.message}")
            state, reason = "FAILED", failure.reason
        except Exception as error:
            log.exception("Athena query %s failed", job.id)
            failure = QueryError("GENERIC_INTERNAL_ERROR", f"{type(error).__name__}: {error}")
            state, reason = "FAILED", failure.reason
        engine_ms = int((time.monotonic() - started) * 1000)
        statistics |= {
            "EngineExecutionTimeInMillis": engine_ms,
            "DataScannedInBytes": run.bytes,
            "ServicePreProcessingTimeInMillis": 0,
            "ServiceProcessingTimeInMillis": 0,
            "QueryPlanningTimeInMillis": 0,
            "TotalExecutionTimeInMillis": engine_ms + statistics["QueryQueueTimeInMillis"],
            "ResultReuseInformation": {"ReusedPreviousResult": False},
        }
        self._finish(body, state, reason, failure)

    def _progress(self, body: Shape) -> None:
        with self._settle:
            body["Status"]["State"] = "RUNNING"
            self.state.put("execution", body["QueryExecutionId"], body, body["WorkGroup"])

    def _keep(self, body: Shape, outcome: Any, run: Any) -> None:
        """Writes a text result and notes what GetQueryResults needs."""
        from local_cloud.athena import results

        body["_columns"] = outcome.columns
        run.bytes = max(run.bytes, outcome.bytes)
        if outcome.lines is not None:
            body["_text"] = True
            results.put_text(
                run.s3,
                "".join(line + "\n" for line in outcome.lines),
                body["ResultConfiguration"]["OutputLocation"],
            )
            results.put_text(
                run.s3,
                results.metadata_text(outcome.columns),
                body["ResultConfiguration"]["OutputLocation"] + ".metadata",
            )
        if outcome.rows is not None:
            body["_rows"] = outcome.rows
        if outcome.manifest:
            body["Statistics"]["DataManifestLocation"] = outcome.manifest

    def _finish(self, body: Shape, state: str, reason: str | None, failure: QueryError | None) -> None:
        with self._settle:
            status = body["Status"]
            status |= {"State": state, "CompletionDateTime": now()}
            if reason:
                status["StateChangeReason"] = reason
            if failure is not None:
                status["AthenaError"] = {
                    "ErrorCategory": failure.category,
                    "ErrorType": failure.error_type,
                    "Retryable": False,
                    "ErrorMessage": failure.reason,
                }
            self.state.put("execution", body["QueryExecutionId"], body, body["WorkGroup"])

    def stop_query_execution(self, *, QueryExecutionId: str) -> Shape:
        """Interrupts a query; one that has ended stays as it is. Raises: InvalidRequestException."""
        self.execution(QueryExecutionId)
        self.executor.cancel(QueryExecutionId)
        return {}

    # -- reading -------------------------------------------------------------------------------------------------

    def execution(self, id_: str) -> Shape:
        """The stored execution. Raises: InvalidRequestException."""
        found = self.state.get("execution", id_)
        if found is None:
            raise invalid(f"QueryExecution {id_} was not found", "INVALID_QUERY_EXECUTION_ID")
        return found

    def get_query_execution(self, *, QueryExecutionId: str) -> Shape:
        """Raises: InvalidRequestException."""
        return {"QueryExecution": _public(self.execution(QueryExecutionId))}

    def batch_get_query_execution(self, *, QueryExecutionIds: list[str]) -> Shape:
        """Those found, and the ids of those not."""
        found = {i: self.state.get("execution", i) for i in QueryExecutionIds}
        missing = [
            {
                "QueryExecutionId": i,
                "ErrorCode": "INVALID_QUERY_EXECUTION_ID",
                "ErrorMessage": f"QueryExecution {i} was not found",
            }
            for i, q in found.items()
            if q is None
        ]
        return {
            "QueryExecutions": [_public(q) for q in found.values() if q],
            "UnprocessedQueryExecutionIds": missing,
        }

    def list_query_executions(
        self, *, NextToken: str | None = None, MaxResults: int = 50, WorkGroup: str = PRIMARY
    ) -> Shape:
        """Ids, newest first. Raises: InvalidRequestException."""
        self.workgroup(WorkGroup)
        found, more = self.listed("execution", WorkGroup, MaxResults, NextToken, newest_first=True)
        return {"QueryExecutionIds": [q["QueryExecutionId"] for q in found], **more}

    def get_query_runtime_statistics(self, *, QueryExecutionId: str) -> Shape:
        """Times and rows; no stages, since there are none. Raises: InvalidRequestException."""
        body = self.execution(QueryExecutionId)
        if body["Status"]["State"] not in TERMINAL:
            raise invalid(f"Query {QueryExecutionId} has not yet finished")
        s = body["Statistics"]
        times = (
            "QueryQueueTimeInMillis",
            "EngineExecutionTimeInMillis",
            "TotalExecutionTimeInMillis",
            "QueryPlanningTimeInMillis",
            "ServicePreProcessingTimeInMillis",
            "ServiceProcessingTimeInMillis",
        )
        return {
            "QueryRuntimeStatistics": {
                "Timeline": {n: s.get(n, 0) for n in times},
                "Rows": {"InputBytes": s.get("DataScannedInBytes", 0)},
            }
        }


def _public(body: Shape) -> Shape:
    return {k: v for k, v in body.items() if k not in _HIDDEN}
