"""A DuckDB serves many queries: what one leaves the next does not see, its doors stay shut, WITH queries run once."""

import time
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from local_cloud.athena.instances import Instances
from local_cloud.athena.trino.shared import hoisted

from mlops_platform_tests.athena.conftest import Athena


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """The engine's temporary folder, and S3's with one Parquet file."""
    temp, objects = tmp_path / "tmp", tmp_path / "objects"
    temp.mkdir()
    objects.mkdir()
    pq.write_table(pa.table({"x": [1, 2, 3]}), objects / "a.parquet")
    return temp, objects


def test_the_next_query_gets_the_same_duckdb_and_sees_nothing_of_the_last(folders: tuple[Path, Path]) -> None:
    temp, objects = folders
    instances = Instances(temp, 512, 1, lambda: 512)
    with instances.lent(objects) as first:
        first.execute("CREATE TEMP MACRO t_left() AS 1")
        first.execute("CREATE TEMP TABLE files_0 AS SELECT 1 AS x")
    with instances.lent(objects) as second, pytest.raises(duckdb.CatalogException):
        second.execute("SELECT t_left()")
    with instances.lent(objects) as third:
        assert third.execute("SELECT current_setting('TimeZone')").fetchone() == ("UTC",)
        with pytest.raises(duckdb.CatalogException):
            third.execute("FROM files_0")
    assert len(list(temp.glob("kept-*"))) <= 1
    instances.close()


def test_a_kept_duckdb_reads_and_writes_nowhere_else(folders: tuple[Path, Path]) -> None:
    temp, objects = folders
    other = temp.parent / "other.parquet"
    pq.write_table(pa.table({"x": [1]}), other)
    instances = Instances(temp, 512, 1, lambda: 512)
    with instances.lent(objects) as connection:
        assert connection.execute(f"SELECT sum(x) FROM read_parquet('{objects}/a.parquet')").fetchone() == (
            6,
        )
        connection.execute(f"COPY (SELECT 1) TO '{temp}/out.csv'")
        for statement in (
            f"FROM read_parquet('{other}')",
            f"FROM read_parquet('{objects}/../other.parquet')",
            f"COPY (SELECT 1) TO '{temp.parent}/out.csv'",
        ):
            with pytest.raises(duckdb.PermissionException):
                connection.execute(statement)
        with pytest.raises(duckdb.InvalidInputException, match="locked"):
            connection.execute("SET memory_limit = '1GB'")
    instances.close()


def test_a_query_that_fails_spoils_nothing_for_the_next(sales: Athena) -> None:
    for _ in range(3):
        assert "Division by zero" in sales.failure("SELECT 1 / (id - id) FROM sales WHERE id = 10")
        assert sales("SELECT sum(id) FROM sales").rows == [["330"]]


def test_a_changed_file_is_read_anew(athena: Athena) -> None:
    place = athena.put_parquet(f"{athena.database}/t/a.parquet", pa.table({"x": [1, 2, 3]}))
    athena(f"CREATE EXTERNAL TABLE t (x bigint) STORED AS PARQUET LOCATION '{place}'")
    for values in ([1, 2, 3], [4, 5, 6], [7]):
        athena.put_parquet(f"{athena.database}/t/a.parquet", pa.table({"x": values}))
        assert athena("SELECT sum(x) FROM t").rows == [[str(sum(values))]]


def test_the_answer_about_a_running_query_waits_for_its_end_but_not_long(sales: Athena) -> None:
    id_ = sales.start("SELECT count(*) FROM sales")
    deadline = time.monotonic() + 30
    states = []
    while not states or states[-1] != "SUCCEEDED":
        execution = sales.client.get_query_execution(QueryExecutionId=id_)["QueryExecution"]
        states.append(execution["Status"]["State"])
        assert time.monotonic() < deadline
    assert set(states) <= {"QUEUED", "RUNNING", "SUCCEEDED"}
    assert len(states) < 100


def test_a_with_query_read_twice_counts_its_bytes_twice(sales: Athena) -> None:
    body = "SELECT day, sum(price) AS total FROM sales GROUP BY day"
    once = sales(f"WITH t AS ({body}) SELECT max(total) FROM t")
    twice = sales(
        f"WITH t AS ({body}) SELECT day FROM t WHERE total = (SELECT max(total) FROM t) ORDER BY day"
    )
    assert twice.rows == [["2026-01-01"], ["2026-01-02"], ["2026-01-03"]]
    assert twice.scanned == 2 * once.scanned
    pruned = sales(
        f"WITH t AS ({body}) SELECT (SELECT total FROM t WHERE day = '2026-01-01'), count(*) FROM t"
    )
    assert pruned.rows == [["11.25", "3"]]
    assert pruned.scanned < twice.scanned


def test_with_queries_nest_and_random_ones_are_read_anew(sales: Athena) -> None:
    nested = sales(
        "WITH a AS (SELECT sum(id) AS s FROM sales), b AS (SELECT x.s + y.s AS s FROM a AS x CROSS JOIN a AS y) "
        "SELECT p.s + q.s FROM b AS p CROSS JOIN b AS q"
    )
    assert nested.rows == [["1320"]]
    drawn = sales(
        "WITH r AS (SELECT random() AS x FROM sales WHERE id = 10) SELECT p.x = q.x FROM r AS p CROSS JOIN r AS q"
    )
    assert drawn.rows == [["false"]]


def test_only_readings_that_are_alike_are_shared() -> None:
    first, second = "SELECT r2.x FROM t AS r2", "SELECT r4.x FROM t AS r4"
    text = f"SELECT * FROM ({first}) AS r1 CROSS JOIN ({second}) AS r3"
    assert hoisted(text, [[first, second]]) == (
        f"WITH shared1 AS ({first}) SELECT * FROM shared1 AS r1 CROSS JOIN shared1 AS r3"
    )
    other = "SELECT r4.x FROM u AS r4"
    text = f"SELECT * FROM ({first}) AS r1 CROSS JOIN ({other}) AS r3"
    assert hoisted(text, [[first, other]]) == text
