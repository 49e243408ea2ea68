"""GetQueryResults: https://docs.aws.amazon.com/athena/latest/APIReference/API_GetQueryResults.html"""

from typing import Any

from local_cloud.athena.api.base import Shape, decode_token, encode_token, invalid
from local_cloud.athena.api.executions import Executions
from local_cloud.athena.results import read_page
from local_cloud.athena.scans import split_uri
from local_cloud.errors import ServiceError

MAX_RESULTS = 1000


class Pages(Executions):
    """Rows of finished queries."""

    def get_query_results(
        self,
        *,
        QueryExecutionId: str,
        NextToken: str | None = None,
        MaxResults: int = MAX_RESULTS,
        QueryResultType: str = "DATA_ROWS",
    ) -> Shape:
        """A page of rows; the first row of a SELECT's first page holds the column names.

        Raises:
            ServiceError: InvalidRequestException for a query that has not succeeded, or a result that is gone.
        """
        if not 1 <= MaxResults <= MAX_RESULTS:
            raise invalid(f"MaxResults must be between 1 and {MAX_RESULTS}")
        if QueryResultType == "DATA_MANIFEST":
            raise invalid("DATA_MANIFEST is not supported; read Statistics.DataManifestLocation")
        body = self.execution(QueryExecutionId)
        state = body["Status"]["State"]
        if state in ("QUEUED", "RUNNING"):
            raise invalid(f"Query has not yet finished. Current state: {state}", "QUERY_NOT_FINISHED")
        if state != "SUCCEEDED":
            raise invalid(
                f"Query did not finish successfully. Final query state: {state}", "QUERY_NOT_SUCCEEDED"
            )
        answer: Shape = {"UpdateCount": body.get("_rows", 0)}
        columns = body.get("_columns") or []
        rows: list[Any] = []
        if "_rows" not in body:
            rows, following = self._rows(body, decode_token(NextToken, QueryExecutionId) or 0, MaxResults)
            if following is not None:
                answer["NextToken"] = encode_token(following, QueryExecutionId)
        answer["ResultSet"] = {
            "Rows": [{"Data": [{} if v is None else {"VarCharValue": v} for v in row]} for row in rows],
            "ResultSetMetadata": {"ColumnInfo": columns},
        }
        return answer

    def _rows(self, body: Shape, start: int, limit: int) -> tuple[list[Any], int | None]:
        uri = body["ResultConfiguration"]["OutputLocation"]
        try:
            path = self.cloud.objects.local_path(*split_uri(uri))
        except ServiceError as error:
            raise invalid(
                f"Could not find results of query {body['QueryExecutionId']} at {uri}: {error.message}"
            ) from error
        if not body.get("_text"):
            return read_page(path, start, limit)
        lines = path.read_text().split("\n")[:-1]
        page = lines[start : start + limit]
        return [[line] for line in page], start + limit if start + limit < len(lines) else None
