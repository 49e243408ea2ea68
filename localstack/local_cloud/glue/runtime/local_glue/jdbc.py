"""``spark.read.format("jdbc")`` for PostgreSQL: rows stream to Parquet files of this run, which Spark reads.

Options: https://spark.apache.org/docs/3.5.4/sql-data-sources-jdbc.html. Types: as Spark's PostgresDialect.
Unlike Spark, which queries again for every action, the table is read once, when the DataFrame is made.
"""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from local_glue.run import UnsupportedError, scratch

_BATCH = 20_000
_KNOWN = frozenset(
    {
        "url",
        "dbtable",
        "query",
        "user",
        "password",
        "driver",
        "partitioncolumn",
        "lowerbound",
        "upperbound",
        "numpartitions",
        "fetchsize",
        "querytimeout",
        "sessioninitstatement",
        "customschema",
        "pushdownpredicate",
        "pushdownaggregate",
        "pushdownlimit",
        "preparequery",
        "ssl",
        "sslmode",
    }
)


def read(spark: Any, options: dict[str, Any], predicates: list[str] | None = None) -> Any:
    """A DataFrame of a table (``dbtable``) or a query.

    Raises:
        UnsupportedError: an option, a driver or a column type this reader does not know.
        psycopg.Error: PostgreSQL's own error.
    """
    given = {key.lower(): value for key, value in options.items()}
    for name in given.keys() - _KNOWN:
        raise UnsupportedError(f"The JDBC option {name} is not supported by the local Spark engine.")
    for name in ("customschema", "preparequery"):
        if given.get(name):
            raise UnsupportedError(f"The JDBC option {name} is not supported by the local Spark engine.")
    source = _source(given)
    conninfo = _connection(given)
    folder = scratch(f"jdbc-{uuid.uuid4().hex}")
    fields = _fields(conninfo, source, given)
    parts = predicates or _partitions(given, {name: kind for name, kind, _ in fields})
    with ThreadPoolExecutor(max_workers=min(len(parts), 8)) as pool:
        jobs = [
            pool.submit(_copy, conninfo, source, part, fields, folder / f"part-{number:05}.parquet", given)
            for number, part in enumerate(parts)
        ]
        for job in jobs:
            job.result()
    return spark.read.parquet(f"file://{folder}")


def _source(given: dict[str, Any]) -> str:
    table, query = given.get("dbtable"), given.get("query")
    if bool(table) == bool(query):
        raise ValueError("Exactly one of the JDBC options 'dbtable' and 'query' must be given.")
    if query and given.get("partitioncolumn"):
        raise ValueError(
            "Options 'query' and 'partitionColumn' can not be specified together; use 'dbtable'."
        )
    return f"({query}) SPARK_GEN_SUBQ_0" if query else str(table)


def _connection(given: dict[str, Any]) -> dict[str, Any]:
    url = str(given.get("url", ""))
    if not url.startswith("jdbc:postgresql:"):
        raise UnsupportedError(
            f"The local Spark engine reads jdbc:postgresql: only, not {url.split('?', maxsplit=1)[0]}."
        )
    driver = given.get("driver")
    if driver not in (None, "", "org.postgresql.Driver"):
        raise UnsupportedError(
            f"The local Spark engine has no JDBC driver {driver}; org.postgresql.Driver is known."
        )
    parts = urlsplit(url.removeprefix("jdbc:"))
    extra = dict(parse_qsl(parts.query))
    known = {
        "host": parts.hostname or "localhost",
        "port": parts.port or 5432,
        "dbname": parts.path.strip("/") or None,
        "user": given.get("user") or extra.get("user"),
        "password": given.get("password") or extra.get("password"),
        "sslmode": given.get("sslmode") or extra.get("sslmode"),
        "application_name": "glue",
        "connect_timeout": 10,
        "options": "-c timezone=UTC",
    }
    return {key: value for key, value in known.items() if value is not None}


def _fields(conninfo: dict[str, Any], source: str, given: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """``(name, PostgreSQL type, Arrow type)`` of every column of the source."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(**conninfo) as connection, connection.cursor() as cursor:
        if given.get("sessioninitstatement"):
            cursor.execute(given["sessioninitstatement"])
        cursor.execute(sql.SQL("SELECT * FROM {} WHERE 1=0").format(sql.SQL(source)))
        columns = cursor.description or []
        return [(column.name, column.type_display, _arrow_type(column)) for column in columns]


def _arrow_type(column: Any) -> Any:
    import pyarrow as pa

    display = column.type_display
    name = display.split("(")[0].removesuffix("[]")
    simple = {
        "bool": pa.bool_(),
        "int2": pa.int16(),
        "int4": pa.int32(),
        "int8": pa.int64(),
        "oid": pa.int64(),
        "float4": pa.float32(),
        "float8": pa.float64(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us", "UTC"),
        "timestamptz": pa.timestamp("us", "UTC"),
        "bytea": pa.binary(),
    }
    text = (
        "text",
        "varchar",
        "bpchar",
        "char",
        "name",
        "uuid",
        "json",
        "jsonb",
        "xml",
        "citext",
        "inet",
        "interval",
    )
    if name in simple:
        kind = simple[name]
    elif name == "numeric":
        kind = pa.decimal128(column.precision or 38, column.scale if column.precision else 18)
    elif name in text or not name.isidentifier() or column.type_code >= 16384:  # from 16384 on: a user's enum
        kind = pa.string()
    else:
        raise UnsupportedError(
            f"Column {column.name}: PostgreSQL type {display} is not supported by the JDBC reader."
        )
    return pa.list_(kind) if display.endswith("[]") else kind


def _partitions(given: dict[str, Any], types: dict[str, str]) -> list[Any]:
    """WHERE conditions that split the source as Spark does: NULLs go with the first, the ends are open."""
    from psycopg import sql

    column = given.get("partitioncolumn")
    count = int(given.get("numpartitions") or 1)
    if not column:
        return [None]
    if given.get("lowerbound") is None or given.get("upperbound") is None or not given.get("numpartitions"):
        raise ValueError("partitionColumn needs lowerBound, upperBound and numPartitions.")
    kind = types.get(column) or types.get(column.strip('"'))
    if kind is None:
        raise ValueError(f"partitionColumn {column} is not a column of the source: {', '.join(types)}.")
    low, high = (_bound(kind, str(given[name])) for name in ("lowerbound", "upperbound"))
    if low > high:
        raise ValueError(f"lowerBound {low} is greater than upperBound {high}.")
    name = sql.Identifier(column.strip('"'))
    cuts = sorted({_cut(kind, low, high, count, index) for index in range(1, count)})
    if not cuts:
        return [None]
    conditions = [sql.SQL("{c} < {v} OR {c} IS NULL").format(c=name, v=sql.Literal(cuts[0]))]
    for left, right in pairwise(cuts):
        values = {"c": name, "l": sql.Literal(left), "r": sql.Literal(right)}
        conditions.append(sql.SQL("{c} >= {l} AND {c} < {r}").format(**values))
    return [*conditions, sql.SQL("{c} >= {v}").format(c=name, v=sql.Literal(cuts[-1]))]


def _bound(kind: str, text: str) -> Any:
    if kind.startswith("date"):
        return date.fromisoformat(text)
    if kind.startswith("timestamp"):
        return datetime.fromisoformat(text)
    if kind.split("(", maxsplit=1)[0] in ("int2", "int4", "int8", "numeric", "float4", "float8"):
        return int(Decimal(text))
    raise ValueError(f"partitionColumn must be a number, a date or a timestamp, not {kind}.")


def _cut(kind: str, low: Any, high: Any, count: int, index: int) -> Any:
    width = high - low
    if isinstance(width, timedelta):
        cut = low + width * index / count
        return cut if not kind.startswith("date") else date.fromordinal(cut.toordinal())
    return low + width * index // count


def _copy(
    conninfo: dict[str, Any], source: str, part: Any, fields: list[Any], target: Path, given: dict[str, Any]
) -> None:
    """Stream one partition through a server-side cursor into one Parquet file."""
    import psycopg
    import pyarrow as pa
    import pyarrow.parquet as pq
    from psycopg import sql

    schema = pa.schema([pa.field(name, kind) for name, _, kind in fields])
    statement = sql.SQL("SELECT * FROM {}").format(sql.SQL(source))
    if part is not None:
        where = sql.SQL(part) if isinstance(part, str) else part
        statement = sql.SQL("{} WHERE {}").format(statement, where)
    size = int(given.get("fetchsize") or 0) or _BATCH
    with psycopg.connect(**conninfo) as connection, pq.ParquetWriter(target, schema) as writer:
        _plain_text(connection)
        cursor = connection.cursor(name="glue")  # after the loaders: a cursor takes them over when it is made
        if given.get("sessioninitstatement"):
            connection.execute(given["sessioninitstatement"])
        cursor.execute(statement)
        while rows := cursor.fetchmany(size):
            columns = list(zip(*rows, strict=True))
            arrays = [_array(values, field.type) for values, field in zip(columns, schema, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def _plain_text(connection: Any) -> None:
    """JSON, UUIDs, networks and intervals stay the text PostgreSQL prints, as Spark gives them."""
    from psycopg.types.string import TextLoader

    for name in ("json", "jsonb", "uuid", "inet", "cidr", "interval", "xml"):
        connection.adapters.register_loader(name, TextLoader)


def _array(values: tuple[Any, ...], kind: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_decimal(kind):
        step = Decimal(1).scaleb(-kind.scale)
        values = tuple(v if v is None else v.quantize(step, rounding=ROUND_HALF_UP) for v in values)
    elif pa.types.is_timestamp(kind):
        values = tuple(v if v is None or v.tzinfo else v.replace(tzinfo=_utc()) for v in values)
    return pa.array(values, type=kind)


def _utc() -> Any:
    from datetime import UTC

    return UTC
