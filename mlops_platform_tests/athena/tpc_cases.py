"""All TPC-H and TPC-DS queries, run by Athena's API and compared with DuckDB's own answers on the same files."""

import math
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from mlops_platform_tests.athena.tpc_data import generate
from mlops_platform_tests.athena.tpc_queries import UNITS, athena_text, reference_text

BUCKET = "tpc"
SUITES = ("tpch", "tpcds")
_HIVE = {"int32": "int", "int64": "bigint", "date32[day]": "date"}


class Verdict(NamedTuple):
    """``outcome``: pass, refused or wrong; ``instead``: what came; ``rows``: how many the answer has."""

    suite: str
    number: int
    outcome: str
    instead: str
    rows: int


class Suite:
    """One benchmark's tables, in the Glue catalog over Parquet in S3, and its queries.

    ``clients``: service name to a boto3 client.
    """

    def __init__(self, name: str, scale: float, folder: Path, clients: Any) -> None:
        self.name, self.folder = name, folder
        self.athena, self.s3, self.glue = clients("athena"), clients("s3"), clients("glue")
        self.queries = generate(name, scale, folder)

    def register(self) -> None:
        """Uploads the files and declares the tables in database ``<name>``."""
        import pyarrow.parquet as pq

        self.s3.create_bucket(Bucket=BUCKET)
        self.glue.create_database(DatabaseInput={"Name": self.name})
        for path in sorted(self.folder.glob("*.parquet")):
            self.s3.upload_file(str(path), BUCKET, f"{self.name}/{path.stem}/{path.name}")
            columns = [{"Name": f.name, "Type": _hive(f.type)} for f in pq.read_schema(path)]
            storage = {
                "Columns": columns,
                "Location": f"s3://{BUCKET}/{self.name}/{path.stem}/",
                "SerdeInfo": {
                    "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
                },
            }
            table = {"Name": path.stem, "StorageDescriptor": storage, "TableType": "EXTERNAL_TABLE"}
            self.glue.create_table(DatabaseName=self.name, TableInput=table)

    def start(self, number: int) -> str:
        """StartQueryExecution of a query; its id."""
        return str(
            self.athena.start_query_execution(
                QueryString=athena_text(self.name, number, self.queries[number]),
                QueryExecutionContext={"Database": self.name},
                ResultConfiguration={"OutputLocation": f"s3://{BUCKET}/results/"},
            )["QueryExecutionId"]
        )

    def wait(self, id_: str, seconds: float = 300, poll: float = 0.02) -> dict[str, Any]:
        """The execution at its end; ``poll``: seconds between an answer and the next question.

        Raises:
            TimeoutError.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            execution: dict[str, Any] = self.athena.get_query_execution(QueryExecutionId=id_)[
                "QueryExecution"
            ]
            if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
                return execution
            time.sleep(poll)
        raise TimeoutError(f"{self.name}: execution {id_} did not end within {seconds} s")

    def result(self, id_: str) -> tuple[list[dict[str, Any]], list[tuple[str | None, ...]]]:
        """Columns and rows of a finished execution."""
        columns: list[dict[str, Any]] = []
        rows: list[tuple[str | None, ...]] = []
        for page in self.athena.get_paginator("get_query_results").paginate(QueryExecutionId=id_):
            columns = page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
            rows += [tuple(c.get("VarCharValue") for c in row["Data"]) for row in page["ResultSet"]["Rows"]]
        return columns, rows[1:]

    def native(self, **config: Any) -> Any:
        """DuckDB with the same files as views."""
        import duckdb

        connection = duckdb.connect(config=config)
        for path in sorted(self.folder.glob("*.parquet")):
            connection.read_parquet(str(path)).create_view(path.stem)
        return connection

    def verdicts(self) -> Iterator[Verdict]:
        """Every query's outcome, in order."""
        native = self.native()
        for number, text in self.queries.items():
            execution = self.wait(self.start(number))
            if execution["Status"]["State"] != "SUCCEEDED":
                reason = execution["Status"].get("StateChangeReason", "")
                outcome = "refused" if reason.startswith("NOT_SUPPORTED") else "wrong"
                yield Verdict(self.name, number, outcome, reason, 0)
                continue
            columns, rows = self.result(execution["QueryExecutionId"])
            expected = native.execute(reference_text(self.name, number, text)).fetchall()
            difference = compare(columns, rows, expected, UNITS.get((self.name, number), 1))
            yield Verdict(self.name, number, "wrong" if difference else "pass", difference, len(rows))


def compare(
    columns: list[dict[str, Any]],
    rows: list[tuple[str | None, ...]],
    expected: list[tuple[Any, ...]],
    units: int = 1,
) -> str:
    """What differs, or ''. Rows are compared in order; rows equal in their ORDER BY keys may come in any.

    Where Trino's documented decimal typing keeps fewer digits than DuckDB's double (avg and division keep the
    argument's scale), half a unit of the last digit is allowed (times ``units``); doubles to nine digits.
    """
    if len(rows) != len(expected):
        return f"{len(rows)} rows instead of {len(expected)}"
    places = [_slack(c, units) for c in columns]
    if all(_same(a, b, places) for a, b in zip(rows, expected, strict=True)):
        return ""
    ordered = [sorted(part, key=_key) for part in (rows, expected)]
    for got, wanted in zip(*ordered, strict=True):
        if not _same(got, wanted, places):
            return f"{got} instead of {wanted}"
    return ""


def _hive(arrow: Any) -> str:
    text = str(arrow)
    if text.startswith("decimal128"):
        return text.replace("decimal128", "decimal").replace(" ", "")
    return _HIVE.get(text, text)


def _slack(column: dict[str, Any], units: int) -> float:
    """The difference that a decimal's rounding explains."""
    return units * 0.5000001 * 10.0 ** -int(column["Scale"]) if column["Type"] == "decimal" else 0.0


def _same(got: tuple[Any, ...], wanted: tuple[Any, ...], slack: list[float]) -> bool:
    return all(_equal(*cells) for cells in zip(got, wanted, slack, strict=True))


def _equal(got: str | None, wanted: Any, slack: float) -> bool:
    if got is None or wanted is None:
        return got is None and wanted is None
    if isinstance(wanted, float):
        return math.isclose(float(got), wanted, rel_tol=1e-9, abs_tol=max(slack, 1e-9))
    if isinstance(wanted, Decimal):
        return abs(Decimal(got) - wanted) <= Decimal(slack)
    return got == str(wanted)


def _key(row: tuple[Any, ...]) -> tuple[str, ...]:
    def text(cell: Any) -> str:
        try:
            return f"{float(cell):.1f}"
        except (TypeError, ValueError):
            return str(cell)

    return tuple(map(text, row))
