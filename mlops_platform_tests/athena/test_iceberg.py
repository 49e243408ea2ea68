"""Iceberg tables: through Athena, through PyIceberg against our Glue, and each reading what the other wrote."""

import time
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import CommitFailedException, ValidationException
from pyiceberg.types import IntegerType, LongType, StringType

from mlops_platform_tests.athena.conftest import BUCKET, Athena


def catalog(athena: Athena) -> GlueCatalog:
    """PyIceberg as any user sets it up: an endpoint and keys."""
    endpoint = athena.cloud.endpoint_url
    properties: dict[str, Any] = {
        "glue.endpoint": endpoint, "glue.region": "us-east-1", "glue.access-key-id": "test",
        "glue.secret-access-key": "test", "s3.endpoint": endpoint, "s3.access-key-id": "test",
        "s3.secret-access-key": "test", "s3.region": "us-east-1",
    }  # fmt: skip
    return GlueCatalog("glue", **properties)


@pytest.fixture
def orders(athena: Athena) -> Athena:
    """Table ``orders``: four rows in two days, partitioned by the day of a timestamp."""
    athena(
        "CREATE TABLE orders (id bigint, name string, amount decimal(10,2), at timestamp, tags array<string>, "
        "o struct<a:int,b:string>) PARTITIONED BY (day(at), bucket(4, id)) "
        f"LOCATION 's3://{BUCKET}/{athena.database}/orders/' "
        "TBLPROPERTIES ('table_type'='ICEBERG', 'format'='parquet', 'write_compression'='zstd')"
    )
    answer = athena(
        "INSERT INTO orders VALUES "
        "(1, 'a', 1.50, TIMESTAMP '2026-01-01 10:00:00', ARRAY['x'], CAST(ROW(1, 'r') AS ROW(a integer, b varchar))),"
        "(2, 'b', 2.50, TIMESTAMP '2026-01-01 11:00:00', NULL, NULL),"
        "(3, 'c', 3.50, TIMESTAMP '2026-01-02 10:00:00.123456', ARRAY[], NULL),"
        "(4, NULL, NULL, TIMESTAMP '2026-01-02 11:00:00', ARRAY['y', NULL], NULL)"
    )
    assert answer.update_count == 4
    return athena


def test_rows_go_in_and_come_out(orders: Athena) -> None:
    assert orders("SELECT id, name, amount, at, tags, o, o.b FROM orders ORDER BY id").rows == [
        ["1", "a", "1.50", "2026-01-01 10:00:00.000000", "[x]", "{a=1, b=r}", "r"],
        ["2", "b", "2.50", "2026-01-01 11:00:00.000000", None, None, None],
        ["3", "c", "3.50", "2026-01-02 10:00:00.123456", "[]", None, None],
        ["4", None, None, "2026-01-02 11:00:00.000000", "[y, null]", None, None],
    ]
    table = catalog(orders).load_table((orders.database, "orders"))
    assert sorted(table.scan().to_arrow()["id"].to_pylist()) == [1, 2, 3, 4]
    assert [str(f.transform) for f in table.spec().fields] == ["day", "bucket[4]"]
    parameters = orders.glue.get_table(DatabaseName=orders.database, Name="orders")["Table"]["Parameters"]
    assert parameters["table_type"].upper() == "ICEBERG"
    assert parameters["metadata_location"].startswith(f"s3://{BUCKET}/{orders.database}/orders/metadata/")
    shown = "\n".join(orders.lines("SHOW CREATE TABLE orders"))
    assert "PARTITIONED BY (day(`at`), bucket(4, `id`))" in shown
    orders("INSERT INTO orders (name, id) SELECT 'part', 9")
    assert orders("SELECT name, amount FROM orders WHERE id = 9").rows == [["part", None]]
    assert orders.failure("INSERT INTO orders (id, nope) VALUES (1, 2)").startswith("COLUMN_NOT_FOUND")


def test_predicates_leave_files_out(orders: Athena) -> None:
    """By bucket, by the statistics of any column, and never too many."""
    whole = orders("SELECT sum(amount), max(name), max(id) FROM orders").scanned
    for where, names in (
        ("id = 1", ["a"]), ("name IN ('b', 'c')", ["b", "c"]), ("id = 4 OR name = 'a'", ["a", None]),
        ("1 >= id", ["a"]), ("id > 9223372036854775806", []),
    ):  # fmt: skip
        answer = orders(f"SELECT name, amount, id FROM orders WHERE {where} ORDER BY name")
        assert [row[0] for row in answer.rows] == names
        assert answer.scanned < whole, where


def test_predicates_on_the_side_an_outer_join_fills_leave_no_row_out(orders: Athena) -> None:
    # The alias o is a column of the table, too: o.id is the left side's id, never a member of the right side's o.
    joined = "FROM orders AS o {} JOIN orders AS p ON o.id = p.id AND p.id = 1 {} ORDER BY 1, 2"
    for side, where, rows in (
        ("LEFT", "", [["1", "a"], ["2", None], ["3", None], ["4", None]]),
        ("LEFT", "WHERE p.id IS NULL", [["2", None], ["3", None], ["4", None]]),
        ("LEFT", "WHERE o.id > 2", [["3", None], ["4", None]]),
        ("RIGHT", "", [["1", "a"], [None, "b"], [None, "c"], [None, None]]),
        ("FULL", "WHERE o.id IS NULL", [[None, "b"], [None, "c"], [None, None]]),
    ):
        assert orders(f"SELECT o.id, p.name {joined.format(side, where)}").rows == rows, (side, where)
    ranked = "SELECT id, row_number() OVER (ORDER BY id) AS place FROM orders"
    assert orders(f"SELECT place FROM ({ranked}) WHERE id = 4").rows == [["4"]]


def test_predicates_prune_by_the_schema_the_query_sees(orders: Athena) -> None:
    table = catalog(orders).load_table((orders.database, "orders"))
    before = table.current_snapshot()
    assert before is not None
    with table.update_schema() as change:
        change.add_column("small", IntegerType())
    orders("INSERT INTO orders (id, small) VALUES (5, 50)")
    table = catalog(orders).load_table((orders.database, "orders"))
    with table.update_schema() as change:  # the bounds of a promoted column were written as another type
        change.update_column("small", LongType())
        change.rename_column("name", "label")
        change.rename_column("small", "name")
    assert orders("SELECT id FROM orders WHERE name = 50").rows == [["5"]]
    assert orders("SELECT id FROM orders WHERE label = 'c'").rows == [["3"]]
    old = f"SELECT id FROM orders FOR VERSION AS OF {before.snapshot_id} WHERE name = 'c'"
    assert orders(old).rows == [["3"]]


def test_rows_are_deleted_and_updated(orders: Athena) -> None:
    assert orders("DELETE FROM orders WHERE id IN (SELECT 2) OR name = 'c'").update_count == 2
    assert orders("SELECT id FROM orders ORDER BY 1").rows == [["1"], ["4"]]
    answer = orders(
        "UPDATE orders SET name = concat('n', CAST(id AS varchar)), "
        "amount = CAST(id + 1 AS decimal(10,2)) WHERE name IS NULL"
    )
    assert answer.update_count == 1
    assert orders("SELECT id, name, amount FROM orders ORDER BY 1").rows == [
        ["1", "a", "1.50"], ["4", "n4", "5.00"],
    ]  # fmt: skip
    assert orders("DELETE FROM orders WHERE id = 77").update_count == 0
    table = catalog(orders).load_table((orders.database, "orders"))
    assert len(table.snapshots()) == 3, "a statement that changes nothing commits nothing"
    assert sorted(table.scan().to_arrow()["name"].to_pylist()) == ["a", "n4"]
    assert orders.failure("UPDATE orders SET amount = 'x'").startswith("TYPE_MISMATCH")
    assert orders.failure("UPDATE orders SET nope = 1").startswith("COLUMN_NOT_FOUND")
    assert orders("DELETE FROM orders").update_count == 2
    assert orders("SELECT count(*) FROM orders").rows == [["0"]]


def test_merge(orders: Athena) -> None:
    source = "(VALUES (1, 'one', 10), (2, 'two', 20), (8, 'new', 80), (9, 'skipped', 0)) AS s (id, name, v)"
    answer = orders(
        f"MERGE INTO orders AS t USING (SELECT * FROM {source}) AS s ON t.id = s.id "
        "WHEN MATCHED AND s.v > 15 THEN DELETE "
        "WHEN MATCHED THEN UPDATE SET name = s.name || CASE WHEN t.name = 'a' THEN '!' ELSE '' END "
        "WHEN NOT MATCHED AND s.v > 0 THEN INSERT (id, name, amount) "
        "VALUES (s.id, s.name, CAST(s.v / 2 AS decimal(10,2)))"
    )
    assert answer.update_count == 3
    assert orders("SELECT id, name, amount FROM orders ORDER BY id").rows == [
        ["1", "one!", "1.50"], ["3", "c", "3.50"], ["4", None, None], ["8", "new", "40.00"],
    ]  # fmt: skip
    reason = orders.failure(
        "MERGE INTO orders t USING (VALUES (1, 'x'), (1, 'y')) AS s (id, name) ON t.id = s.id "
        "WHEN MATCHED THEN UPDATE SET name = s.name"
    )
    assert "One MERGE target table row matched more than one source row" in reason
    assert orders("SELECT name FROM orders WHERE id = 1").rows == [["one!"]]


def test_time_travel_and_metadata_tables(orders: Athena) -> None:
    first = orders('SELECT snapshot_id FROM "orders$snapshots"').rows[0][0]
    time.sleep(0.05)
    moment = orders("SELECT CAST(current_timestamp AS varchar)").rows[0][0]
    time.sleep(0.05)
    orders("DELETE FROM orders WHERE id = 1")
    orders("ALTER TABLE orders ADD COLUMNS (extra int)")
    assert orders("SELECT count(*), count(extra) FROM orders").rows == [["3", "0"]]
    assert orders(f"SELECT count(*) FROM orders FOR VERSION AS OF {first}").rows == [["4"]]
    assert orders(f"SELECT count(*) FROM orders FOR TIMESTAMP AS OF TIMESTAMP '{moment}'").rows == [["4"]]
    assert "extra" not in orders(f"SELECT * FROM orders FOR VERSION AS OF {first}").header
    history = orders(
        'SELECT snapshot_id, parent_id, is_current_ancestor FROM "orders$history" ORDER BY made_current_at'
    )
    assert history.rows[0] == [first, None, "true"]
    assert history.rows[1][1] == first
    assert orders('SELECT name, type FROM "orders$refs"').rows == [["main", "BRANCH"]]
    assert orders('SELECT operation FROM "orders$snapshots" ORDER BY committed_at').rows == [
        ["append"],
        ["overwrite"],
    ]
    assert orders.failure("SELECT * FROM orders FOR VERSION AS OF 1").startswith("INVALID_ARGUMENTS")
    for moment in ("TIMESTAMP '2000-01-01 00:00:00 UTC'", "(current_timestamp - interval '9' day)"):
        reason = orders.failure(f"SELECT * FROM orders FOR TIMESTAMP AS OF {moment}")
        assert reason.startswith("INVALID_ARGUMENTS: No version history table")


def test_a_user_of_pyiceberg_finds_a_catalog(athena: Athena) -> None:
    """Create, append, evolve, delete, all by PyIceberg; Athena reads the outcome."""
    glue = catalog(athena)
    rows = pa.table(
        {"Id": pa.array([1, 2], pa.int32()), "old": ["x", "y"], "day": [date(2026, 1, 1), date(2026, 1, 2)]}
    )
    table = glue.create_table(
        (athena.database, "events"), rows.schema, location=f"s3://{BUCKET}/{athena.database}/events"
    )
    table.append(rows)
    with table.update_schema() as change:
        change.rename_column("old", "kept")
        change.update_column("Id", field_type=LongType())
    with table.update_schema() as change:
        change.add_column("old", StringType())
    table.append(
        pa.table(
            {"Id": pa.array([3], pa.int64()), "kept": ["z"], "day": [date(2026, 1, 3)], "old": ["again"]}
        )
    )
    # The renamed column is found by its id, and the new one with the old name is not taken for it.
    assert athena("SELECT id, kept, old, day FROM events ORDER BY id").rows == [
        ["1", "x", None, "2026-01-01"], ["2", "y", None, "2026-01-02"], ["3", "z", "again", "2026-01-03"],
    ]  # fmt: skip
    table.delete("Id = 2")
    assert athena("SELECT sum(id) FROM events").rows == [["4"]]
    assert [t[1] for t in glue.list_tables(athena.database)] == ["events"]
    stale = glue.load_table((athena.database, "events"))
    athena("UPDATE events SET kept = 'athena' WHERE id = 1")
    with pytest.raises((CommitFailedException, ValidationException)):
        stale.overwrite(rows.select(["Id"]).cast(pa.schema([("Id", pa.int64())])))
    table.refresh()
    assert sorted(table.scan().to_arrow()["kept"].to_pylist()) == ["athena", "z"]


def test_concurrent_changes_conflict_and_appends_do_not(orders: Athena) -> None:
    ids = [orders.start(f"INSERT INTO orders (id) VALUES ({n})") for n in (11, 12, 13)]
    assert [orders.wait(i).state for i in ids] == ["SUCCEEDED"] * 3
    ids = [
        orders.start("UPDATE orders SET amount = CAST(coalesce(amount, 0) + 1 AS decimal(10,2)) WHERE id = 1")
        for _ in range(3)
    ]
    answers = [orders.wait(i) for i in ids]
    done = [a for a in answers if a.state == "SUCCEEDED"]
    assert done
    assert all("ICEBERG_COMMIT_ERROR" in a.reason for a in answers if a not in done)
    # As many additions as statements that said they succeeded: none was lost, none came twice.
    assert orders("SELECT amount, count(*) OVER () FROM orders WHERE id = 1").rows == [
        [f"{1.5 + len(done):.2f}", "1"]
    ]


def test_create_table_as_and_drop(orders: Athena) -> None:
    place = f"s3://{BUCKET}/{orders.database}/copy/"
    answer = orders(
        f"CREATE TABLE copy WITH (table_type = 'ICEBERG', is_external = false, location = '{place}', "
        "partitioning = ARRAY['month(at)']) AS SELECT id, at, name FROM orders"
    )
    assert answer.update_count == 4
    assert orders("SELECT count(*) FROM copy WHERE name IS NULL").rows == [["1"]]
    orders("ALTER TABLE copy CHANGE COLUMN name title string")
    assert orders("SELECT max(title) FROM copy").rows == [["c"]]
    orders("DROP TABLE copy")
    left = orders.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{orders.database}/copy/").get("Contents", [])
    assert [o["Key"] for o in left if o["Size"]] == [], "Athena removes an Iceberg table's files"
    assert orders.failure("SELECT * FROM copy").startswith("TABLE_NOT_FOUND")
    for statement in ("OPTIMIZE orders REWRITE DATA USING BIN_PACK", "VACUUM orders"):
        assert orders.failure(statement).startswith("NOT_SUPPORTED")
    assert orders.failure("CREATE TABLE plain (id int)").startswith("FAILED: SemanticException")
