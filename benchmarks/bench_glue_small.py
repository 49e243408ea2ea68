"""The same Glue script on this platform's Spark engine and on PySpark: 50,000 rows, start to end.

Ours reads and writes S3; PySpark the same files on disk, so that nothing of ours is in its figures.
From ``StartJobRun`` to the end of the run. Goals: 7 times sooner, and less than 3 s before the script's first line.
"""

import os
import tempfile
from pathlib import Path

from benchmarks.glue_runs import BUCKET, Measured, cloud, rounds, run
from benchmarks.table import show

ROWS = int(os.environ.get("BENCH_ROWS", "50000"))
SCRIPT = """
import sys
from awsglue.context import GlueContext
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from pyspark.sql import Window, functions as F
path = getResolvedOptions(sys.argv, ["JOB_NAME", "path"])["path"]
spark = GlueContext(SparkContext.getOrCreate()).spark_session
schema = "id bigint, customer int, day date, amount decimal(10,2), note string"
orders = spark.read.schema(schema).csv(path + "in/", header=True)
newest = Window.partitionBy("customer").orderBy(F.desc("day"), F.desc("id"))
ranked = orders.where("note is not null").withColumn("place", F.row_number().over(newest))
totals = orders.groupBy("customer").agg(F.sum("amount").alias("total"), F.count("*").alias("orders"))
result = ranked.where("place <= 3").join(totals, "customer").withColumn("mean", F.col("total") / F.col("orders"))
result.write.mode("overwrite").partitionBy("day").parquet(path + "out/")
back = spark.read.parquet(path + "out/")
digest = back.select(F.sum(F.conv(F.substring(F.md5(F.concat_ws("|", "id", "customer", "day", "mean")), 1, 8), 16, 10)
    .cast("bigint")), F.count("*")).collect()[0]
print(*digest)
"""


def main() -> None:
    """Run both, print the table."""
    measured: dict[str, list[Measured]] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "data"
        (files / "in").mkdir(parents=True)
        (files / "in" / "orders.csv").write_bytes(_orders())
        for engine, path in (("sail", f"s3://{BUCKET}/"), ("pyspark", f"file://{files}/")):
            with cloud(Path(folder), engine) as started:
                started.client("s3").put_object(Bucket=BUCKET, Key="in/orders.csv", Body=_orders())
                measured[engine] = [run(started, SCRIPT, path=path) for _ in range(rounds())]
    outputs = {one.output for runs in measured.values() for one in runs}
    assert len(outputs) == 1, f"the engines' results differ: {outputs}"
    best = {engine: min(runs, key=lambda one: one.seconds) for engine, runs in measured.items()}
    spark = best["pyspark"]
    show(
        f"A Glue script over {ROWS:,} rows, start to end (best of {rounds()}; goals: 7 times sooner, first line < 3 s)",
        ["", "seconds", "times sooner", "CPU s", "peak MB", "s before the first line"],
        [
            [name, one.seconds, spark.seconds / one.seconds, one.cpu, round(one.peak_mb), one.first_line]
            for name, one in (("this platform, from S3", best["sail"]), ("PySpark 3.5.4, from files", spark))
        ],
    )


def _orders() -> bytes:
    lines = ["id,customer,day,amount,note"]
    for n in range(ROWS):
        note = "" if n % 11 == 0 else f"order {n % 97}"
        lines.append(f"{n},{n * 7919 % 4001},2026-01-{n * 31 % 28 + 1:02},{n * 13 % 100000 / 100:.2f},{note}")
    return ("\n".join(lines) + "\n").encode()


if __name__ == "__main__":
    main()
