"""Whole ETL scripts, run on both engines over the same small data; each returns frames whose rows are compared."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Frames = dict[str, Any]
ORDERS = [
    (1, "a", "2026-01-01", 10.5, "12.50", 2),
    (2, "b", "2026-01-01", 1e7, "3.10", 1),
    (3, "a", "2026-01-02", 0.0001, "100.00", 3),
    (3, "a", "2026-01-02", 0.0001, "100.00", 3),
    (4, "c", "2026-01-03", None, None, None),
    (5, None, None, -2.5, "0.01", 7),
]
COLUMNS = "id int, customer string, day string, weight double, price string, quantity int"


def _orders(spark: Any) -> Any:
    return spark.createDataFrame(ORDERS, COLUMNS).withColumn("price", _f().col("price").cast("decimal(10,2)"))


def _f() -> Any:
    from pyspark.sql import functions

    return functions


def _customers(spark: Any) -> Any:
    return spark.createDataFrame(
        [("a", "Ann", "DE"), ("b", "Bob", None), ("z", "Zoe", "FR")],
        "code string, name string, country string",
    )


def joins(spark: Any, folder: Path) -> Frames:
    """Every kind of join."""
    orders, customers = _orders(spark), _customers(spark)
    test = orders["customer"] == customers["code"]
    return {
        kind: orders.join(customers, test, kind)
        for kind in ("inner", "left", "right", "full", "left_semi", "left_anti")
    }


def revenue(spark: Any, folder: Path) -> Frames:
    """Decimal arithmetic through to aggregates."""
    F = _f()
    lines = _orders(spark).withColumn("amount", F.col("price") * F.col("quantity"))
    total = lines.groupBy("customer").agg(
        F.sum("amount").alias("amount"),
        F.avg("price").alias("mean"),
        F.count("*").alias("n"),
        F.max("day").alias("last"),
    )
    share = total.withColumn("each", F.col("amount") / F.col("n")).withColumn(
        "tax", F.round(F.col("amount") * 0.19, 2)
    )
    return {
        "total": total,
        "share": share,
        "shown": share.select(F.col("each").cast("string"), F.col("mean") / 3),
    }


def latest(spark: Any, folder: Path) -> Frames:
    """De-duplication and the newest row of each key."""
    from pyspark.sql import Window

    F = _f()
    orders = _orders(spark)
    window = Window.partitionBy("customer").orderBy(F.col("day").desc_nulls_last(), F.col("id"))
    running = Window.partitionBy("customer").orderBy("id").rowsBetween(Window.unboundedPreceding, 0)
    return {
        "distinct": orders.dropDuplicates(),
        "newest": orders.withColumn("place", F.row_number().over(window)).where("place = 1"),
        "running": orders.dropDuplicates(["id"]).withColumn("sum", F.sum("price").over(running)),
        "before": orders.dropDuplicates(["id"]).withColumn("before", F.lag("id").over(window)),
    }


def csv_files(spark: Any, folder: Path) -> Frames:
    """CSV in, CSV out: doubles, decimals, dates, NULLs, quotes."""
    F = _f()
    source = folder / "in.csv"
    source.write_text(
        'id,name,at,v\n1,Ann,2026-01-02 03:04:05,1.5\n2,"x, y",,1e10\n3,,2026-02-03 00:00:00,\n'
    )
    frame = spark.read.csv(str(source), header=True, inferSchema=True)
    target = str(folder / "out")
    orders = _orders(spark).withColumn("at", F.to_timestamp("day")).withColumn("day", F.to_date("day"))
    orders = orders.withColumn(
        "text", F.when(F.col("id") == 1, ' q"u, o\\ ').when(F.col("id") == 2, "").otherwise("'")
    )
    orders.coalesce(1).write.option("header", True).csv(target)
    lines = spark.read.text(target)
    given = spark.read.schema("id int, name string, at timestamp, v double").csv(str(source), header=True)
    return {"inferred": frame, "given": given, "lines": lines}


def json_files(spark: Any, folder: Path) -> Frames:
    """JSON in, JSON out."""
    F = _f()
    rows: list[dict[str, Any]] = [
        {
            "id": 1,
            "tags": ["a", "b"],
            "who": {"name": "Ann", "age": 3},
            "mixed": 1,
            "flag": True,
            "at": "2026-01-02",
        },
        {
            "id": 2,
            "v": 1.5,
            "who": None,
            "mixed": 7,
            "none": None,
            "big": 12345678901,
            "list": [{"z": 1, "a": 2.5}],
        },
        {"id": 3, "v": 2, "mixed": 2.5, "list": []},
    ]
    source = folder / "in.json"
    source.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    frame = spark.read.json(str(source))
    target = str(folder / "out")
    orders = _orders(spark).withColumn("at", F.to_timestamp("day")).withColumn("day", F.to_date("day"))
    orders.drop("weight", "price").coalesce(1).write.json(target)
    return {
        "read": frame,
        "exploded": frame.select("id", F.explode_outer("tags").alias("tag"), "who.name"),
        "lines": spark.read.text(target),
    }


def partitions(spark: Any, folder: Path) -> Frames:
    """Partitioned Parquet: names of folders, types read back, append."""
    F = _f()
    target = str(folder / "t")
    frame = _orders(spark).withColumn("odd", F.concat_ws("=", "customer", F.lit("50%: x/y")))
    frame.write.partitionBy("day", "odd").parquet(target)
    frame.where("id = 1").write.mode("append").partitionBy("day", "odd").parquet(target)
    folders = sorted({str(file.parent.relative_to(target)) for file in Path(target).rglob("*.parquet")})
    back = spark.read.parquet(target)
    return {
        "folders": spark.createDataFrame([(name,) for name in folders], "folder string"),
        "back": back.select(sorted(back.columns)),
        "pruned": back.where("day = '2026-01-02'").select("id"),
    }


def functions_of_users(spark: Any, folder: Path) -> Frames:
    """Python functions: row by row, in Pandas, in groups."""
    import pandas as pd

    F = _f()
    orders = _orders(spark).dropDuplicates(["id"])
    shout = F.udf(lambda text: text and text.upper() + "!", "string")

    def biggest(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.sort_values("id").tail(1)[["customer", "id"]]

    def doubled(batches: Any) -> Any:
        for batch in batches:
            yield batch.assign(id=batch["id"] * 2)[["id", "customer"]]

    return {
        "udf": orders.select("id", shout("customer").alias("s")),
        "pandas": orders.mapInPandas(doubled, "id int, customer string"),
        "groups": orders.where("customer is not null")
        .groupBy("customer")
        .applyInPandas(biggest, "customer string, id int"),
    }


def sql(spark: Any, folder: Path) -> Frames:
    """A script in SQL: common table expressions, windows, sub-totals, decimals."""
    _orders(spark).createOrReplaceTempView("orders")
    _customers(spark).createOrReplaceTempView("customers")
    return {
        "report": spark.sql("""
            WITH lines AS (SELECT customer, price * quantity AS amount, weight / 3 AS third FROM orders),
                 totals AS (
                     SELECT customer, sum(amount) AS amount, count(*) AS n, avg(amount) AS mean FROM lines GROUP BY 1
                 )
            SELECT c.name, t.amount, t.amount / t.n AS each, t.mean,
                   rank() OVER (ORDER BY t.amount DESC NULLS LAST) AS place
            FROM totals t LEFT JOIN customers c ON c.code = t.customer
        """),
        "cube": spark.sql("SELECT customer, day, count(*) AS n FROM orders GROUP BY CUBE (customer, day)"),
        "names": spark.sql("SELECT id, price / quantity, cast(weight AS string), isnan(weight) FROM orders"),
        "sub": spark.sql("SELECT id FROM orders WHERE price > (SELECT avg(price) FROM orders)"),
    }


def dynamic_frames(spark: Any, folder: Path) -> Frames:
    """The same through ``awsglue``."""
    from awsglue.context import GlueContext
    from awsglue.dynamicframe import DynamicFrame
    from awsglue.transforms import ApplyMapping, DropNullFields, Filter, Join, Relationalize, SplitRows
    from pyspark.context import SparkContext

    context = GlueContext(SparkContext.getOrCreate())
    orders = DynamicFrame.fromDF(_orders(spark), context, "orders")
    customers = DynamicFrame.fromDF(_customers(spark), context, "customers")
    mapped = ApplyMapping.apply(
        frame=orders, mappings=[("id", "int", "key", "long"), ("price", "decimal", "cost.price", "double")]
    )
    joined = Join.apply(orders, customers, ["customer"], ["code"])
    split = SplitRows.apply(orders, {"id": {">": 2}}, "many", "few")
    F = _f()
    nested = spark.createDataFrame(
        [(1, [("x", 2), ("y", 3)], ("p", 4))],
        "id int, items array<struct<n:string,q:int>>, s struct<a:string,b:int>",
    )
    flat = Relationalize.apply(DynamicFrame.fromDF(nested, context, "n"), str(folder), "root")
    empty = _orders(spark).withColumn("none", F.lit(None).cast("int"))
    return {
        "mapped": mapped.toDF(),
        "joined": joined.toDF(),
        "many": split.select("many").toDF(),
        "root": flat.select("root").toDF(),
        "items": flat.select("root_items").toDF(),
        "full": DropNullFields.apply(frame=DynamicFrame.fromDF(empty, context, "e")).toDF(),
        "filtered": Filter.apply(frame=orders, f=lambda row: row["id"] > 2).toDF(),
        "cast": orders.resolveChoice(specs=[("weight", "cast:string")]).toDF(),
        "renamed": orders.rename_field("id", "key").select_fields(["key", "day"]).toDF(),
    }


def shapes(spark: Any, folder: Path) -> Frames:
    """Sets, pivots, unpivots, samples of the past: unions by name, explodes, struct and map columns."""
    F = _f()
    orders = _orders(spark).dropDuplicates(["id"])
    structs = orders.select(
        "id", F.struct("customer", "day").alias("s"), F.create_map(F.lit("k"), "quantity").alias("m")
    )
    return {
        "pivot": orders.groupBy("day").pivot("customer", ["a", "b", "c"]).agg(F.sum("quantity")),
        "union": orders.select("id", "price").unionByName(
            orders.select(F.col("price") * 2, "id").toDF("price", "id")
        ),
        "wider": orders.select("price").union(orders.select(F.col("price").cast("decimal(12,4)"))),
        "texts": orders.select("weight").union(orders.select("customer")),
        "missing": orders.select("id").unionByName(orders.select("day"), allowMissingColumns=True),
        "subtract": orders.select("customer").subtract(_customers(spark).select("code")),
        "intersect": orders.select("customer").intersect(_customers(spark).select("code")),
        "structs": structs,
        "fields": structs.select("id", "s.customer", F.col("m")["k"]),
        "exploded": structs.select("id", F.explode("m")),
        "filled": orders.fillna({"customer": "?", "weight": 0.0}).na.drop(subset=["day"]),
        "described": orders.select("quantity").describe(),
        "rollup": orders.rollup("customer").agg(F.sum("price")),
    }


SCRIPTS: dict[str, Callable[[Any, Path], Frames]] = {
    one.__name__: one
    for one in (
        joins,
        revenue,
        latest,
        csv_files,
        json_files,
        partitions,
        functions_of_users,
        sql,
        dynamic_frames,
        shapes,
    )
}
