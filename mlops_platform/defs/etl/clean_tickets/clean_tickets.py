"""Glue job: the day's ticket drops, cleaned, freed of duplicates and joined with customers, plans and agents.

Rows are accounted for exactly: rows in = rows out + duplicates removed + quarantined, counted from what was
read and from what lies in the lake, and the job fails where they differ. Running a partition again gives the
same result.

Job arguments: --database --table --lake_path --source_path --partitions (comma list of days)
--quarantine_table --connection (Glue connection of the PostgreSQL database).
"""

import sys

from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from platform_glue import TableWriter, list_drops, read_drops
from pyspark.context import SparkContext
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

COLUMNS = (
    "ticket_id", "customer_id", "agent_id", "opened_at", "first_response_at", "resolved_at", "channel",
    "priority", "service", "subject", "request", "feedback", "satisfaction",
)  # fmt: skip
REQUIRED = ("ticket_id", "customer_id", "opened_at")
TIMESTAMPS = ("opened_at", "first_response_at", "resolved_at")
TIMESTAMP_FORM = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$"
RESULT = (
    "ticket_id", "customer_id", "customer_name", "known_customer", "plan", "segment", "country", "agent_id",
    "agent_name", "agent_team", "opened_at", "first_response_at", "resolved_at", "first_response_minutes",
    "resolution_hours", "within_target", "channel", "priority", "service", "subject", "request", "feedback",
    "satisfaction", "sentiment", "late", "source_file", "day",
)  # fmt: skip


def main() -> None:
    names = ["JOB_NAME", "database", "table", "lake_path", "source_path", "partitions", "quarantine_table",
             "connection"]  # fmt: skip
    args = getResolvedOptions(sys.argv, names)
    glue_context = GlueContext(SparkContext.getOrCreate())
    spark = glue_context.spark_session
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    job = Job(glue_context)
    job.init(args["JOB_NAME"], args)

    days = sorted(set(args["partitions"].split(",")))
    writer, quarantine = (
        TableWriter(
            lake_path=args["lake_path"], database=args["database"], table=table, run_id=args["JOB_RUN_ID"]
        )
        for table in (args["table"], args["quarantine_table"])
    )
    try:
        staged = stage(spark, args["source_path"], days, writer.staging_path)
        checked = with_reasons(staged)
        sound = checked.where("reason IS NULL")
        tickets = joined(newest(sound), *postgres_tables(glue_context, spark, args["connection"]))
        refused = checked.where("reason IS NOT NULL").select(
            "source_file", "row_number", "reason", "raw", "day"
        )
        writer.write(tickets)
        quarantine.write(refused)
        counts = account(spark, staged, sound, writer.run_path, quarantine.run_path, days)
        quarantine.publish(refused, {day: counts[day]["quarantined"] for day in days})
        writer.publish(tickets, {day: counts[day]["out"] for day in days})
    finally:
        writer.remove_staging()
    removed = writer.remove_stale() + quarantine.remove_stale()
    print(f"Removed {removed} files of earlier runs.")  # noqa: T201 - a Glue job's log is its standard output
    job.commit()


def stage(spark: SparkSession, source_path: str, days: list[str], path: str) -> DataFrame:
    """Every record of the days' objects, parsed once and kept as Parquet while the job runs."""
    objects = list_drops(source_path, days)
    print(f"Reading {len(objects)} objects of {len(days)} days.")  # noqa: T201
    read_drops(spark, objects, COLUMNS).write.mode("overwrite").parquet(path)
    return spark.read.parquet(path)


def with_reasons(staged: DataFrame) -> DataFrame:
    """Typed columns, and the reason of each row that cannot be typed; `raw` of such a row is its values as
    CSV.
    """
    rules: list[Column] = [F.when(F.col("reason").isNotNull(), F.col("reason"))]
    rules += [F.when(F.col(name).isNull(), F.lit(f"{name} is missing")) for name in REQUIRED]
    for name in TIMESTAMPS:
        bad = F.col(name).isNotNull() & timestamp(name).isNull()
        rules.append(F.when(bad, F.lit(f"{name} is no timestamp (YYYY-MM-DD HH:MM:SS)")))
    rated = F.col("satisfaction")
    rules.append(
        F.when(rated.isNotNull() & ~rated.rlike("^[1-5]$"), F.lit("satisfaction is no number from 1 to 5"))
    )
    raw = F.concat_ws(",", *(F.coalesce(F.col(name), F.lit("")) for name in COLUMNS))
    return (
        staged.where("records IS NULL")
        .withColumn("raw", F.coalesce(F.col("raw"), raw))
        .withColumn("reason", F.coalesce(*rules))
        .withColumns({name: timestamp(name) for name in TIMESTAMPS})
        .withColumn("satisfaction", F.when(rated.rlike("^[1-5]$"), rated).cast("int"))
    )


def timestamp(name: str) -> Column:
    """The column as a timestamp, NULL where its text is none."""
    return F.when(F.col(name).rlike(TIMESTAMP_FORM), F.col(name).cast("timestamp"))


def newest(sound: DataFrame) -> DataFrame:
    """The latest version of each ticket among its day's drops: the last row of the last file, by name."""
    versions = Window.partitionBy("day", "ticket_id").orderBy(F.desc("source_file"), F.desc("row_number"))
    return sound.withColumn("version", F.row_number().over(versions)).where("version = 1")


def postgres_tables(
    glue_context: GlueContext, spark: SparkSession, connection: str
) -> tuple[DataFrame, DataFrame, DataFrame]:
    """customers, plans and agents, with the columns the tickets take from them."""
    conf = glue_context.extract_jdbc_conf(connection)

    def table(name: str) -> DataFrame:
        options = {
            "url": conf["fullUrl"],
            "user": conf["user"],
            "password": conf["password"],
            "driver": "org.postgresql.Driver",
            "dbtable": name,
        }
        return spark.read.format("jdbc").options(**options).load()

    customers = table("customers").select(
        "customer_id", F.col("name").alias("customer_name"), "plan_id", "segment", "country"
    )
    plans = table("plans").select("plan_id", F.col("name").alias("plan"), "response_target_minutes")
    agents = table("agents").select(
        "agent_id", F.col("name").alias("agent_name"), F.col("team").alias("agent_team")
    )
    return customers, plans, agents


def joined(tickets: DataFrame, customers: DataFrame, plans: DataFrame, agents: DataFrame) -> DataFrame:
    """The table's rows; a ticket of an unknown customer or agent stays, with NULL in their columns."""
    minutes = F.round(
        (F.unix_timestamp("first_response_at") - F.unix_timestamp("opened_at")) / F.lit(60.0), 2
    )
    hours = F.round((F.unix_timestamp("resolved_at") - F.unix_timestamp("opened_at")) / F.lit(3600.0), 2)
    mood = (
        F.when(F.col("satisfaction") <= 2, F.lit("negative"))
        .when(F.col("satisfaction") == 3, F.lit("neutral"))
        .when(F.col("satisfaction") >= 4, F.lit("positive"))
    )
    return (
        tickets.join(F.broadcast(customers), "customer_id", "left")
        .join(F.broadcast(plans), "plan_id", "left")
        .join(F.broadcast(agents), "agent_id", "left")
        .withColumn("known_customer", F.col("customer_name").isNotNull())
        .withColumn("first_response_minutes", minutes)
        .withColumn("resolution_hours", hours)
        .withColumn("within_target", F.col("first_response_minutes") <= F.col("response_target_minutes"))
        .withColumn("sentiment", mood)
        .withColumn("late", F.to_date("opened_at") < F.to_date("day"))
        .select(*RESULT)
    )


def account(
    spark: SparkSession, staged: DataFrame, sound: DataFrame, out: str, quarantined: str, days: list[str]
) -> dict[str, dict[str, int]]:
    """What became of every record, by day.

    Raises:
        RuntimeError: the numbers do not add up; nothing is published then.
    """
    versions = sound.groupBy("day", "ticket_id").agg(F.count(F.lit(1)).alias("n"))
    parts = {
        "in": by_day(staged, F.sum("records")),
        "duplicates": by_day(versions, F.sum(F.col("n") - 1)),
        "out": written(spark, out),
        "quarantined": written(spark, quarantined),
    }
    counts = {day: {part: found.get(day, 0) for part, found in parts.items()} for day in days}
    for day, n in counts.items():
        print(f"{day}: {n}")  # noqa: T201
        if n["in"] != n["out"] + n["duplicates"] + n["quarantined"]:
            raise RuntimeError(
                f"Rows of {day} do not add up: {n['in']} in, {n['out']} out, {n['duplicates']} duplicates, "
                f"{n['quarantined']} quarantined. Nothing was published; the table is as before."
            )
    return counts


def by_day(frame: DataFrame, aggregate: Column) -> dict[str, int]:
    return {
        row["day"]: int(row["n"] or 0) for row in frame.groupBy("day").agg(aggregate.alias("n")).collect()
    }


def written(spark: SparkSession, path: str) -> dict[str, int]:
    """Rows by day of the files just written; no file at all is no row."""
    from pyspark.errors import AnalysisException

    try:
        frame = spark.read.parquet(path)
        return by_day(frame.select(F.col("day").cast("string").alias("day")), F.count(F.lit(1)))
    except AnalysisException as error:
        if "PATH_NOT_FOUND" in str(error) or "does not exist" in str(error) or "infer schema" in str(error):
            return {}
        raise


if __name__ == "__main__":
    main()
