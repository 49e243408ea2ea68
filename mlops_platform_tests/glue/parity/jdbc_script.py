"""PostgreSQL read through JDBC, by this platform's reader and by Apache Spark with PostgreSQL's own driver."""

import datetime
from pathlib import Path
from typing import Any

DRIVER = Path("/usr/share/java/postgresql.jar")  # Debian's libpostgresql-jdbc-java
TABLE = "parity.jdbc_types"
CREATE = """
CREATE SCHEMA parity;
CREATE TYPE parity.mood AS ENUM ('glad', 'sad');
CREATE DOMAIN parity.positive AS int CHECK (VALUE > 0);
CREATE TYPE parity.pair AS (a int, b text);
CREATE TABLE parity.jdbc_types (
    id int, "Mixed Case" int, sm smallint, big bigint, re real, dp double precision, no oid,
    plain numeric, fixed numeric(10,2), whole numeric(8), wide numeric(50,12), money money,
    yes bool, some_bits bit varying(5), day date, at timestamp, atz timestamptz, clock time, clockz timetz,
    span interval,
    txt text, var varchar(10), chr char(5), nm name, js json, jb jsonb, u uuid, ip inet, net cidr, mac macaddr,
    pt point, tsv tsvector, span4 int4range, raw bytea, feeling parity.mood, few parity.positive, both_ parity.pair,
    ints int[], texts text[], nums numeric(6,2)[], plains numeric[], days date[], ats timestamptz[], yess bool[],
    us uuid[]
);
INSERT INTO parity.jdbc_types VALUES (
    1, 7, 2, 5000000000, 1.5, 1e-7, 42,
    12.5, 3.14, 12345678, 123456789012.123456789012, '$1,234.50',
    true, B'101', '2026-01-02', '2026-01-02 03:04:05.678901', '2026-01-02 03:04:05+02', '03:04:05.5',
    '03:04:05+02', '1 day 02:03:04',
    'a "b" \\ c', 'var', 'c', 'nm', '{"a":  1}', '{"b": 1, "a": [1, 2]}',
    'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '10.0.0.1', '10.0.0.0/8',
    '08:00:2b:01:02:03', '(1,2)', 'a b', '[1,5)', '\\xdeadbeef', 'glad', 5, '(1,x)',
    '{1,NULL,3}', '{a,NULL,"c d"}', '{1.50,2}', '{1.123456789}', '{2026-01-02}', '{"2026-01-02 03:04:05+02"}', '{t,f}',
    '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'
), (3, -1, -2, -7, 'NaN', 'Infinity', 0, -0.000000000000000001, -99999999.99, 0, 0, '-$0.01',
    false, '', '0001-01-01', '1969-12-31 23:59:59.999999', '9999-12-31 23:59:59Z', '00:00', '23:59:59-05', '-1 year',
    '', '', '', '', '[]', 'null', NULL, '::1', '::/0', NULL, NULL, '', 'empty', '', 'sad', 1, NULL,
    '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}');
INSERT INTO parity.jdbc_types (id) VALUES (2);
CREATE TABLE parity.many AS SELECT i::int AS id, i % 97 * 1.5 AS price, date '2026-01-01' + i % 30 AS day,
    timestamp '2026-01-01' + i * interval '7 minutes' AS at, CASE WHEN i % 10 = 0 THEN NULL ELSE i END AS part
    FROM generate_series(1, 1000) i;
"""
# column, lowerBound, upperBound, numPartitions
SPLITS = [
    ("id", "1", "1000", "7"),
    ("id", "1", "1001", "10"),
    ("id", "-50", "50", "3"),
    ("id", "0", "3", "10"),
    ("id", "5", "5", "4"),
    ("ID", "400", "600", "4"),
    ("part", "1", "1000", "6"),
    ("part", "-9223372036854775808", "9223372036854775807", "5"),
    ("price", "0", "145", "4"),
    ("day", "2026-01-01", "2026-01-30", "4"),
    ("at", "2026-01-01", "2026-01-05 20:40:00.123", "3"),
    ("at", "2026-01-02 10:00:00", "2026-01-02 10:00:01", "3"),
    ("id", "1", "1000", "1"),
]
BAD = [
    {"partitionColumn": "id"},
    {"partitionColumn": "id", "lowerBound": "9", "upperBound": "1", "numPartitions": "3"},
    {"partitionColumn": "nowhere", "lowerBound": "1", "upperBound": "9", "numPartitions": "3"},
    {"partitionColumn": "id", "lowerBound": "a", "upperBound": "9", "numPartitions": "3"},
    {"lowerBound": "1", "upperBound": "9", "numPartitions": "3"},
    {"query": "SELECT 1"},
    {"dbtable": "parity.no_such_table"},
]


def _rows(frame: Any) -> list[Any]:
    kinds = [f"{field.name} {field.dataType.simpleString()}" for field in frame.schema.fields]
    return [kinds, sorted([_text(value) for value in row] for row in frame.collect())]


def _text(value: Any) -> str:
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return bytes(value).hex() if isinstance(value, bytes | bytearray) else repr(value)


def _fails(call: Any) -> bool:
    try:
        call()
    except Exception:  # noqa: BLE001 - that it fails is the result; the texts are the engines' own
        return True
    return False


def results(spark: Any, url: str, user: str, password: str) -> dict[str, Any]:
    """What each way to read gives."""
    login = {"user": user, "password": password}
    base = {"url": url, **login, "driver": "org.postgresql.Driver"}
    out: dict[str, Any] = {}

    def load(**options: str) -> Any:
        return spark.read.format("jdbc").options(**{**base, **options}).load()

    out["types"] = _rows(load(dbtable=TABLE))
    out["quoted"] = _rows(load(dbtable=f'(SELECT "Mixed Case" FROM {TABLE}) t'))
    out["query"] = _rows(
        load(query="SELECT id, sum(price) AS total FROM parity.many WHERE id < 9 GROUP BY id", fetchsize="2")
    )
    out["prepared"] = _rows(
        load(prepareQuery="WITH few AS (SELECT id FROM parity.many WHERE id < 3)", query="SELECT * FROM few")
    )
    out["initialised"] = _rows(
        load(
            sessionInitStatement="SET application_name TO 'init'",
            query="SELECT current_setting('application_name') AS n",
        )
    )
    predicates = ["id <= 3", "id > 998 OR id = 500", "false"]
    out["predicates"] = _rows(
        spark.read.jdbc(url, "parity.many", predicates=predicates, properties=login).select("id")
    )
    given = spark.read.jdbc(
        url, "parity.many", column="id", lowerBound=100, upperBound=900, numPartitions=4, properties=login
    )
    out["jdbc"] = [given.count(), _rows(given.where("id % 100 = 0").groupBy("day").count())]
    for number, (column, low, high, count) in enumerate(SPLITS[5:11]):
        frame = load(
            dbtable="parity.many",
            partitionColumn=column,
            lowerBound=low,
            upperBound=high,
            numPartitions=count,
        )
        out[f"split {number}"] = _rows(
            frame.selectExpr("count(*)", "sum(id)", "count(distinct id)", "count(part)")
        )
    out["fails"] = [
        _fails(lambda o=one: load(**{**({} if "dbtable" in o else {"dbtable": "parity.many"}), **o}))
        for one in BAD
    ]
    return out


def conditions(spark: Any, url: str, user: str, password: str) -> list[Any]:
    """The WHERE conditions of Apache Spark's own partitions for each of ``SPLITS``."""
    found = []
    for column, low, high, count in SPLITS:
        options = {"partitionColumn": column, "lowerBound": low, "upperBound": high, "numPartitions": count}
        login = {"url": url, "user": user, "password": password, "dbtable": "parity.many"}
        frame = spark.read.format("jdbc").options(**login, **options).load()
        found.append([part.whereClause() for part in frame._jdf.queryExecution().toRdd().partitions()])
    return found


def own_conditions(spark: Any, url: str, user: str, password: str) -> list[Any]:
    """The same by this platform's reader."""
    from local_glue import jdbc_partitions

    login = {"url": url, "user": user, "password": password, "dbtable": "parity.many"}
    schema = spark.read.format("jdbc").options(**login).load().schema
    return [
        jdbc_partitions.conditions(
            {"partitioncolumn": column, "lowerbound": low, "upperbound": high, "numpartitions": count}, schema
        )
        for column, low, high, count in SPLITS
    ]
