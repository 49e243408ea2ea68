"""One partition out of 10,000: what it costs beside the same query on a table of one partition.

Registered partitions and partition projection, both asked through boto3, in turn, in one run. Beside them
what a user would write instead: plain DuckDB over a glob with Hive partitioning. Budget: at most twice the
one-partition table.
"""

import io
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.table import show

PARTITIONS = int(os.environ.get("BENCH_PARTITIONS", "10000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "15"))
ROWS = 1000
BUCKET = "bench"
DATABASE = "bench"
FIRST = date(2000, 1, 1)
WANTED = (FIRST + timedelta(days=PARTITIONS // 2)).isoformat()


def main() -> None:
    """Make three tables, ask each for one day, print the table."""
    from mlops_platform_tests.fixtures_cloud import free_port, running

    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder) / "cloud", postgres_port=free_port()) as cloud,
    ):
        _fill(cloud)
        _measure(cloud)


def _fill(cloud: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    s3, glue = cloud.client("s3", max_pool_connections=16), cloud.client("glue")
    s3.create_bucket(Bucket=BUCKET)
    glue.create_database(DatabaseInput={"Name": DATABASE})
    body = io.BytesIO()
    pq.write_table(pa.table({"id": range(ROWS), "v": [n * 0.5 for n in range(ROWS)]}), body)
    days = [(FIRST + timedelta(days=n)).isoformat() for n in range(PARTITIONS)]
    started = time.monotonic()
    keys = [f"many/day={day}/a.parquet" for day in days] + [f"one/day={WANTED}/a.parquet"]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=BUCKET, Key=key, Body=body.getvalue()), keys))
    _table(glue, "one", "one", [WANTED])
    _table(glue, "registered", "many", days)
    _table(
        glue, "projected", "many", [],
        {
            "projection.enabled": "true", "projection.day.type": "date", "projection.day.format": "yyyy-MM-dd",
            "projection.day.range": f"{days[0]},{days[-1]}",
        },
    )  # fmt: skip
    print(f"{len(keys):,} objects and partitions in {time.monotonic() - started:.0f} s", flush=True)


def _table(
    glue: Any, name: str, place: str, days: list[str], properties: dict[str, str] | None = None
) -> None:
    location = f"s3://{BUCKET}/{place}/"
    descriptor = {
        "Columns": [{"Name": "id", "Type": "bigint"}, {"Name": "v", "Type": "double"}],
        "Location": location,
        "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
    }
    table = {
        "Name": name, "TableType": "EXTERNAL_TABLE", "PartitionKeys": [{"Name": "day", "Type": "string"}],
        "Parameters": {"EXTERNAL": "TRUE", **(properties or {})}, "StorageDescriptor": descriptor,
    }  # fmt: skip
    glue.create_table(DatabaseName=DATABASE, TableInput=table)
    for start in range(0, len(days), 100):
        inputs = [
            {"Values": [day], "StorageDescriptor": {**descriptor, "Location": f"{location}day={day}/"}}
            for day in days[start : start + 100]
        ]
        answer = glue.batch_create_partition(DatabaseName=DATABASE, TableName=name, PartitionInputList=inputs)
        assert not answer.get("Errors"), answer["Errors"]


def _measure(cloud: Any) -> None:
    athena = cloud.client("athena")
    ways = {name: _ask(athena, name) for name in ("one", "registered", "projected")}
    ways["plain DuckDB over the glob"] = _glob(cloud.dir)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(ROUNDS + 1):
        for name, ask in ways.items():
            began = time.monotonic()
            rows = ask(number)
            if number:  # the first round warms every way up
                seconds[name].append(time.monotonic() - began)
            assert rows == ROWS, (name, rows)
    base = statistics.median(seconds["one"])
    show(
        f"One partition of {PARTITIONS:,}, {ROUNDS} rounds in turn (budget: 2 times the one-partition table)",
        ["way", "median s", "worst s", "ratio"],
        [[n, statistics.median(s), max(s), statistics.median(s) / base] for n, s in seconds.items()],
    )


def _ask(athena: Any, table: str) -> Any:
    def ask(number: int) -> int:
        id_ = athena.start_query_execution(
            # The number makes each text new: nothing may be answered from an earlier one.
            QueryString=f"SELECT count(*) AS n, sum(v) + {number} AS s FROM {table} WHERE day = '{WANTED}'",
            QueryExecutionContext={"Database": DATABASE},
            ResultConfiguration={"OutputLocation": f"s3://{BUCKET}/results/"},
        )["QueryExecutionId"]
        while True:
            status = athena.get_query_execution(QueryExecutionId=id_)["QueryExecution"]["Status"]
            if status["State"] not in ("QUEUED", "RUNNING"):
                break
            time.sleep(0.005)
        assert status["State"] == "SUCCEEDED", status
        rows = athena.get_query_results(QueryExecutionId=id_)["ResultSet"]["Rows"]
        return int(rows[1]["Data"][0]["VarCharValue"])

    return ask


def _glob(folder: Path) -> Any:
    import duckdb

    root = next(folder.rglob(f"{BUCKET}/many"))

    def ask(number: int) -> int:
        row = duckdb.execute(
            f"SELECT count(*), sum(v) + {number} FROM read_parquet('{root}/*/*.parquet', hive_partitioning = true, "
            f"hive_types_autocast = false) WHERE day = '{WANTED}'"
        ).fetchone()
        assert row is not None
        return int(row[0])

    return ask


if __name__ == "__main__":
    main()
