"""ORC, Avro, Hadoop's codecs, collections in text; and files that have drifted from the declared schema."""

import bz2
import io
import zlib
from datetime import UTC, date, datetime
from decimal import Decimal

import cramjam
import fastavro
import pyarrow as pa
import pytest
from pyarrow import orc

from mlops_platform_tests.athena.conftest import BUCKET, Athena

DELIMITED = "ROW FORMAT DELIMITED FIELDS TERMINATED BY ','"


def orc_bytes(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    orc.write_table(table, buffer)
    return buffer.getvalue()


def test_orc_is_read_by_place_unless_told_otherwise(athena: Athena) -> None:
    table = pa.table(
        {
            "_col0": pa.array([1, 2], pa.int32()),
            "B": ["x", None],
            "c": pa.array([[1], []], pa.list_(pa.int64())),
            "at": pa.array([datetime(2026, 1, 1, 10, 0, 0, 123000), None], pa.timestamp("us")),
        }
    )
    location = athena.put(f"{athena.database}/orc/a.orc", orc_bytes(table))
    athena(
        f"CREATE EXTERNAL TABLE o (id bigint, name string, c array<bigint>, at timestamp, more int) STORED AS ORC "
        f"LOCATION '{location}'"
    )
    assert athena("SELECT id, name, c, at, more FROM o ORDER BY id").rows == [
        ["1", "x", "[1]", "2026-01-01 10:00:00.123", None], ["2", None, "[]", None, None],
    ]  # fmt: skip
    assert athena("SELECT count(*) FROM o").rows == [["2"]]
    athena(
        f"CREATE EXTERNAL TABLE n (b string, id int) STORED AS ORC LOCATION '{location}' "
        "TBLPROPERTIES ('orc.column.index.access'='false')"
    )
    assert athena("SELECT b, id FROM n ORDER BY b").rows == [["x", None], [None, None]]
    athena.put(f"{athena.database}/orc/b.orc", b"no orc")
    assert athena.failure("SELECT id FROM o").startswith("HIVE_BAD_DATA: Not a valid ORC file")


def test_orc_is_written(sales: Athena) -> None:
    place = f"s3://{BUCKET}/{sales.database}/asorc/"
    sales(
        f"CREATE TABLE asorc WITH (format='ORC', write_compression='ZSTD', partitioned_by=ARRAY['day'], "
        f"external_location='{place}') AS SELECT id, name, price, "
        "CAST(ROW(id, name) AS row(a bigint, b varchar)) AS r, "
        "CAST(day AS timestamp) AS at, day FROM sales"
    )
    sales("INSERT INTO asorc (id, day) VALUES (77, '2026-01-09')")
    assert sales("SELECT count(*), sum(price), max(r.b), max(at) FROM asorc").rows == [
        ["16", "33.75", "n4", "2026-01-03 00:00:00.000"]
    ]
    keys = [
        o["Key"]
        for o in sales.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{sales.database}/asorc/")["Contents"]
    ]
    assert all(key.endswith(".orc") for key in keys)
    body = sales.s3.get_object(Bucket=BUCKET, Key=next(k for k in keys if "2026-01-02" in k))["Body"].read()
    assert orc.ORCFile(io.BytesIO(body)).read()["id"].to_pylist() == [20, 21, 22, 23, 24]


def test_avro(athena: Athena) -> None:
    schema = {
        "type": "record", "name": "r", "fields": [
            {"name": "Id", "type": "int"}, {"name": "name", "type": ["null", "string"]},
            {"name": "tags", "type": {"type": "array", "items": "string"}},
            {"name": "o", "type": {"type": "record", "name": "i", "fields": [{"name": "X", "type": "double"}]}},
            {"name": "day", "type": {"type": "int", "logicalType": "date"}},
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {"name": "p", "type": {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}},
        ],
    }  # fmt: skip
    rows = [
        {"Id": 1, "name": None, "tags": ["a"], "o": {"X": 1.5}, "day": date(2026, 1, 1),
         "at": datetime(2026, 1, 1, 10, tzinfo=UTC), "p": Decimal("1.25")},
    ]  # fmt: skip
    buffer = io.BytesIO()
    fastavro.writer(buffer, schema, rows, codec="snappy")
    location = athena.put(f"{athena.database}/avro/a.avro", buffer.getvalue())
    athena(
        "CREATE EXTERNAL TABLE a (id bigint, name string, tags array<string>, o struct<x:double>, day date, "
        f"at timestamp, p decimal(6,2), gone int) STORED AS AVRO LOCATION '{location}'"
    )
    assert athena("SELECT * FROM a").rows == [
        ["1", None, "[a]", "{x=1.5}", "2026-01-01", "2026-01-01 10:00:00.000", "1.25", None]
    ]
    athena.put(f"{athena.database}/avro/b.avro", b"nonsense")
    assert athena.failure("SELECT id FROM a").startswith("HIVE_BAD_DATA: Not a valid Avro file")


def _hadoop(body: bytes, packed: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + len(packed).to_bytes(4, "big") + packed


def test_hadoops_codecs(athena: Athena) -> None:
    body = b"1,x\n2,y\n"
    files = {
        "a.bz2": bz2.compress(body) + bz2.compress(body),
        "b.deflate": zlib.compress(body),
        "c.snappy": _hadoop(body, bytes(cramjam.snappy.compress_raw(body))),
        "d.lz4": _hadoop(body, bytes(cramjam.lz4.compress_block(body, store_size=False))),
    }
    location = ""
    for name, data in files.items():
        location = athena.put(f"{athena.database}/codecs/{name}", data)
    athena(f"CREATE EXTERNAL TABLE c (id int, name string) {DELIMITED} LOCATION '{location}'")
    answer = athena("SELECT count(*), sum(id), max(name) FROM c")
    assert answer.rows == [["10", "15", "y"]]
    assert answer.scanned == sum(map(len, files.values()))
    assert len(athena('SELECT DISTINCT "$path" FROM c').rows) == 4
    athena.put(f"{athena.database}/codecs/e.snappy", b"\x00\x00\x00\x09\x00\x00\x00\x05abcde")
    assert athena.failure("SELECT * FROM c").startswith("HIVE_BAD_DATA: Not a valid snappy file")


def test_collections_in_delimited_text(athena: Athena) -> None:
    body = b"1,a|b,k:1|l:2,7|x,p:q|r\n2,,,,\n3,\\N,\\N,\\N,\\N\n4,\\N|z,m:\\N,\\N|y,s\n"
    location = athena.put(f"{athena.database}/coll/a.txt", body)
    athena(
        "CREATE EXTERNAL TABLE c (id int, a array<string>, m map<string,int>, s struct<n:int,t:string>, "
        "aa array<array<string>>) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' COLLECTION ITEMS TERMINATED BY '|' "
        f"MAP KEYS TERMINATED BY ':' LOCATION '{location}'"
    )
    assert athena("SELECT id, a, m, s, aa FROM c ORDER BY id").rows == [
        ["1", "[a, b]", "{k=1, l=2}", "{n=7, t=x}", "[[p, q], [r]]"],
        ["2", "[]", "{}", "{n=null, t=null}", "[]"],
        ["3", None, None, None, None],
        ["4", "[null, z]", "{m=null}", "{n=null, t=y}", "[[s]]"],
    ]


@pytest.fixture
def drifted(athena: Athena) -> Athena:
    """Three days of Parquet, each written under another schema."""
    inner = pa.struct([("b", pa.string()), ("A", pa.int32()), ("gone", pa.int8())])
    files = [
        pa.table(
            {"id": pa.array([1], pa.int32()), "v": pa.array([1.5], pa.float32()),
             "o": pa.array([{"b": "x", "A": 1}], inner)}
        ),
        pa.table({"V": pa.array([2.5]), "ID": pa.array([2], pa.int64()), "extra": ["ignored"]}),
        pa.table({"id": pa.array([3], pa.int64()), "o": pa.array([{"b": "z"}], pa.struct([("b", pa.string())]))}),
    ]  # fmt: skip
    athena(
        "CREATE EXTERNAL TABLE d (id bigint, v double, o struct<a:bigint,b:string>) PARTITIONED BY (n int) "
        f"STORED AS PARQUET LOCATION 's3://{BUCKET}/{athena.database}/drift/'"
    )
    for n, table in enumerate(files):
        athena.put_parquet(f"{athena.database}/drift/n={n}/a.parquet", table)
    athena("MSCK REPAIR TABLE d")
    return athena


def test_the_declared_schema_wins_over_every_file(drifted: Athena) -> None:
    assert drifted("SELECT id, v, o, n FROM d ORDER BY id").rows == [
        ["1", "1.5", "{a=1, b=x}", "0"], ["2", "2.5", None, "1"], ["3", None, "{a=null, b=z}", "2"],
    ]  # fmt: skip
    assert drifted("SELECT count(o.a), sum(v) FROM d WHERE n < 2").rows == [["1", "4.0"]]


def test_types_that_do_not_fit_are_bad_data(drifted: Athena) -> None:
    drifted.put_parquet(f"{drifted.database}/drift/n=0/b.parquet", pa.table({"id": ["text"]}))
    assert drifted.failure("SELECT id FROM d").startswith(
        "HIVE_BAD_DATA: Malformed Parquet file. Field id's type"
    )
    assert drifted("SELECT id FROM d WHERE n = 1").rows == [["2"]], "a file that is pruned does no harm"
    drifted("ALTER TABLE d ADD PARTITION (n = 9)")
    table = drifted.glue.get_partition(DatabaseName=drifted.database, TableName="d", PartitionValues=["9"])[
        "Partition"
    ]
    table["StorageDescriptor"]["Columns"][0]["Type"] = "string"
    drifted.glue.update_partition(
        DatabaseName=drifted.database, TableName="d", PartitionValueList=["9"],
        PartitionInput={"Values": ["9"], "StorageDescriptor": table["StorageDescriptor"]},
    )  # fmt: skip
    reason = drifted.failure("SELECT count(*) FROM d WHERE n = 9")
    assert reason.startswith(
        "HIVE_PARTITION_SCHEMA_MISMATCH: There is a mismatch between the table and partition schemas"
    )
    assert "declared as type 'bigint', but partition 'n=9' declared column 'id' as type 'string'" in reason


def test_structs_and_scalars_drift_in_json(athena: Athena) -> None:
    body = (
        b'{"ID":1,"o":{"A":{"deep":[{"K":1}]}},"n":"7"}\n{"id":2,"o":{"b":1}}\n{"id":3,"o":null,"n":null}\n'
    )
    location = athena.put(f"{athena.database}/jd/a.json", body)
    athena(
        "CREATE EXTERNAL TABLE j (id int, o struct<a:struct<deep:array<struct<k:bigint>>>>, n string) "
        f"ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' LOCATION '{location}'"
    )
    assert athena("SELECT id, o.a.deep[1].k, n FROM j WHERE o.a IS NOT NULL OR id > 1 ORDER BY id").rows == [
        ["1", "1", "7"], ["2", None, None], ["3", None, None],
    ]  # fmt: skip
