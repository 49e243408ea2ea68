"""Query executions: https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html"""

import re
import threading
import uuid
from datetime import timedelta

from local_cloud.athena.api import reuse
from local_cloud.athena.api.base import Shape, batch, invalid
from local_cloud.athena.api.placement import checked, effective
from local_cloud.athena.api.running import Running
from local_cloud.athena.api.workgroups import ENGINE, PRIMARY
from local_cloud.athena.errors import QueryError
from local_cloud.athena.scans import split_uri
from local_cloud.athena.state import now
from local_cloud.athena.statements import bare, kind_of
from local_cloud.errors import ServiceError

TERMINAL = ("SUCCEEDED", "FAILED", "CANCELLED")
MAX_QUERY_BYTES = 262_144
ANSWER_WITHIN_SECONDS = 0.2
"""What GetQueryExecution waits at most for a query that has not ended."""
MAX_WAITING = 64
"""So many requests wait at a time, each on a thread of the gateway's; further ones are answered at once."""
_TIMES = (
    "QueryQueueTimeInMillis",
    "EngineExecutionTimeInMillis",
    "TotalExecutionTimeInMillis",
    "QueryPlanningTimeInMillis",
    "ServicePreProcessingTimeInMillis",
    "ServiceProcessingTimeInMillis",
)


class Executions(Running):
    """Start, follow and stop queries."""

    _waiting: threading.Semaphore

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
            ServiceError: InvalidRequestException; TooManyRequestsException over the quota of active queries.
        """
        if len(QueryString.encode()) > MAX_QUERY_BYTES:
            raise invalid(
                "The query string exceeds the maximum length of 262144 bytes", "QUERY_STRING_TOO_LONG"
            )
        group = self.workgroup(WorkGroup)
        if group["State"] != "ENABLED":
            raise invalid(f"WorkGroup {WorkGroup} is disabled.")
        context = QueryExecutionContext or {}
        if context.get("Catalog", "AwsDataCatalog").lower() != "awsdatacatalog":
            raise invalid(f"Data catalog {context['Catalog']} is not found")
        given = checked(ResultConfiguration or {}, self.cloud.account_id)
        body = self._new(QueryString, context, group, given, ExecutionParameters or [])
        request = {
            "sql": QueryString,
            "context": context,
            "workgroup": WorkGroup,
            "parameters": ExecutionParameters or [],
            "configuration": given,
        }
        age = reuse.wanted(ResultReuseConfiguration)
        if age is not None:
            body["ResultReuseConfiguration"] = ResultReuseConfiguration
            found = self._reusable(body, group, given, age)
            if found is not None:
                return {"QueryExecutionId": self._reused(body, found, request, ClientRequestToken)}
        return {"QueryExecutionId": self._queued(body, request, ClientRequestToken)}

    def _queued(self, body: Shape, request: Shape, token: str | None) -> str:
        id_ = str(body["QueryExecutionId"])
        job = self.executor.reserve(id_, _lane(body))
        try:
            kept = self.once("execution", token, request, body, id_, body["WorkGroup"])
        except BaseException:
            self.executor.release(job)
            raise
        if kept != id_:
            self.executor.release(job)
        else:
            self.executor.submit(job, lambda running: self.run_execution(running, body))
        return kept

    def _reusable(self, body: Shape, group: Shape, given: Shape, age: timedelta) -> Shape | None:
        own = group["Configuration"]
        overridden = (
            not own["EnforceWorkGroupConfiguration"]
            and own["ResultConfiguration"].get("OutputLocation")
            and given.get("OutputLocation") not in (None, own["ResultConfiguration"]["OutputLocation"])
        )
        if body["_handler"] != "query" or overridden or not reuse.deterministic(body["_sql"]):
            return None
        found = reuse.earlier(self.state, body, age)
        if found is None:
            return None
        try:
            self.cloud.objects.local_path(*split_uri(found["ResultConfiguration"]["OutputLocation"]))
        except ServiceError:
            return None  # the earlier result was deleted or moved
        return found

    def _reused(self, body: Shape, found: Shape, request: Shape, token: str | None) -> str:
        """An execution that ends at once and points to the earlier one's result."""
        moment = now()
        body["Status"] = {"State": "SUCCEEDED", "SubmissionDateTime": moment, "CompletionDateTime": moment}
        body["ResultConfiguration"] = found["ResultConfiguration"]
        body |= {k: found[k] for k in ("_columns", "_output") if k in found}
        body["Statistics"] = {
            **dict.fromkeys(_TIMES, 0),
            "DataScannedInBytes": 0,
            "ResultReuseInformation": {"ReusedPreviousResult": True},
        }
        return self.once("execution", token, request, body, str(body["QueryExecutionId"]), body["WorkGroup"])

    def _new(self, sql: str, context: Shape, group: Shape, given: Shape, parameters: list[str]) -> Shape:
        id_ = str(uuid.uuid4())
        chosen = effective(group["Configuration"], given)
        place = f"{chosen['OutputLocation'].rstrip('/')}/{id_}"
        text, parameters = self._statement(sql, group["Name"], parameters)
        try:
            kind = kind_of(text)
        except QueryError as error:
            raise invalid(
                f"Queries of this type are not supported: {error.message}", "UNSUPPORTED_QUERY_TYPE"
            ) from error
        body: Shape = {
            "QueryExecutionId": id_,
            "Query": sql.strip(),
            "StatementType": kind.type,
            "SubstatementType": kind.substatement,
            "ResultConfiguration": {**chosen, "OutputLocation": place + _extension(kind.handler)},
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
            "_cutoff": group["Configuration"].get("BytesScannedCutoffPerQuery"),
            "_configured": chosen,
        }
        if "Database" not in context:
            body["QueryExecutionContext"].pop("Database")
        if parameters:
            body["ExecutionParameters"] = parameters
        return body

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

    def stop_query_execution(self, *, QueryExecutionId: str) -> Shape:
        """Interrupts a query; one that has ended stays as it is. Raises: InvalidRequestException."""
        self.execution(QueryExecutionId)
        job = self.executor.cancel(QueryExecutionId)
        if job is not None:
            self.abandon(job)
        return {}

    # -- reading -------------------------------------------------------------------------------------------------

    def execution(self, id_: str) -> Shape:
        """The stored execution. Raises: InvalidRequestException."""
        found = self.state.get("execution", id_)
        if found is None:
            raise invalid(f"QueryExecution {id_} was not found", "INVALID_QUERY_EXECUTION_ID")
        return found

    def get_query_execution(self, *, QueryExecutionId: str) -> Shape:
        """While the query runs, the answer waits a moment for its end: who polls learns of it at once, and asks less.

        Raises:
            ServiceError: InvalidRequestException.
        """
        job = self.executor.active(QueryExecutionId)
        if job is not None and self._waiting.acquire(blocking=False):
            try:
                job.settled.wait(ANSWER_WITHIN_SECONDS)
            finally:
                self._waiting.release()
        return {"QueryExecution": _public(self.execution(QueryExecutionId))}

    def batch_get_query_execution(self, *, QueryExecutionIds: list[str]) -> Shape:
        """Those found, and the ids of those not."""
        found = {i: self.state.get("execution", i) for i in QueryExecutionIds}
        executions, missing = batch(
            found, "QueryExecutionId", "QueryExecution {}", "INVALID_QUERY_EXECUTION_ID"
        )
        return {"QueryExecutions": list(map(_public, executions)), "UnprocessedQueryExecutionIds": missing}

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
        statistics, output = body["Statistics"], body.get("_output", {})
        rows = {
            "InputBytes": statistics.get("DataScannedInBytes", 0),
            "OutputRows": output.get("rows"),
            "OutputBytes": output.get("bytes"),
        }
        return {
            "QueryRuntimeStatistics": {
                "Timeline": {n: statistics.get(n, 0) for n in _TIMES},
                "Rows": {n: v for n, v in rows.items() if v is not None},
            }
        }


def _lane(body: Shape) -> str:
    """The quota a statement counts for; CTAS is DDL by its type, and a DML query by its work."""
    dml = body["StatementType"] == "DML" or body["_handler"] in ("create_table_as", "explain")
    return "DML" if dml else "DDL"


def _extension(handler: str) -> str:
    """Of the result's key: https://docs.aws.amazon.com/athena/latest/ug/querying-finding-output-files.html"""
    if handler == "query":
        return ".csv"
    writes = ("insert", "unload", "create_table_as", "delete", "update", "merge")
    return "" if handler in writes else ".txt"


def _public(body: Shape) -> Shape:
    return {k: v for k, v in body.items() if not k.startswith("_")}
