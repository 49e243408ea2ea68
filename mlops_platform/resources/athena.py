"""Athena as an asset sees it: run a statement, get typed rows."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import dagster as dg

from mlops_platform.resources.aws import AwsResource

FIRST_POLL_SECONDS = 0.05
LONGEST_POLL_SECONDS = 5.0


class AthenaQueryError(Exception):
    """A statement that Athena ended as FAILED or CANCELLED, with Athena's own reason."""

    def __init__(self, state: str, reason: str, sql: str, execution_id: str) -> None:
        super().__init__(f"Athena query {execution_id} {state}: {reason}\n{sql.strip()}")
        self.state = state
        self.reason = reason


@dataclass(frozen=True)
class QueryResult:
    """What a statement returned.

    Attributes:
        columns: (name, Athena type) of each column.
        rows: values as Python types; NULL is None.
        bytes_scanned: bytes of table data read, as Athena bills them.
    """

    execution_id: str
    columns: tuple[tuple[str, str], ...]
    rows: list[tuple[Any, ...]]
    bytes_scanned: int
    seconds: float
    output_location: str

    def scalar(self) -> Any:
        """The only value of a one-row, one-column result. Raises ValueError: the result has another shape."""
        if len(self.rows) != 1 or len(self.columns) != 1:
            raise ValueError(f"Expected one value, got {len(self.rows)} rows of {len(self.columns)} columns.")
        return self.rows[0][0]


class AthenaResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Runs SQL in the platform's Athena workgroup.

    .. code-block:: python

        @dg.asset
        def busiest_service(athena: AthenaResource) -> str:
            return athena.query(
                "SELECT service FROM clean_tickets WHERE day = ? LIMIT 1",
                database="support_desk", parameters=["'2026-01-01'"],
            ).scalar()
    """

    aws: AwsResource
    timeout_seconds: float = 1800.0

    def query(
        self, sql: str, *, database: str, parameters: Sequence[str] = (), max_rows: int | None = None
    ) -> QueryResult:
        """Run one statement to its end.

        Args:
            database: Glue database that unqualified names refer to.
            parameters: values for the statement's ``?`` in order, each written as an SQL literal
                (https://docs.aws.amazon.com/athena/latest/ug/querying-with-prepared-statements.html).
            max_rows: stop reading the result after so many rows; None reads all.

        Raises:
            AthenaQueryError: the statement failed or was cancelled.
            TimeoutError: it did not end within ``timeout_seconds`` and was stopped.
        """
        client = self.aws.client("athena")
        request: dict[str, Any] = {
            "QueryString": sql,
            "WorkGroup": self.aws.contract.athena_workgroup,
            "QueryExecutionContext": {"Database": database, "Catalog": "AwsDataCatalog"},
        }
        if parameters:
            request["ExecutionParameters"] = list(parameters)
        execution_id = client.start_query_execution(**request)["QueryExecutionId"]
        try:
            execution = self._wait(client, execution_id, sql)
        except BaseException:
            client.stop_query_execution(QueryExecutionId=execution_id)
            raise
        columns, rows = _read_result(client, execution, max_rows)
        statistics = execution["Statistics"]
        return QueryResult(
            execution_id=execution_id,
            columns=columns,
            rows=rows,
            bytes_scanned=statistics.get("DataScannedInBytes", 0),
            seconds=statistics.get("TotalExecutionTimeInMillis", 0) / 1000,
            output_location=execution["ResultConfiguration"]["OutputLocation"],
        )

    def _wait(self, client: Any, execution_id: str, sql: str) -> dict[str, Any]:
        deadline = time.monotonic() + self.timeout_seconds
        pause = FIRST_POLL_SECONDS
        while True:
            execution: dict[str, Any] = client.get_query_execution(QueryExecutionId=execution_id)[
                "QueryExecution"
            ]
            state = execution["Status"]["State"]
            if state == "SUCCEEDED":
                return execution
            if state in ("FAILED", "CANCELLED"):
                reason = execution["Status"].get("StateChangeReason", "no reason given")
                raise AthenaQueryError(state, reason, sql, execution_id)
            if time.monotonic() > deadline:
                raise TimeoutError(f"Athena query {execution_id} did not end in {self.timeout_seconds} s.")
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_POLL_SECONDS)


def _read_result(
    client: Any, execution: dict[str, Any], max_rows: int | None
) -> tuple[tuple[tuple[str, str], ...], list[tuple[Any, ...]]]:
    columns: tuple[tuple[str, str], ...] = ()
    converters: list[Callable[[str], Any]] = []
    rows: list[tuple[Any, ...]] = []
    header = execution.get("StatementType") == "DML"  # only a query's first row repeats the column names
    for page in _pages(client, execution["QueryExecutionId"]):
        if not columns:
            info = page["ResultSetMetadata"]["ColumnInfo"]
            columns = tuple((c["Name"], c["Type"]) for c in info)
            converters = [_CONVERTERS.get(c["Type"], str) for c in info]
        for row in page["Rows"]:
            if header:
                header = False
                continue
            if max_rows is not None and len(rows) >= max_rows:
                return columns, rows
            values = (cell.get("VarCharValue") for cell in row["Data"])
            rows.append(tuple(None if v is None else to(v) for v, to in zip(values, converters, strict=True)))
    return columns, rows


def _pages(client: Any, execution_id: str) -> Iterator[dict[str, Any]]:
    for answer in client.get_paginator("get_query_results").paginate(QueryExecutionId=execution_id):
        yield answer["ResultSet"]


_CONVERTERS: dict[str, Callable[[str], Any]] = {
    "tinyint": int,
    "smallint": int,
    "integer": int,
    "int": int,
    "bigint": int,
    "float": float,
    "real": float,
    "double": float,
    "decimal": Decimal,
    "boolean": lambda text: text == "true",
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
}
