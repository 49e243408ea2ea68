"""Fixtures: a running local cloud, a database of its own, queries run to their end through boto3."""

import io
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_platform_tests.fixtures_cloud import RunningCloud, local_cloud

__all__ = ["local_cloud"]

BUCKET = "athena-tests"
TERMINAL = ("SUCCEEDED", "FAILED", "CANCELLED")


@dataclass
class Answer:
    """A finished execution with the rows of its first page."""

    execution: dict[str, Any]
    columns: list[dict[str, Any]] = field(default_factory=list)
    header: list[str | None] = field(default_factory=list)
    rows: list[list[str | None]] = field(default_factory=list)
    update_count: int = 0

    @property
    def id(self) -> str:
        return str(self.execution["QueryExecutionId"])

    @property
    def state(self) -> str:
        return str(self.execution["Status"]["State"])

    @property
    def reason(self) -> str:
        return str(self.execution["Status"].get("StateChangeReason", ""))

    @property
    def scanned(self) -> int:
        return int(self.execution["Statistics"]["DataScannedInBytes"])

    @property
    def types(self) -> list[str]:
        return [c["Type"] for c in self.columns]


class Athena:
    """An Athena user: a client, a database, a place for results."""

    def __init__(self, cloud: RunningCloud, database: str) -> None:
        self.cloud, self.database = cloud, database
        self.client, self.s3, self.glue = cloud.client("athena"), cloud.client("s3"), cloud.client("glue")
        self.output = f"s3://{BUCKET}/results/{database}/"

    def start(self, sql: str, **options: Any) -> str:
        arguments = {
            "QueryString": sql,
            "QueryExecutionContext": {"Database": self.database},
            "ResultConfiguration": {"OutputLocation": self.output},
        }
        return str(self.client.start_query_execution(**(arguments | options))["QueryExecutionId"])

    def wait(self, id_: str, seconds: float = 60) -> Answer:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            execution = self.client.get_query_execution(QueryExecutionId=id_)["QueryExecution"]
            if execution["Status"]["State"] in TERMINAL:
                return self.read(execution)
            time.sleep(0.02)
        raise AssertionError(f"{id_} did not end within {seconds} s")

    def read(self, execution: dict[str, Any]) -> Answer:
        answer = Answer(execution)
        if answer.state != "SUCCEEDED":
            return answer
        page = self.client.get_query_results(QueryExecutionId=answer.id)
        answer.columns = page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
        answer.update_count = page["UpdateCount"]
        rows = [[cell.get("VarCharValue") for cell in row["Data"]] for row in page["ResultSet"]["Rows"]]
        if execution["StatementType"] == "DML" and rows:
            answer.header, rows = rows[0], rows[1:]
        answer.rows = rows
        return answer

    def __call__(self, sql: str, **options: Any) -> Answer:
        """Runs a statement that must succeed."""
        answer = self.wait(self.start(sql, **options))
        assert answer.state == "SUCCEEDED", f"{sql}: {answer.reason}"
        return answer

    def failure(self, sql: str, **options: Any) -> str:
        """The reason of a statement that must fail."""
        answer = self.wait(self.start(sql, **options))
        assert answer.state == "FAILED", f"{sql}: {answer.state} {answer.rows}"
        return answer.reason

    def lines(self, sql: str) -> list[str]:
        """A text result's lines."""
        return [row[0] or "" for row in self(sql).rows]

    def put(self, key: str, body: bytes) -> str:
        """Writes an object; returns its folder's address."""
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return f"s3://{BUCKET}/{key.rpartition('/')[0]}/"

    def empty(self, prefix: str) -> None:
        """Deletes what lies below a prefix."""
        listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/").get("Contents", [])
        for item in listed:
            self.s3.delete_object(Bucket=BUCKET, Key=item["Key"])

    def put_parquet(self, key: str, table: pa.Table, **options: Any) -> str:
        buffer = io.BytesIO()
        pq.write_table(table, buffer, **options)
        return self.put(key, buffer.getvalue())


@pytest.fixture
def athena(local_cloud: RunningCloud) -> Iterator[Athena]:
    """A user with an empty database."""
    name = f"db_{uuid.uuid4().hex[:8]}"
    user = Athena(local_cloud, name)
    user.s3.create_bucket(Bucket=BUCKET)
    user.glue.create_database(DatabaseInput={"Name": name})
    yield user
    user.glue.delete_database(Name=name)


@pytest.fixture
def sales(athena: Athena) -> Athena:
    """Table ``sales``: three days of five rows, each partition's files somewhere else than Hive would put them."""
    athena(
        "CREATE EXTERNAL TABLE sales (id bigint, name string, amount double, price decimal(10,2), missing int) "
        f"PARTITIONED BY (day string) STORED AS PARQUET LOCATION 's3://{BUCKET}/{athena.database}/sales/'"
    )
    partitions = []
    for day in (1, 2, 3):
        table = pa.table(
            {
                "id": pa.array([day * 10 + i for i in range(5)], pa.int64()),
                "Name": [f"n{i}" for i in range(5)],  # files may spell a column in another case
                "amount": pa.array([None, 1.5, 2.5, 3.5, 4.5]),
                "price": pa.array([f"{i}.25" for i in range(5)]).cast(pa.decimal128(10, 2)),
            }
        )
        location = athena.put_parquet(f"{athena.database}/run=r{day}/day=2026-01-0{day}/a.parquet", table)
        athena.put(f"{athena.database}/run=r{day}/day=2026-01-0{day}/_SUCCESS", b"x")
        partitions.append(f"PARTITION (day = '2026-01-0{day}') LOCATION '{location}'")
    athena(f"ALTER TABLE sales ADD {' '.join(partitions)}")
    return athena
