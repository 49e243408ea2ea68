"""DDL, views, CTAS, INSERT, UNLOAD, prepared statements."""

import base64
import json

from mlops_platform_tests.athena.conftest import BUCKET, Athena


def test_a_view_is_stored_as_athena_stores_it(sales: Athena) -> None:
    sales(
        "CREATE OR REPLACE VIEW totals AS SELECT day, sum(price) AS total, avg(id) AS mean FROM sales GROUP BY day"
    )
    table = sales.glue.get_table(DatabaseName=sales.database, Name="totals")["Table"]
    assert table["TableType"] == "VIRTUAL_VIEW"
    assert table["Parameters"]["presto_view"] == "true"
    text = table["ViewOriginalText"]
    assert text.startswith("/* Presto View: ")
    assert text.endswith(" */")
    definition = json.loads(base64.b64decode(text[len("/* Presto View: ") : -3]))
    assert definition["catalog"] == "awsdatacatalog"
    assert definition["schema"] == sales.database
    assert definition["originalSql"].startswith("SELECT day, sum(price)")
    assert definition["columns"] == [
        {"name": "day", "type": "varchar"},
        {"name": "total", "type": "decimal(38,2)"},
        {"name": "mean", "type": "double"},
    ]
    columns = {c["Name"]: c["Type"] for c in table["StorageDescriptor"]["Columns"]}
    assert columns == {"day": "string", "total": "decimal(38,2)", "mean": "double"}


def test_views_nest_and_are_replaced_and_dropped(sales: Athena) -> None:
    sales("CREATE VIEW one AS SELECT id, day FROM sales WHERE id > 11")
    assert "already exists" in sales.failure("CREATE VIEW one AS SELECT 1 AS x")
    sales("CREATE VIEW two AS SELECT day, count(*) AS n FROM one GROUP BY day")
    assert sales("SELECT n FROM two WHERE day = '2026-01-01'").rows == [["3"]]
    sales("CREATE OR REPLACE VIEW one AS SELECT id, day FROM sales WHERE id > 13")
    assert sales("SELECT n FROM two WHERE day = '2026-01-01'").rows == [["1"]]
    assert sales.lines("SHOW VIEWS") == ["one", "two"]
    assert sales.lines("SHOW CREATE VIEW one")[1] == "SELECT id, day FROM sales WHERE id > 13"
    sales("DROP VIEW two")
    sales("DROP VIEW IF EXISTS two")
    assert "does not exist" in sales.failure("DROP VIEW two")


def test_a_view_over_itself_or_a_broken_one_says_so(sales: Athena) -> None:
    sales("CREATE VIEW a AS SELECT id FROM sales")
    sales("CREATE VIEW b AS SELECT id FROM a")
    sales("CREATE OR REPLACE VIEW a AS SELECT id FROM sales WHERE id > 0")
    sales("CREATE OR REPLACE VIEW a AS SELECT id FROM b")
    assert "recursive" in sales.failure("SELECT * FROM a")
    sales("CREATE OR REPLACE VIEW a AS SELECT id FROM sales")
    sales("DROP TABLE sales")
    assert "INVALID_VIEW" in sales.failure("SELECT * FROM b")


def test_a_table_is_created_shown_and_described(athena: Athena) -> None:
    athena(
        "CREATE EXTERNAL TABLE IF NOT EXISTS `logs` (\n  `id` int COMMENT 'the id', -- a comment\n  "
        "tags array<string>)\n"
        "COMMENT 'all logs' PARTITIONED BY (day date) ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\t' "
        f"STORED AS TEXTFILE LOCATION 's3://{BUCKET}/logs/' TBLPROPERTIES ('skip.header.line.count'='1')"
    )
    table = athena.glue.get_table(DatabaseName=athena.database, Name="logs")["Table"]
    assert table["StorageDescriptor"]["SerdeInfo"]["Parameters"]["field.delim"] == "\t"
    assert table["PartitionKeys"] == [{"Name": "day", "Type": "date"}]
    assert athena.lines("SHOW COLUMNS IN logs") == ["id", "tags", "day"]
    assert athena.lines("DESCRIBE logs")[0].split("\t")[1].strip() == "int"
    created = "\n".join(athena.lines("SHOW CREATE TABLE logs"))
    athena("DROP TABLE logs")
    athena(created)  # what it shows creates it again
    assert athena.lines("SHOW TABLES") == ["logs"]
    assert athena.lines("SHOW TBLPROPERTIES logs('skip.header.line.count')") == ["1"]
    assert "already exists" in athena.failure(created)


def test_partitions_are_added_shown_dropped_and_repaired(sales: Athena) -> None:
    assert sales.lines("SHOW PARTITIONS sales") == [f"day=2026-01-0{d}" for d in (1, 2, 3)]
    sales("ALTER TABLE sales DROP PARTITION (day = '2026-01-03')")
    assert sales("SELECT count(*) FROM sales").rows == [["10"]]
    assert "AlreadyExists" in sales.failure("ALTER TABLE sales ADD PARTITION (day = '2026-01-01')")
    sales("ALTER TABLE sales ADD IF NOT EXISTS PARTITION (day = '2026-01-01')")
    sales("ALTER TABLE sales ADD COLUMNS (extra string)")
    assert sales("SELECT count(extra) FROM sales").rows == [["0"]]
    sales("ALTER TABLE sales SET TBLPROPERTIES ('k' = 'v')")
    assert "k\tv" in sales.lines("SHOW TBLPROPERTIES sales")


def test_columns_and_partitions_change(sales: Athena) -> None:
    sales("ALTER TABLE sales CHANGE COLUMN name title varchar(3) COMMENT 'short' AFTER amount")
    assert sales.lines("SHOW COLUMNS IN sales") == ["id", "amount", "title", "price", "missing", "day"]
    assert "Invalid column reference nope" in sales.failure("ALTER TABLE sales CHANGE nope a int")
    assert "Duplicate column name: id" in sales.failure("ALTER TABLE sales ADD COLUMNS (ID int)")
    sales("ALTER TABLE sales PARTITION (day = '2026-01-03') RENAME TO PARTITION (day = '2026-03-03')")
    assert sales("SELECT count(*) FROM sales WHERE day = '2026-03-03'").rows == [["5"]]
    sales(
        f"ALTER TABLE sales PARTITION (day = '2026-03-03') SET LOCATION 's3://{BUCKET}/{sales.database}/run=r1/day=2026-01-01/'"
    )
    assert sales("SELECT max(id) FROM sales WHERE day = '2026-03-03'").rows == [["14"]]
    assert "AlreadyExists" in sales.failure(
        "ALTER TABLE sales PARTITION (day = '2026-03-03') RENAME TO PARTITION (day = '2026-01-01')"
    )
    assert "Partition not found" in sales.failure(
        "ALTER TABLE sales PARTITION (day = 'x') SET LOCATION 's3://b/x/'"
    )
    sales("ALTER TABLE sales REPLACE COLUMNS (id bigint, price decimal(12,3))")
    assert sales("SELECT * FROM sales WHERE day = '2026-01-01' AND id = 10").rows == [
        ["10", "0.250", "2026-01-01"]
    ]
    lines = sales.lines("DESCRIBE FORMATTED sales")
    assert lines[0].split("\t")[0].strip() == "# col_name"
    assert "# Partition Information\t \t " in lines
    assert any(line.startswith("Table Type:         \tEXTERNAL_TABLE") for line in lines)
    assert sales.failure("DESCRIBE EXTENDED sales").startswith("NOT_SUPPORTED")


def test_databases(athena: Athena) -> None:
    name = athena.database + "_other"
    athena(f"CREATE DATABASE IF NOT EXISTS {name} COMMENT 'x'")
    athena(f"CREATE SCHEMA IF NOT EXISTS {name}")
    assert name in athena.lines("SHOW DATABASES")
    assert athena.lines(f"SHOW SCHEMAS LIKE '{name}'") == [name]
    athena(f"CREATE VIEW {name}.v AS SELECT 1 AS x")
    assert "not empty" in athena.failure(f"DROP DATABASE {name}")
    athena(f"DROP DATABASE {name} CASCADE")
    assert name not in athena.lines("SHOW DATABASES")


def test_create_table_as_writes_files_then_the_catalog(sales: Athena) -> None:
    place = f"s3://{BUCKET}/{sales.database}/ctas/"
    answer = sales(
        f"CREATE TABLE copy WITH (format = 'PARQUET', partitioned_by = ARRAY['day'], external_location = '{place}', "
        "write_compression = 'ZSTD') AS SELECT id, name, CAST(ROW(id, 'x') AS row(a bigint, b "
        "varchar)) AS r, day FROM sales"
    )
    assert answer.update_count == 15
    assert sales("SELECT count(*), max(r.a) FROM copy WHERE day = '2026-01-02'").rows == [["5", "24"]]
    assert sales.lines("SHOW PARTITIONS copy") == [f"day=2026-01-0{d}" for d in (1, 2, 3)]
    assert "HIVE_PATH_ALREADY_EXISTS" in sales.failure(
        f"CREATE TABLE again WITH (external_location = '{place}') AS SELECT 1 AS x"
    )
    assert "MISSING_COLUMN_NAME" in sales.failure("CREATE TABLE again AS SELECT 1")
    assert "NOT_SUPPORTED" in sales.failure("CREATE TABLE again AS SELECT now() AS t")
    manifest = answer.execution["Statistics"]["DataManifestLocation"]
    body = (
        sales.s3.get_object(Bucket=BUCKET, Key=manifest.removeprefix(f"s3://{BUCKET}/"))["Body"]
        .read()
        .decode()
    )
    assert len(body.splitlines()) == 3
    assert all(line.startswith(place + "day=") for line in body.splitlines())


def test_insert_adds_rows_and_partitions(sales: Athena) -> None:
    sales("INSERT INTO sales SELECT 99, 'new', 1, 2.5, NULL, '2026-02-01'")
    sales("INSERT INTO sales VALUES (100, 'more', 2e0, 3.0, 1, '2026-01-01')")
    assert sales("SELECT count(*) FROM sales").rows == [["17"]]
    assert sales("SELECT name, price FROM sales WHERE day = '2026-02-01'").rows == [["new", "2.50"]]
    assert sales("SELECT count(*) FROM sales WHERE day = '2026-01-01'").rows == [["6"]]
    assert sales.failure("INSERT INTO sales SELECT 'x', 'y', 1, 2, 3, 'd'").startswith(
        "TYPE_MISMATCH: Insert query has mismatched"
    )


def test_unload_writes_files_without_a_table(sales: Athena) -> None:
    place = f"s3://{BUCKET}/{sales.database}/unloaded/"
    sales(
        f"UNLOAD (SELECT id, name FROM sales WHERE name <> '(') TO '{place}' WITH (format = "
        f"'TEXTFILE', compression = 'NONE')"
    )
    listed = sales.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{sales.database}/unloaded/")["Contents"]
    body = b"".join(sales.s3.get_object(Bucket=BUCKET, Key=o["Key"])["Body"].read() for o in listed)
    assert sorted(body.decode().split())[0] == "10,n0"
    assert len(body.splitlines()) == 15


def test_prepared_statements(sales: Athena) -> None:
    name = f"p_{sales.database}"
    sales(f"PREPARE {name} FROM SELECT id FROM sales WHERE id = ? AND day = ?")
    assert sales(f"EXECUTE {name} USING 11, '2026-01-01'").rows == [["11"]]
    found = sales.client.get_prepared_statement(StatementName=name, WorkGroup="primary")["PreparedStatement"]
    assert found["QueryStatement"] == "SELECT id FROM sales WHERE id = ? AND day = ?"
    sales(f"DEALLOCATE PREPARE {name}")
    assert "not found" in sales.failure(f"DEALLOCATE PREPARE {name}")
