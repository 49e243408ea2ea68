"""The same Glue script on this platform's Spark engine and on PySpark: 2 GB of CSV to partitioned Parquet and totals.

Ours reads and writes S3; PySpark the same files on disk, so that nothing of ours is in its figures.
Goals: at most 0.7 times the CPU, 0.75 times the memory, no worse wall time, the same output.
"""

import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.glue_runs import BUCKET, Measured, cloud, run
from benchmarks.table import show

MEGABYTES = int(os.environ.get("BENCH_MB", "2000"))
FILE_MB = 64
SCRIPT = """
import sys
from awsglue.context import GlueContext
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from pyspark.sql import functions as F
path = getResolvedOptions(sys.argv, ["JOB_NAME", "path"])["path"]
spark = GlueContext(SparkContext.getOrCreate()).spark_session
schema = "id bigint, customer int, day string, amount double, channel string, note string"
orders = spark.read.schema(schema).csv(path + "in/", header=True)
clean = orders.where("amount > 0").withColumn("words", F.size(F.split("note", " ")))
daily = clean.groupBy("day", "channel").agg(
    F.count("*").alias("n"), F.round(F.sum("amount"), 2).alias("total"), F.max("words").alias("words"),
    F.countDistinct("customer").alias("customers"))
daily.write.mode("overwrite").partitionBy("day").parquet(path + "daily/")
rows = spark.read.parquet(path + "daily/").orderBy("day", "channel").collect()
import hashlib
print(len(rows), hashlib.sha256(repr([tuple(map(str, row)) for row in rows]).encode()).hexdigest())
"""


def main() -> None:
    """Run both, print the table."""
    measured: dict[str, Measured] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = _write(folder / "data" / "in")
        with cloud(folder, "sail") as started:
            for file in sorted((folder / "data" / "in").iterdir()):
                started.client("s3").upload_file(str(file), BUCKET, f"in/{file.name}")
            measured["sail"] = run(started, SCRIPT, path=f"s3://{BUCKET}/")
        with cloud(
            folder, "pyspark"
        ) as started:  # the files themselves: PySpark has no S3 connector of its own
            measured["pyspark"] = run(started, SCRIPT, path=f"file://{folder}/data/")
    assert len({one.output for one in measured.values()}) == 1, "the engines' results differ"
    spark = measured["pyspark"]
    show(
        f"A Glue script over {size / 1e9:.2f} GB of CSV (goals: CPU 0.7, memory 0.75, time 1 of Spark's)",
        ["", "seconds", "of Spark's", "CPU s", "of Spark's", "peak MB", "of Spark's"],
        [
            [
                name,
                *(one.seconds, one.seconds / spark.seconds),
                *(one.cpu, one.cpu / spark.cpu),
                *(round(one.peak_mb), one.peak_mb / spark.peak_mb),
            ]
            for name, one in (
                ("this platform, from S3", measured["sail"]),
                ("PySpark 3.5.4, from files", spark),
            )
        ],
    )


def _write(folder: Path) -> int:
    """Write the files; their size in bytes."""
    folder.mkdir(parents=True)
    return sum((folder / f"part-{number:04}.csv").write_bytes(body) for number, body in enumerate(_files()))


def _files() -> Iterator[bytes]:
    words = ["printer", "order", "late", "refund", "battery", "screen", "parcel", "wrong", "colour", "thanks"]
    block = _block(random.Random(7), words)  # noqa: S311 - example data
    repeats = max(1, FILE_MB * 10**6 // len(block))
    header = b"id,customer,day,amount,channel,note\n"
    for _ in range(max(1, MEGABYTES // FILE_MB)):
        yield header + block * repeats


def _block(chance: random.Random, words: list[str]) -> bytes:
    lines = []
    for n in range(20_000):
        note = " ".join(chance.choices(words, k=chance.randint(4, 14)))
        channel = chance.choice(("web", "phone", "mail"))
        lines.append(
            f"{n},{chance.randint(1, 50000)},2026-01-{n % 28 + 1:02},{chance.randint(-500, 9000)}.25,{channel},{note}"
        )
    return ("\n".join(lines) + "\n").encode()


if __name__ == "__main__":
    main()
