"""SELECT over the catalog: results, types, names, pruning, bytes scanned."""

import pyarrow as pa

from mlops_platform_tests.athena.conftest import BUCKET, Athena


def test_a_result_has_names_types_and_a_header_row(sales: Athena) -> None:
    answer = sales(
        "SELECT day, count(*), sum(amount) AS total, max(price) AS price FROM sales GROUP BY 1 ORDER BY 1"
    )
    assert answer.header == ["day", "_col1", "total", "price"]
    assert answer.types == ["varchar", "bigint", "double", "decimal"]
    assert answer.rows[0] == ["2026-01-01", "5", "12.0", "4.25"]
    price = answer.columns[3]
    assert (price["Precision"], price["Scale"]) == (10, 2)


def test_null_and_empty_text_are_told_apart(athena: Athena) -> None:
    answer = athena("SELECT NULL AS a, '' AS b, 'x\"y,\nz' AS c")
    assert answer.rows == [[None, "", 'x"y,\nz']]
    key = answer.execution["ResultConfiguration"]["OutputLocation"].removeprefix(f"s3://{BUCKET}/")
    body = athena.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert body == b'"a","b","c"\n,"","x""y,\nz"\n'
    assert key.endswith(f"{answer.id}.csv")
    athena.s3.head_object(Bucket=BUCKET, Key=key + ".metadata")


def test_columns_may_share_a_name(athena: Athena) -> None:
    answer = athena("SELECT 1 AS a, 2 AS a")
    assert answer.header == ["a", "a"]
    assert answer.rows == [["1", "2"]]


def test_a_column_the_files_lack_is_null(sales: Athena) -> None:
    assert sales("SELECT count(*), count(missing), count(name) FROM sales").rows == [["15", "0", "15"]]


def test_only_needed_columns_of_the_remaining_partitions_count_as_scanned(sales: Athena) -> None:
    everything = sales("SELECT id, name, amount, price FROM sales").scanned
    one_column = sales("SELECT id FROM sales").scanned
    assert 0 < one_column < everything / 2
    assert sales("SELECT id FROM sales WHERE day = '2026-01-02'").scanned == one_column // 3
    assert sales("SELECT id FROM (SELECT * FROM sales) WHERE day = '2026-01-02'").scanned == one_column // 3
    assert sales("SELECT count(*) FROM sales").scanned == 0
    assert sales("SELECT max(day) FROM sales").scanned == 0


def test_a_predicate_reaches_the_partitions_through_joins_views_and_expressions(sales: Athena) -> None:
    one = sales("SELECT id FROM sales WHERE day = '2026-01-02'").scanned
    sales("CREATE VIEW by_day AS SELECT day, id FROM sales")
    for sql in (
        "SELECT id FROM by_day WHERE day = '2026-01-02'",
        "SELECT id FROM sales WHERE substr(day, 9) = '02'",
        "SELECT id FROM sales WHERE date(day) = DATE '2026-01-02'",
        "SELECT id FROM sales WHERE day IN ('2026-01-02', 'x') AND id > 0",
        "SELECT id FROM sales WHERE day > '2026-01-01' AND day < '2026-01-03'",
        "WITH c AS (SELECT * FROM sales) SELECT id FROM c WHERE day = '2026-01-02'",
        "SELECT day, sum(id) FROM sales GROUP BY day HAVING count(*) > 0 AND day = '2026-01-02'",
    ):
        answer = sales(sql)
        if "HAVING" not in sql:
            assert answer.scanned == one, sql
        assert answer.rows, sql


def test_a_predicate_stops_where_rows_look_at_other_rows(sales: Athena) -> None:
    ranked = "SELECT day, name, row_number() OVER (PARTITION BY name ORDER BY day) AS n FROM sales"
    assert sales(f"SELECT n FROM ({ranked}) WHERE day = '2026-01-03' AND name = 'n1'").rows == [["3"]]
    previous = "SELECT day, lag(id) OVER (PARTITION BY name ORDER BY day) AS before, name FROM sales"
    assert sales(f"SELECT before FROM ({previous}) WHERE day = '2026-01-02' AND name = 'n1'").rows == [["11"]]
    totals = "SELECT day, count(*) AS n FROM sales GROUP BY ROLLUP (day)"
    assert sales(f"SELECT n FROM ({totals}) WHERE day IS NULL").rows == [["15"]]
    first = "SELECT day, id FROM sales ORDER BY id LIMIT 6"
    assert sales(f"SELECT id FROM ({first}) WHERE day = '2026-01-02'").rows == [["20"]]


def test_an_outer_join_prunes_only_what_it_may(sales: Athena) -> None:
    answer = sales(
        "SELECT a.x, s.id FROM (VALUES 11, 99) AS a(x) LEFT JOIN sales s ON a.x = s.id AND s.day = "
        "'2026-01-01' ORDER BY 1"
    )
    assert answer.rows == [["11", "11"], ["99", None]]
    kept = sales(
        "SELECT a.x FROM (VALUES 11, 99) AS a(x) LEFT JOIN sales s ON a.x = s.id WHERE s.day IS NULL ORDER BY 1"
    )
    assert kept.rows == [["99"]]


def test_files_behind_removed_partitions_are_not_opened(sales: Athena) -> None:
    location = sales.put(f"{sales.database}/broken/a.parquet", b"this is no parquet file")
    sales(f"ALTER TABLE sales ADD PARTITION (day = '2026-02-01') LOCATION '{location}'")
    assert sales("SELECT count(*) FROM sales WHERE day < '2026-02-01'").rows == [["15"]]
    reason = sales.failure("SELECT count(*) FROM sales")
    assert reason.startswith("HIVE_BAD_DATA")
    assert "broken/a.parquet" in reason


def test_the_path_of_a_row_can_be_asked_for(sales: Athena) -> None:
    rows = sales('SELECT DISTINCT "$path" FROM sales ORDER BY 1').rows
    assert rows[0] == [f"s3://{BUCKET}/{sales.database}/run=r1/day=2026-01-01/a.parquet"]
    assert len(rows) == 3


def test_many_partitions_give_every_row_its_own_values(athena: Athena) -> None:
    athena(
        "CREATE EXTERNAL TABLE many (v int) PARTITIONED BY (n int, d date) STORED AS PARQUET "
        f"LOCATION 's3://{BUCKET}/{athena.database}/many/'"
    )
    for n in range(40):
        athena.put_parquet(
            f"{athena.database}/many/n={n}/d=2026-01-{n % 28 + 1:02}/a.parquet",
            pa.table({"v": pa.array([n], pa.int32())}),
        )
    athena("MSCK REPAIR TABLE many")
    assert athena("SELECT count(*), sum(v - n), count(DISTINCT d), min(d) FROM many").rows == [
        ["40", "0", "28", "2026-01-01"]
    ]
    assert athena("SELECT v FROM many WHERE n = 7 AND d = DATE '2026-01-08'").rows == [["7"]]


def test_partitions_that_share_a_file_each_give_its_rows(athena: Athena) -> None:
    location = athena.put_parquet(
        f"{athena.database}/shared/a.parquet", pa.table({"v": pa.array([1, 2], pa.int32())})
    )
    athena(
        "CREATE EXTERNAL TABLE shared (v int) PARTITIONED BY (n int) STORED AS PARQUET "
        f"LOCATION 's3://{BUCKET}/{athena.database}/x/'"
    )
    partitions = " ".join(f"PARTITION (n = {n}) LOCATION '{location}'" for n in range(20))
    athena(f"ALTER TABLE shared ADD {partitions}")
    assert athena("SELECT count(*), sum(v), count(DISTINCT n) FROM shared").rows == [["40", "60", "20"]]
    assert athena("SELECT n, sum(v) FROM shared WHERE n < 2 GROUP BY n ORDER BY n").rows == [
        ["0", "3"],
        ["1", "3"],
    ]


def test_files_whose_type_differs_are_converted_or_refused(athena: Athena) -> None:
    location = athena.put_parquet(
        f"{athena.database}/t/a.parquet", pa.table({"a": pa.array([1], pa.int32()), "b": ["x"]})
    )
    athena.put_parquet(f"{athena.database}/t/b.parquet", pa.table({"a": pa.array([2**40], pa.int64())}))
    athena(f"CREATE EXTERNAL TABLE wide (a bigint, b string) STORED AS PARQUET LOCATION '{location}'")
    assert athena("SELECT a, b FROM wide ORDER BY a").rows == [["1", "x"], [str(2**40), None]]
    athena(f"CREATE EXTERNAL TABLE wrong (a string) STORED AS PARQUET LOCATION '{location}'")
    assert athena.failure("SELECT a FROM wrong").startswith(
        "HIVE_BAD_DATA: Malformed Parquet file. Field a's type INT32"
    )


def test_nested_columns_by_name(athena: Athena) -> None:
    kind = pa.struct([("Y", pa.string()), ("x", pa.int32())])
    table = pa.table(
        {
            "s": pa.array([{"Y": "a", "x": 1}, None], kind),
            "l": pa.array([[{"Y": "b", "x": 2}], []], pa.list_(kind)),
            "m": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int32())),
        }
    )
    location = athena.put_parquet(f"{athena.database}/nested/a.parquet", table)
    athena(
        "CREATE EXTERNAL TABLE nested (s struct<x:int,y:string,z:double>, l "
        "array<struct<x:bigint,y:string>>, m map<string,int>) "
        f"STORED AS PARQUET LOCATION '{location}'"
    )
    answer = athena("SELECT s, s.y, l, m, m['k'], l[1].x FROM nested WHERE s IS NOT NULL")
    assert answer.rows == [["{x=1, y=a, z=null}", "a", "[{x=2, y=b}]", "{k=1}", "1", "2"]]
    assert athena("SELECT u.x FROM nested CROSS JOIN UNNEST(l) AS u(x, y)").rows == [["2"]]


def test_pages_hold_at_most_what_was_asked_for(athena: Athena) -> None:
    answer = athena("SELECT n, 'a' || chr(10) || 'b' FROM UNNEST(sequence(1, 2500)) AS t(n)")
    rows, token, pages = [], None, 0
    while True:
        more = {"NextToken": token} if token else {}
        page = athena.client.get_query_results(QueryExecutionId=answer.id, MaxResults=1000, **more)
        found = page["ResultSet"]["Rows"]
        assert len(found) <= 1000
        rows += [row["Data"][0]["VarCharValue"] for row in found]
        pages, token = pages + 1, page.get("NextToken")
        if not token:
            break
    assert pages == 3
    assert rows == ["n", *map(str, range(1, 2501))]


def test_parameters_take_the_place_of_question_marks(sales: Athena) -> None:
    answer = sales(
        "SELECT id FROM sales WHERE day = ? AND id > ? ORDER BY 1", ExecutionParameters=["'2026-01-01'", "12"]
    )
    assert answer.rows == [["13"], ["14"]]
    assert "INVALID_PARAMETER_USAGE" in sales.failure("SELECT ?", ExecutionParameters=["1", "2"])
    assert "single quotes" in sales.failure("SELECT ?", ExecutionParameters=["name"])
