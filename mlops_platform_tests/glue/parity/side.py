"""One engine's answers to all cases, in a process: ``python side.py sail|pyspark OUT.json FOLDER``.

The cases are the lines of ``functions.txt`` and the scripts of ``scripts.py``.

An answer is ``[type, rows]``, or the error's class and first line. Values are compared as text of the collected rows.
"""

import json
import math
import os
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RUNTIME = HERE.parents[2] / "localstack" / "local_cloud" / "glue" / "runtime"
CONF = {
    "spark.master": "local[1]",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",  # compiling costs more than so few rows
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",  # so do the best optimisations
}
COLUMNS = """
    i int, sm smallint, b bigint, n int, x double, nan double, big double, tiny double, fl float, d decimal(10,2),
    e decimal(5,1), w decimal(38,10), s string, g int, dt date, ts timestamp, bool_col boolean, a array<int>,
    m map<string,int>, st struct<p:string,q:int>, j string
"""
JSON = '{"a": 1, "b": [1, 2], "c": {"x": 1.50}}'


def rows() -> list[tuple[Any, ...]]:
    """The table all cases read."""
    day, at = date(2026, 1, 2), datetime(2026, 1, 2, 3, 4, 5, 678000)
    nan = float("nan")
    return [
        (
            *(1, 2, 5_000_000_000, None, 1.5, 1.0, 1e7, 1e-4, 1.5, Decimal("2.50"), Decimal("3.0")),
            *(Decimal("1.5"), "apple", 1, day, at, True, [1, 2, 3], {"k": 1}, ("a", 1), JSON),
        ),
        (
            *(2, 3, 7, 4, -0.25, nan, 123456789.125, 1.25e-7, 1e10, Decimal("10.01"), Decimal("0.7")),
            *(
                Decimal("-12345678901234567890.5"),
                "Banana",
                1,
                day + timedelta(days=40),
                at + timedelta(days=45),
            ),
            *(False, [4], {"k": 2}, ("b", 2), JSON),
        ),
        (3, *[None] * 12, 2, *[None] * 7),
        (
            *(4, -1, -8, 0, 100.0, 2.0, -1.5e300, 0.0, -2.5, Decimal("-7.77"), Decimal("-0.2")),
            *(
                Decimal("0"),
                "",
                2,
                date(1999, 12, 31),
                datetime(1999, 12, 31, 23, 59, 59),
                True,
                [],
                {},
                ("", 0),
                "{}",
            ),
        ),
    ]


def cases() -> Iterator[tuple[str, str]]:
    """``(family, expression)`` of every line, then ``("script", name)`` of every script."""
    yield from lines()
    yield from (("script", name) for name in _scripts())


def _scripts() -> dict[str, Any]:
    from mlops_platform_tests.glue.parity.scripts import SCRIPTS

    return SCRIPTS


def lines() -> Iterator[tuple[str, str]]:
    """``(family, expression)`` of every line of ``functions.txt``."""
    for line in (HERE / "functions.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            family, _, expression = line.partition(" | ")
            yield family, expression


def plain(value: Any) -> Any:
    """A collected value as JSON; doubles by 14 digits, because the engines' libraries round the last ones otherwise."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return repr(value) if math.isnan(value) or math.isinf(value) else f"{value:.14g}"
        case dict():
            return sorted(([plain(k), plain(v)] for k, v in value.items()), key=str)
        case list() | tuple():
            return [plain(one) for one in value]
        case bytes() | bytearray():
            return bytes(value).hex()
    return str(value)


def start(engine: str, folder: str) -> Any:
    """The session."""
    sys.path[:0] = [str(RUNTIME), str(HERE.parents[2])]
    os.environ["TZ"] = "UTC"
    os.environ["PYTHONPATH"] = str(RUNTIME)  # of Spark's Python workers
    from local_glue import engine as engines
    from local_glue import run

    bookmark = {"option": "job-bookmark-disable", "state": None, "file": f"{folder}/bookmark.json"}
    run.configure({"engine": engine, "folder": folder, "account_id": "000000000000", "bookmark": bookmark})

    from mlops_platform_tests.glue.parity.jdbc_script import DRIVER

    conf = {
        **CONF,
        "spark.sql.warehouse.dir": f"{folder}/warehouse",
        "spark.driver.extraClassPath": str(DRIVER),
    }
    engines.install(engine, conf)
    from pyspark.sql import SparkSession

    return SparkSession.builder.getOrCreate()


def answer(spark: Any, table: Any, group: list[tuple[str, str]]) -> list[Any]:
    """Answers to several cases at once; to each alone if there is an error."""
    try:
        frame = select(spark, table, group)
        fields = frame.schema.fields
        found = [list(row) for row in frame.collect()]
        return [
            [field.dataType.simpleString(), [plain(row[n]) for row in found]]
            for n, field in enumerate(fields)
        ]
    except Exception as error:  # noqa: BLE001 - an error is an answer
        if len(group) > 1:
            middle = len(group) // 2
            return answer(spark, table, group[:middle]) + answer(spark, table, group[middle:])
        text = str(error).strip().splitlines() or [""]
        return [[f"{type(error).__name__}", text[0][:300]]]


def select(spark: Any, table: Any, group: list[tuple[str, str]]) -> Any:
    """A DataFrame with a column for each case."""
    from pyspark.sql import functions as F

    if group[0][0] == "api":
        return table.select(*[eval(text, {"F": F}).alias(f"c{n}") for n, (_, text) in enumerate(group)])  # noqa: S307
    columns = ", ".join(f"{text} AS c{n}" for n, (_, text) in enumerate(group))
    return spark.sql(f"SELECT {columns} FROM parity")


def script(spark: Any, name: str, folder: Path) -> list[Any]:
    """All frames of a script: their columns and types, and their rows in an order of their own."""
    folder.mkdir()
    try:
        found = {}
        for key, frame in _scripts()[name](spark, folder).items():
            kinds = [f"{field.name}: {field.dataType.simpleString()}" for field in frame.schema.fields]
            found[key] = [
                kinds,
                sorted(([plain(value) for value in row] for row in frame.collect()), key=str),
            ]
        return ["frames", found]
    except Exception as error:  # noqa: BLE001
        return [type(error).__name__, f"{key if found else ''} {str(error)[:300]}"]


def jdbc(spark: Any, engine: str, *login: str) -> dict[str, Any]:
    """Reads of PostgreSQL, and the conditions they are split by."""
    from mlops_platform_tests.glue.parity import jdbc_script

    conditions = jdbc_script.conditions if engine == "pyspark" else jdbc_script.own_conditions
    return {**jdbc_script.results(spark, *login), "conditions": conditions(spark, *login)}


def main(engine: str, target: str, folder: str, *login: str) -> None:
    """Answer all cases; ``login``: the JDBC URL, user and password of the database to read, if there is one."""
    spark = start(engine, folder)
    table = spark.createDataFrame(rows(), COLUMNS).coalesce(1)
    table.createOrReplaceTempView("parity")
    size = 1 if engine == "sail" else 48
    groups: list[list[tuple[str, str]]] = []
    for case in lines():
        if groups and groups[-1][0][0] == case[0] and len(groups[-1]) < size:
            groups[-1].append(case)
        else:
            groups.append([case])
    answers = [one for group in groups for one in answer(spark, table, group)]
    answers += [script(spark, name, Path(folder) / name) for name in _scripts()]
    tables = {}
    if engine == "pyspark":  # Sail's tables are the Glue catalog's: a job of a running local cloud
        from mlops_platform_tests.glue.parity import table_script

        spark.sql("CREATE DATABASE shop")
        tables = table_script.results(spark, "shop")
    read = jdbc(spark, engine, *login) if login else {}
    Path(target).write_text(json.dumps({"cases": answers, "tables": tables, "jdbc": read}))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
