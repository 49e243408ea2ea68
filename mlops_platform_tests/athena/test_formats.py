"""CSV and JSON files, compression, partition projection."""

import gzip

import pytest

from mlops_platform_tests.athena.conftest import BUCKET, Athena

DELIMITED = "ROW FORMAT DELIMITED FIELDS TERMINATED BY ','"
SKIP = "TBLPROPERTIES ('skip.header.line.count' = '1')"
OPEN_CSV = (
    "ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde' WITH SERDEPROPERTIES "
    "('separatorChar' = ',', 'quoteChar' = '\"', 'escapeChar' = '\\\\')"
)
JSON = "ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'"


def test_delimited_text_knows_no_quotes_and_makes_nonsense_null(athena: Athena) -> None:
    body = b"id,name,day,amount,flag\n1,bob,2020-01-01,1.5,TRUE\n"
    body += b'2,"x",bad,x,no\n\n3\n4,\\N,2020-02-02,1e2,false,extra\n'
    location = athena.put(f"{athena.database}/csv/a.csv", body)
    athena(
        f"CREATE EXTERNAL TABLE c (id int, name string, day date, amount decimal(10,2), flag boolean) "
        f"{DELIMITED} LOCATION '{location}' {SKIP}"
    )
    assert athena("SELECT * FROM c").rows == [
        ["1", "bob", "2020-01-01", "1.50", "true"],
        ["2", '"x"', None, None, None],
        [None, None, None, None, None],
        ["3", None, None, None, None],
        ["4", None, "2020-02-02", "100.00", "false"],
    ]
    answer = athena("SELECT count(*) FROM c")
    assert answer.rows == [["5"]]
    assert answer.scanned == len(body)


def test_gzip_is_told_by_the_name_and_counted_as_stored(athena: Athena) -> None:
    body = gzip.compress(b"1\tx\n2\ty\n")
    location = athena.put(f"{athena.database}/gz/a.csv.gz", body)
    athena(
        f"CREATE EXTERNAL TABLE z (id int, name string) ROW FORMAT DELIMITED FIELDS TERMINATED BY "
        f"'\\t' LOCATION '{location}'"
    )
    answer = athena("SELECT sum(id), max(name) FROM z")
    assert answer.rows == [["3", "y"]]
    assert answer.scanned == len(body)
    athena.put(f"{athena.database}/gz/b.bz2", b"x")
    assert athena.failure("SELECT * FROM z").startswith("HIVE_BAD_DATA: Not a valid bz2 file")
    athena.s3.delete_object(Bucket=BUCKET, Key=f"{athena.database}/gz/b.bz2")
    athena.put(f"{athena.database}/gz/b.xz", b"x")
    assert athena.failure("SELECT * FROM z").startswith("NOT_SUPPORTED: Compression .xz")


def test_timestamps_and_escapes_in_text(athena: Athena) -> None:
    location = athena.put(f"{athena.database}/esc/a.csv", b"a\\,b,2020-01-02 03:04:05.678\nc\\\\d,nonsense\n")
    athena(
        f"CREATE EXTERNAL TABLE e (name string, at timestamp) {DELIMITED} ESCAPED BY '\\\\' LOCATION '{location}'"
    )
    assert athena("SELECT name, at FROM e").rows == [["a,b", "2020-01-02 03:04:05.678"], ["c\\d", None]]


def test_a_file_that_is_no_utf8_is_bad_data(athena: Athena) -> None:
    location = athena.put(f"{athena.database}/latin/a.csv", b"caf\xe9\n")
    athena(f"CREATE EXTERNAL TABLE latin (name string) {DELIMITED} LOCATION '{location}'")
    assert athena.failure("SELECT * FROM latin").startswith("HIVE_BAD_DATA")


def test_open_csv_reads_quotes(athena: Athena) -> None:
    location = athena.put(f"{athena.database}/ocsv/a.csv", b'id,name,day\n1,"b,o""b",18262\n2,plain,0\n')
    serde = OPEN_CSV.replace("'escapeChar' = '\\\\'", "'escapeChar' = '\"'")
    athena(f"CREATE EXTERNAL TABLE o (id int, name string, day date) {serde} LOCATION '{location}' {SKIP}")
    assert athena("SELECT * FROM o").rows == [["1", 'b,o"b', "2020-01-01"], ["2", "plain", "1970-01-01"]]
    athena.put(f"{athena.database}/ocsv/b.csv", b"id,name,day\nx,y,1\n")
    assert athena.failure("SELECT * FROM o").startswith(
        "HIVE_BAD_DATA: Error parsing field value 'x' for field id"
    )


def test_open_csv_refuses_a_line_break_in_quotes(athena: Athena) -> None:
    location = athena.put(f"{athena.database}/nl/a.csv", b'1,"a\nb"\n')
    athena(f"CREATE EXTERNAL TABLE n (id string, name string) {OPEN_CSV} LOCATION '{location}'")
    assert athena.failure("SELECT name FROM n").startswith("HIVE_BAD_DATA: OpenCSVSerde reads no line break")


def test_json_members_match_whatever_their_case(athena: Athena) -> None:
    body = (
        b'{"Id":1,"tags":["a","b"],"o":{"X":1.5,"y":"z"},"m":{"k":2},"at":"2020-01-02 '
        b'03:04:05"}\n{"id":2,"tags":null}\n'
    )
    location = athena.put(f"{athena.database}/json/a.json", body)
    athena(
        f"CREATE EXTERNAL TABLE j (id int, tags array<string>, o struct<x:double,y:string>, m "
        f"map<string,int>, at timestamp) {JSON} LOCATION '{location}'"
    )
    assert athena("SELECT id, tags, o, o.x, m, at FROM j").rows == [
        ["1", "[a, b]", "{x=1.5, y=z}", "1.5", "{k=2}", "2020-01-02 03:04:05.000"],
        ["2", None, None, None, None, None],
    ]
    athena.put(f"{athena.database}/json/b.json", b"{oops\n")
    assert athena.failure("SELECT id FROM j").startswith("HIVE_CURSOR_ERROR: Row is not a valid JSON Object")


@pytest.mark.parametrize(
    ("properties", "where", "found"),
    [
        ("'projection.p.type'='enum','projection.p.values'='a,b,c'", "p <> 'b'", 2),
        (
            "'projection.p.type'='integer','projection.p.range'='0,9','projection.p.digits'='2'",
            "p >= '05'",
            1,
        ),
        (
            "'projection.p.type'='date','projection.p.range'='2020-01-01,NOW','projection.p.format'='yyyy-MM-dd'",
            "p = '2020-01-05'",
            1,
        ),
        ("'projection.p.type'='injected'", "p = 'b'", 1),
    ],
)
def test_partitions_are_projected(athena: Athena, properties: str, where: str, found: int) -> None:
    for value in ("a", "b", "c", "07", "2020-01-05"):
        athena.put(f"{athena.database}/proj/{value}/x.csv", b"1\n")
    athena(
        f"CREATE EXTERNAL TABLE proj (v int) PARTITIONED BY (p string) {DELIMITED} LOCATION "
        f"'s3://{BUCKET}/{athena.database}/proj/' "
        f"TBLPROPERTIES ('projection.enabled'='true',{properties},'storage.location.template'='s3://{BUCKET}/{athena.database}/proj/${{p}}/')"
    )
    answer = athena(f"SELECT p, v FROM proj WHERE {where}")
    assert len(answer.rows) == found
    assert answer.scanned == 2 * found
    if "injected" in properties:
        assert athena.failure("SELECT * FROM proj").startswith("CONSTRAINT_VIOLATION")
