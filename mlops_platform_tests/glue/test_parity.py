"""Spark's functions and whole scripts, on Sail and on Apache Spark: equal, or refused. Nothing differs silently."""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mlops_platform_tests.fixtures_cloud import RunningCloud
from mlops_platform_tests.glue.conftest import BUCKET, Jobs
from mlops_platform_tests.glue.parity import compare, jdbc_script, table_script


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, local_cloud: RunningCloud) -> dict[str, Any]:
    """Both engines' answers; Apache Spark needs Java, and PostgreSQL's driver for what it reads of a database."""
    assert shutil.which("java"), "Apache Spark, which this engine is compared with, needs Java 17"
    driver = jdbc_script.DRIVER
    assert driver.exists(), f"{driver} is missing: apt-get install libpostgresql-jdbc-java"
    password = (local_cloud.dir / "postgres" / "password").read_text().strip()
    address = {"host": "127.0.0.1", "port": local_cloud.postgres_port, "dbname": "support"}
    with psycopg.connect(**address, user="postgres", password=password) as postgres:  # type: ignore[arg-type]
        postgres.execute(jdbc_script.CREATE)
    url = f"jdbc:postgresql://127.0.0.1:{local_cloud.postgres_port}/support"
    folder = tmp_path_factory.mktemp("parity")
    return compare.answers(folder, "sail", "pyspark", login=(url, "postgres", password))


@pytest.fixture(scope="module")
def every(found: dict[str, Any]) -> list[compare.Outcome]:
    """A verdict on every case."""
    return list(compare.outcomes(found["sail"]["cases"], found["pyspark"]["cases"]))


def test_nothing_differs_silently(every: list[compare.Outcome]) -> None:
    different = [one for one in every if one.verdict == "different"]
    assert not different, different


def test_functions_are_equal_or_refused_with_a_reason(every: list[compare.Outcome]) -> None:
    functions = [one for one in every if one.family != "script"]
    counts = Counter(one.verdict for one in functions)
    assert counts["equal"] >= 0.9 * len(functions), counts
    assert counts["equal"] >= 200
    assert all(str(one.sail[1]).strip() for one in functions if one.verdict == "refused")


def test_whole_scripts_are_equal(every: list[compare.Outcome]) -> None:
    scripts = [one for one in every if one.family == "script"]
    assert len(scripts) >= 10
    assert [one for one in scripts if one.verdict != "equal"] == []


def test_tables_are_written_as_by_spark(found: dict[str, Any], jobs: Jobs) -> None:
    """saveAsTable, insertInto, INSERT, CREATE TABLE: through the Glue catalog, against Apache Spark's results."""
    source = Path(table_script.__file__).read_text()
    modules = jobs.put_zip("modules/table_script.zip", table_script=source)
    jobs.glue.create_database(DatabaseInput={"Name": "shop", "LocationUri": f"s3://{BUCKET}/shop"})
    script = """
        import json, table_script
        from awsglue.context import GlueContext
        from pyspark.context import SparkContext
        spark = GlueContext(SparkContext.getOrCreate()).spark_session
        print(json.dumps(table_script.results(spark, "shop")))
    """
    run = jobs.run(script, job={"DefaultArguments": {"--extra-py-files": modules}})
    ours, theirs = jobs.results(run), found["pyspark"]["tables"]
    assert {key: ours[key] for key in theirs if ours[key] != theirs[key]} == {}, theirs
    sales = jobs.glue.get_table(DatabaseName="shop", Name="sales")["Table"]
    assert sales["StorageDescriptor"]["Location"].startswith(f"s3://{BUCKET}/shop/sales")


def test_databases_are_read_as_by_spark(found: dict[str, Any]) -> None:
    """Types, partitions' conditions, predicates, queries: against Apache Spark with PostgreSQL's own driver."""
    ours, theirs = found["sail"]["jdbc"], found["pyspark"]["jdbc"]
    assert {key: (ours[key], theirs[key]) for key in theirs if ours[key] != theirs[key]} == {}
    assert all(theirs["fails"]), theirs["fails"]
    assert len(theirs["types"][0]) > 40
    assert len(theirs["conditions"]) == len(jdbc_script.SPLITS)
