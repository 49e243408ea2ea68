"""The same script on both engines: Sail, and Apache Spark itself where there is Java."""

import shutil
from pathlib import Path
from typing import Any

from mlops_platform_tests.fixtures_cloud import RunningCloud, running
from mlops_platform_tests.glue.conftest import BUCKET, Jobs
from mlops_platform_tests.glue.parity.side import CONF

SCRIPT = """
import json
from awsglue.context import GlueContext
from pyspark.context import SparkContext
from pyspark.sql import Window, functions as F
spark = GlueContext(SparkContext.getOrCreate()).spark_session
path = "s3://BUCKET/engines/"
rows = [(n, f"2026-01-{n % 3 + 1:02}" if n % 7 else None, n / 4, f"name {n % 5}") for n in range(40)]
frame = spark.createDataFrame(rows, "id int, day string, v double, name string")
frame.write.mode("overwrite").partitionBy("day").parquet(path + "t/")
spark.conf.set("spark.sql.sources.partitionOverwriteMode", "dynamic")
changed = frame.where("day = '2026-01-02'").withColumn("v", F.col("v") * 2)
changed.write.mode("overwrite").partitionBy("day").parquet(path + "t/")
frame.where("id < 3").write.mode("append").partitionBy("day").parquet(path + "t/")
back = spark.read.parquet(path + "t/")
window = Window.partitionBy("name").orderBy(F.desc("v"), "id")
best = back.withColumn("place", F.row_number().over(window)).where("place <= 2")
frame.where("false").write.mode("overwrite").parquet(path + "empty/")
out = {
    "types": back.dtypes,
    "rows": sorted([str(v) for v in row] for row in back.collect()),
    "best": sorted([str(v) for v in row] for row in best.collect()),
    "sum": [str(v) for v in back.groupBy().agg(F.sum("v"), F.count("day"), F.min("day")).collect()[0]],
    "empty": [spark.read.parquet(path + "empty/").count(), spark.read.parquet(path + "empty/").dtypes],
}
print(json.dumps(out))
""".replace("BUCKET", BUCKET)


def test_spark_and_sail_agree(jobs: Jobs, tmp_path: Path) -> None:
    sail: dict[str, Any] = jobs.results(jobs.run(SCRIPT))
    assert len(sail["rows"]) == 43
    with running(tmp_path / "state", env={"LOCAL_CLOUD_GLUE_ENGINE": "pyspark"}) as cloud:
        spark_jobs = on(cloud)
        conf = " --conf ".join(f"{name}={value}" for name, value in CONF.items())
        run = spark_jobs.run(SCRIPT, job={"DefaultArguments": {"--conf": conf}})
        if shutil.which("java") is None:
            assert "needs Java" in run["ErrorMessage"]
            return
        assert spark_jobs.results(run) == sail


def on(cloud: RunningCloud) -> Jobs:
    """Jobs on a cloud of their own."""
    return Jobs(cloud)
