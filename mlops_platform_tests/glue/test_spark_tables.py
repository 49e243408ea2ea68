"""Catalog tables from scripts: bookmarks, many partitions, and a writer that is killed."""

import contextlib
import io
import os
import signal
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mlops_platform.payloads.glue import platform_glue
from mlops_platform_tests.glue.conftest import BUCKET, PARQUET, Jobs, table_input

READ = """
import json, sys
from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
args = getResolvedOptions(sys.argv, ["JOB_NAME", "database"])
context = GlueContext(SparkContext.getOrCreate())
spark = context.spark_session
job = Job(context)
job.init(args["JOB_NAME"], args)
frame = context.create_dynamic_frame.from_catalog(args["database"], "seen", transformation_ctx="seen").toDF()
rows = sorted([row["id"], str(row["day"])] for row in frame.collect())
job.commit()
print(json.dumps({"rows": rows}))
"""


def _partitioned(jobs: Jobs, database: str, name: str) -> str:
    table = table_input(name, keys={"day": "date"})
    location = f"s3://{BUCKET}/{database}/{name}/"
    table["StorageDescriptor"] |= {"Columns": [{"Name": "id", "Type": "bigint"}], "Location": location}
    jobs.glue.create_table(DatabaseName=database, TableInput=table)
    return location


def _put(jobs: Jobs, location: str, day: str, name: str, *ids: int) -> None:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"id": pa.array(ids, pa.int64())}), buffer)
    bucket, prefix = location.removeprefix("s3://").split("/", 1)
    jobs.s3.put_object(Bucket=bucket, Key=f"{prefix}day={day}/{name}.parquet", Body=buffer.getvalue())


def _register(jobs: Jobs, database: str, name: str, location: str, *days: str) -> None:
    columns = [{"Name": "id", "Type": "bigint"}]
    inputs = [
        {
            "Values": [day],
            "StorageDescriptor": {**PARQUET, "Columns": columns, "Location": f"{location}day={day}/"},
        }
        for day in days
    ]
    jobs.glue.batch_create_partition(DatabaseName=database, TableName=name, PartitionInputList=inputs)


def test_bookmarks_on_catalog_tables(jobs: Jobs, database: str) -> None:
    """A second run reads only the files that came since, an unregistered partition never."""
    location = _partitioned(jobs, database, "seen")
    _put(jobs, location, "2026-01-01", "a", 1, 2)
    _put(jobs, location, "2026-01-02", "a", 3)
    _register(jobs, database, "seen", location, "2026-01-01")
    name = jobs.create(READ, DefaultArguments={"--job-bookmark-option": "job-bookmark-enable"})
    read = lambda: jobs.results(jobs.wait(name, jobs.start(name, database=database)))["rows"]  # noqa: E731
    assert read() == [[1, "2026-01-01"], [2, "2026-01-01"]]
    assert read() == []
    _put(jobs, location, "2026-01-01", "b", 4)
    assert read() == [[4, "2026-01-01"]]


def test_many_partitions_are_one_read(jobs: Jobs, database: str) -> None:
    """The plan of a table of 60 partitions is one read, not 60; files of no partition change nothing."""
    location = _partitioned(jobs, database, "many")
    days = [f"2026-{month:02}-{day:02}" for month in (1, 2, 3) for day in range(1, 21)]
    for number, day in enumerate(days):
        _put(jobs, location, day, "a", number)
    _register(jobs, database, "many", location, *days)
    script = f"""
        import json
        from awsglue.context import GlueContext
        from pyspark.context import SparkContext
        from pyspark.sql import functions as F
        spark = GlueContext(SparkContext.getOrCreate()).spark_session
        def look():
            frame = spark.table("{database}.many")
            plan = str(frame._plan.to_proto(spark.client))
            one = frame.where("day = date '2026-02-03'").select("id").collect()
            return [plan.count("data_source"), [row[0] for row in one], frame.count(), frame.dtypes]
        before = look()
        spark.range(5).write.parquet("{location}run=x/day=2026-01-01/")
        print(json.dumps({{"before": before, "after": look()}}))
    """
    out = jobs.results(jobs.run(script))
    assert out["before"] == [1, [22], 60, [["id", "bigint"], ["day", "date"]]]
    assert out["after"][1:] == out["before"][1:]


REWRITE = """
import sys
from awsglue.context import GlueContext
from awsglue.utils import getResolvedOptions
from platform_glue.publish import TableWriter
from pyspark.context import SparkContext
from pyspark.sql import functions as F
args = getResolvedOptions(sys.argv, ["JOB_NAME", "JOB_RUN_ID", "value", "database", "lake"])
spark = GlueContext(SparkContext.getOrCreate()).spark_session
writer = TableWriter(
    lake_path=args["lake"], database=args["database"], table="rewritten", run_id=args["JOB_RUN_ID"]
)
frame = spark.range(400_000).repartition(8).select(
    "id", F.lit(int(args["value"])).alias("value"), F.md5(F.col("id").cast("string")).alias("text"),
    F.lit("2026-01-01").alias("day"))
writer.write(frame)
writer.publish(frame, {"2026-01-01": 400_000})
"""


def _rewritten(jobs: Jobs, database: str) -> set[tuple[int, int]]:
    """``(value, rows)`` of the files that the catalog's partition points at."""
    partition = jobs.glue.get_partition(
        DatabaseName=database, TableName="rewritten", PartitionValues=["2026-01-01"]
    )["Partition"]
    bucket, prefix = partition["StorageDescriptor"]["Location"].removeprefix("s3://").split("/", 1)
    counts: Counter[int] = Counter()
    for entry in jobs.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
        body = jobs.s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
        counts.update(pq.read_table(io.BytesIO(body), columns=["value"])["value"].to_pylist())
    return set(counts.items())


def _process(run_id: str) -> int:
    """The pid of a run's process."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if run_id.encode() in entry.read_bytes():
                return int(entry.parent.name)
    raise AssertionError(f"{run_id} has no process")


def test_a_killed_rewrite_leaves_the_old_partition_or_the_new(jobs: Jobs, database: str) -> None:
    """``kill -9`` amid a rewrite by the platform's table writer: never half a partition."""
    package = Path(platform_glue.__file__).parent
    modules = {f"platform_glue/{file.stem}": file.read_text() for file in package.glob("*.py")}
    archive = jobs.put_zip("modules/platform.zip", **modules)
    lake = f"s3://{BUCKET}/lake-{database}"
    name = jobs.create(REWRITE, DefaultArguments={"--extra-py-files": archive})

    def start(value: int) -> str:
        return jobs.start(name, value=str(value), database=database, lake=lake)

    assert jobs.wait(name, start(1))["JobRunState"] == "SUCCEEDED"
    assert _rewritten(jobs, database) == {(1, 400_000)}
    for later in (0.0, 0.2):  # seconds after the new rows' first file
        run_id = start(2)
        written = f"lake-{database}/{database}/rewritten/run={run_id}/"
        deadline = time.monotonic() + 60
        while not jobs.s3.list_objects_v2(Bucket=BUCKET, Prefix=written).get("Contents"):
            assert time.monotonic() < deadline, jobs.output(run_id, "error")
            time.sleep(0.01)
        time.sleep(later)
        with contextlib.suppress(AssertionError, ProcessLookupError):  # it may be over already
            os.kill(_process(run_id), signal.SIGKILL)
        state = jobs.wait(name, run_id)["JobRunState"]
        expected = {(2, 400_000)} if state == "SUCCEEDED" else {(1, 400_000)}
        assert _rewritten(jobs, database) in ({(1, 400_000)}, {(2, 400_000)}), state
        assert state == "FAILED" or _rewritten(jobs, database) == expected
    assert jobs.wait(name, start(3))["JobRunState"] == "SUCCEEDED"
    assert _rewritten(jobs, database) == {(3, 400_000)}
