"""Tables written and read by a script; the same on AWS, on Sail over the Glue catalog and on Apache Spark's own.

Imports nothing of the tests: it is uploaded as a job's module.
"""

from typing import Any

DYNAMIC = "spark.sql.sources.partitionOverwriteMode"


def rows(frame: Any) -> list[Any]:
    """Columns and types, then the rows, sorted."""
    kinds = [f"{field.name} {field.dataType.simpleString()}" for field in frame.schema.fields]
    return [kinds, sorted([str(value) for value in row] for row in frame.collect())]


def error(call: Any) -> str:
    """The class of the error a call raises, and its error class."""
    try:
        call()
    except Exception as failure:  # noqa: BLE001 - the error is the result
        text = str(failure)
        return type(failure).__name__ + " " + text[: text.find("]") + 1].partition(".")[0].strip("[]")
    return "no error"


def results(spark: Any, database: str) -> dict[str, Any]:
    """What each way to write a table leaves behind."""
    out: dict[str, Any] = {}
    frame = spark.createDataFrame(
        [(1, "a", "2026-01-01", 1.5), (2, "b", "2026-01-02", None), (3, None, None, 1e7)],
        "id int, name string, day string, v double",
    )
    table = f"{database}.sales"

    def look(name: str, what: str = table) -> None:
        out[name] = rows(spark.table(what))

    frame.write.partitionBy("day").saveAsTable(table)
    look("saved")
    out["exists"] = error(lambda: frame.write.saveAsTable(table))
    frame.write.mode("ignore").saveAsTable(table)
    frame.select("v", "day", "name", "id").write.mode("append").partitionBy("day").saveAsTable(table)
    look("appended by name")
    spark.conf.set(DYNAMIC, "dynamic")
    change = spark.createDataFrame(
        [(9, "new", 9.5, "2026-01-02"), (8, "more", 8.5, "2026-01-09")], "i int, n string, x double, d string"
    )
    change.write.mode("overwrite").insertInto(table)
    look("dynamic")
    spark.sql(
        f"INSERT OVERWRITE TABLE {table} SELECT id + 100, name, v, day FROM {table} WHERE day = '2026-01-09'"
    )
    look("dynamic of itself")
    spark.conf.set(DYNAMIC, "static")
    change.write.insertInto(table)
    look("inserted by position")
    spark.sql(f"INSERT INTO {table} PARTITION (day = '2026-02-01') VALUES (20, 'x', 2.5), (21, NULL, NULL)")
    spark.sql(f"INSERT INTO {table} PARTITION (day) SELECT 22, 'y', cast(1 AS int), '2026-02-02'")
    look("inserted in SQL")
    spark.sql(f"INSERT OVERWRITE {table} PARTITION (day = '2026-02-01') SELECT 30, 'only', 0.5")
    look("one partition")
    change.where("i = 8").write.insertInto(table, overwrite=True)
    look("static")
    out["partitions"] = sorted({row[0] for row in spark.table(table).select("day").collect()})
    out["unsafe"] = error(lambda: spark.sql(f"INSERT INTO {table} SELECT 'text', 'n', 1.5, 'd'"))
    out["few"] = error(lambda: spark.sql(f"INSERT INTO {table} SELECT 1, 'n'"))
    out["missing"] = error(lambda: frame.write.insertInto(f"{database}.nowhere"))
    frame.write.mode("overwrite").saveAsTable(table)
    look("replaced")
    flat = f"{database}.flat"
    spark.sql(f"CREATE TABLE {flat} (id INT, amount DECIMAL(10, 2), tags ARRAY<STRING>) USING parquet")
    look("created", flat)
    spark.sql(f"INSERT INTO {flat} (amount, id) VALUES (12.345, 1)")
    spark.sql(f"INSERT INTO {flat} VALUES (2, 7, array('p', 'q'))")
    look("listed", flat)
    itself = f"INSERT OVERWRITE {flat} SELECT id, amount / 2, tags FROM {flat} WHERE id = 2"
    out["overwritten by itself"] = error(lambda: spark.sql(itself))
    out["saved over itself"] = error(lambda: spark.table(flat).write.mode("overwrite").saveAsTable(flat))
    spark.sql(f"INSERT OVERWRITE {flat} SELECT 5, 1.5, NULL")
    look("overwritten", flat)
    made = f"{database}.made"
    spark.sql(
        f"CREATE TABLE {made} USING parquet PARTITIONED BY (id) AS SELECT id, amount, size(tags) AS n FROM {flat}"
    )
    spark.sql(f"CREATE TABLE IF NOT EXISTS {made} USING parquet AS SELECT 1 AS x")
    look("made", made)
    out["again"] = error(lambda: spark.sql(f"CREATE TABLE {made} USING parquet AS SELECT 1 AS x"))
    spark.sql(f"DROP TABLE {made}")
    spark.sql(f"DROP TABLE IF EXISTS {made}")
    out["dropped"] = spark.catalog.tableExists(made)
    return out
