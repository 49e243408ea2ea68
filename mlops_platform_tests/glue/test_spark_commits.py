"""``kill -9`` amid Spark's own writes of catalog tables: the old rows or the new, never some of each, never both."""

import io
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mlops_platform_tests.fixtures_cloud import RunningCloud, running
from mlops_platform_tests.glue.conftest import BUCKET, Jobs

SCRIPT = """
import os, signal, sys
from awsglue.context import GlueContext
from awsglue.utils import getResolvedOptions
from local_glue import commits, s3
from pyspark.context import SparkContext
from pyspark.sql import functions as F
args = getResolvedOptions(sys.argv, ["JOB_NAME", "table", "what", "at", "pid"])
spark = GlueContext(SparkContext.getOrCreate()).spark_session

def kill():
    for pid in map(int, args["pid"].split(",")):
        os.kill(pid or os.getpid(), signal.SIGKILL)

def dies(name, *, after):
    native = getattr(commits, name)
    def call(*a, **b):
        if after:
            native(*a, **b)
        kill()
    setattr(commits, name, call)

match args["at"]:
    case "staged":
        commits.Commit.run = lambda self, change: kill()
    case "noted":
        dies("_copy", after=False)
    case "half copied":
        native = commits._copy
        def half(change, **b):
            native(commits.Change(change.bucket, change.copies[:1]))
            kill()
        commits._copy = half
    case "copied":
        dies("_copy", after=True)
    case "registered":
        dies("_call", after=True)
    case "half deleted":
        def some(change):
            s3.delete(change.bucket, change.deletes[:1])
            kill()
        commits._delete = some
    case "deleted":
        dies("_delete", after=True)

def rows(value, *days):
    of = [(n, value, day) for day in days for n in range(6)]
    return spark.createDataFrame(of, "id int, value int, day string").repartition(2)

table = args["table"]
match args["what"]:
    case "create":
        rows(1, "a", "b").write.partitionBy("day").saveAsTable(table)
    case "append":
        rows(2, "b", "c").write.insertInto(table)
    case "dynamic":
        spark.conf.set("spark.sql.sources.partitionOverwriteMode", "dynamic")
        rows(2, "b", "c").write.mode("overwrite").insertInto(table)
    case "static":
        rows(2, "b", "c").createOrReplaceTempView("fresh")
        spark.sql(f"INSERT OVERWRITE {table} SELECT id, value, day FROM fresh")
    case "replace":
        rows(2, "b", "c").write.mode("overwrite").partitionBy("day").saveAsTable(table)
    case "path":
        spark.conf.set("spark.sql.sources.partitionOverwriteMode", "dynamic")
        rows(2, "b").write.mode("overwrite").partitionBy("day").parquet(f"s3://glue-tests/{table.replace('.', '/')}/")
"""
OLD = {("a", 1): 6, ("b", 1): 6}
NEW = {
    "append": {**OLD, ("b", 2): 6, ("c", 2): 6},
    "dynamic": {("a", 1): 6, ("b", 2): 6, ("c", 2): 6},
    "static": {("b", 2): 6, ("c", 2): 6},
    "replace": {("b", 2): 6, ("c", 2): 6},
    "path": {("a", 1): 6, ("b", 2): 6},
}


def _rows(jobs: Jobs, database: str) -> dict[tuple[str, int], int]:
    """Rows of each ``(day, value)``, found through the catalog."""
    found: Counter[tuple[str, int]] = Counter()
    pages = jobs.glue.get_paginator("get_partitions").paginate(DatabaseName=database, TableName="t")
    for partition in [one for page in pages for one in page["Partitions"]]:
        bucket, prefix = partition["StorageDescriptor"]["Location"].removeprefix("s3://").split("/", 1)
        for entry in jobs.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
            body = jobs.s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
            values = pq.ParquetFile(io.BytesIO(body)).read(columns=["value"])["value"].to_pylist()
            found.update((partition["Values"][0], value) for value in values)
    return dict(found)


def _created(jobs: Jobs, database: str) -> str:
    """A job, and a table of two partitions that it made."""
    jobs.glue.create_database(DatabaseInput={"Name": database, "LocationUri": f"s3://{BUCKET}/{database}"})
    name = jobs.create(SCRIPT)
    run = jobs.wait(name, jobs.start(name, table=f"{database}.t", what="create", at="never", pid="0"))
    assert run["JobRunState"] == "SUCCEEDED", jobs.output(run["Id"], "error")
    assert _rows(jobs, database) == OLD
    return name


def _nothing_is_left(jobs: Jobs) -> None:
    assert "Contents" not in jobs.s3.list_objects_v2(Bucket=BUCKET, Prefix="_temporary/")


CASES = [
    ("static", "staged"),
    ("append", "noted"),
    ("append", "half copied"),
    ("dynamic", "copied"),
    ("replace", "registered"),
    ("static", "half deleted"),
    ("path", "half deleted"),
    ("dynamic", "deleted"),
]


@pytest.mark.parametrize(("what", "at"), CASES)
def test_a_killed_job_leaves_the_old_rows_or_the_new(jobs: Jobs, what: str, at: str) -> None:
    database = f"killed_{what}_{at}".replace(" ", "_")
    name = _created(jobs, database)
    run = jobs.wait(name, jobs.start(name, table=f"{database}.t", what=what, at=at, pid="0"))
    assert "SIGKILL" in run["ErrorMessage"]
    assert _rows(jobs, database) == (OLD if at == "staged" else NEW[what])
    _nothing_is_left(jobs)


def test_the_whole_cloud_killed_amid_a_commit(tmp_path: Path) -> None:
    """The next start finishes the commit, before any query reads the table."""
    with running(tmp_path / "state") as cloud:
        jobs = Jobs(cloud)
        name = _created(jobs, "cloud")
        server = cloud.pid
        jobs.start(name, table="cloud.t", what="static", at="half deleted", pid=f"{server},0")
        _until_gone(server)
        cloud.up()
        assert (
            _queried(cloud, "SELECT day, value, count(*) FROM cloud.t GROUP BY day, value") == NEW["static"]
        )
        assert _rows(jobs, "cloud") == NEW["static"]
        _nothing_is_left(jobs)


def _queried(cloud: RunningCloud, sql: str) -> dict[tuple[str, int], int]:
    """Athena's answer: it does not read what is still being finished."""
    athena = cloud.client("athena")
    place = {"OutputLocation": f"s3://{BUCKET}/results/"}
    id_ = athena.start_query_execution(QueryString=sql, ResultConfiguration=place)["QueryExecutionId"]
    deadline = time.monotonic() + 60
    while (state := athena.get_query_execution(QueryExecutionId=id_)["QueryExecution"]["Status"])[
        "State"
    ] in ("QUEUED", "RUNNING"):
        assert time.monotonic() < deadline, state
        time.sleep(0.05)
    assert state["State"] == "SUCCEEDED", state
    rows = athena.get_query_results(QueryExecutionId=id_)["ResultSet"]["Rows"][1:]
    values = [[cell["VarCharValue"] for cell in row["Data"]] for row in rows]
    return {(day, int(value)): int(count) for day, value, count in values}


def _until_gone(pid: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
    raise AssertionError(f"{pid} lives")
