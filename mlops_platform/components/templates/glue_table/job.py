"""Glue job: $name, from the day's CSV drops. Runs unchanged on AWS Glue 5.0."""

import sys

from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from platform_glue import TableWriter, list_drops, read_drops
from pyspark.context import SparkContext
from pyspark.sql import functions as F

COLUMNS = ["id", "amount"]  # the columns of the CSV files

args = getResolvedOptions(
    sys.argv, ["JOB_NAME", "database", "table", "quarantine_table", "lake_path", "source_path", "partitions"]
)
glue_context = GlueContext(SparkContext.getOrCreate())
spark = glue_context.spark_session
job = Job(glue_context)
job.init(args["JOB_NAME"], args)

days = args["partitions"].split(",")
records = read_drops(spark, list_drops(args["source_path"], days), COLUMNS).where("records IS NULL")
# Every column is text; a record that is no row of the file has a reason. Add reasons of your own.
checked = records.withColumn(
    "reason", F.coalesce("reason", F.when(F.col("id").isNull(), F.lit("id is missing")))
)

tables = {
    args["table"]: checked.where("reason IS NULL").select(
        "id", F.col("amount").cast("double").alias("amount"), "day"
    ),
    args["quarantine_table"]: checked.where("reason IS NOT NULL").select(
        "source_file", "row_number", "reason", "raw", "day"
    ),
}
for table, frame in tables.items():
    writer = TableWriter(
        lake_path=args["lake_path"], database=args["database"], table=table, run_id=args["JOB_RUN_ID"]
    )
    writer.write(frame)
    rows = {day: frame.where(F.col("day") == day).count() for day in days}
    writer.publish(frame, rows)
    writer.remove_stale()
job.commit()
