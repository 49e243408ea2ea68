"""Glue job: flights with their carriers, destinations and aircraft."""

import sys

from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from platform_glue import TableWriter, list_drops, read_drops
from pyspark.context import SparkContext
from pyspark.sql import functions as F

TEXT = ["carrier", "flight", "tailnum", "origin", "dest", "time_hour"]
NUMBERS = ["dep_delay", "arr_delay", "air_time", "distance"]

args = getResolvedOptions(
    sys.argv,
    [
        "JOB_NAME",
        "database",
        "table",
        "quarantine_table",
        "lake_path",
        "source_path",
        "partitions",
        "connection",
    ],
)
glue_context = GlueContext(SparkContext.getOrCreate())
spark = glue_context.spark_session
job = Job(glue_context)
job.init(args["JOB_NAME"], args)
days = args["partitions"].split(",")
conf = glue_context.extract_jdbc_conf(args["connection"])


def table(name):
    options = {"url": conf["fullUrl"], "user": conf["user"], "password": conf["password"], "dbtable": name}
    return spark.read.format("jdbc").options(**options).load()


airlines = table("airlines").select("carrier", F.col("name").alias("carrier_name"))
airports = table("airports").select(F.col("faa").alias("dest"), F.col("name").alias("dest_name"))
planes = table("planes").select("tailnum", "manufacturer", F.col("seats").cast("int").alias("seats"))

records = read_drops(spark, list_drops(args["source_path"], days), TEXT + NUMBERS).where("records IS NULL")
checked = records.withColumn(
    "reason", F.coalesce("reason", F.when(F.col("carrier").isNull(), F.lit("carrier is missing")))
)
good = (
    checked.where("reason IS NULL")
    .withColumns({name: F.col(name).cast("double") for name in NUMBERS})
    .join(F.broadcast(airlines), "carrier", "left")
    .join(F.broadcast(airports), "dest", "left")
    .join(F.broadcast(planes), "tailnum", "left")
    .select(*TEXT, *NUMBERS, "carrier_name", "dest_name", "manufacturer", "seats", "day")
)
bad = checked.where("reason IS NOT NULL").select("source_file", "row_number", "reason", "raw", "day")
for name, frame in ((args["table"], good), (args["quarantine_table"], bad)):
    writer = TableWriter(
        lake_path=args["lake_path"], database=args["database"], table=name, run_id=args["JOB_RUN_ID"]
    )
    writer.write(frame)
    counts = {row["day"]: row["n"] for row in frame.groupBy("day").agg(F.count("*").alias("n")).collect()}
    writer.publish(frame, {day: counts.get(day, 0) for day in days})
job.commit()
