"""``spark.read.format("jdbc")`` for PostgreSQL: each partition's query runs when Spark asks for its rows, in parallel.

Options: https://spark.apache.org/docs/3.5.4/sql-data-sources-jdbc.html. Nothing is pushed down into the queries.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from local_glue import jdbc_partitions, jdbc_types
from local_glue.run import UnsupportedError

BATCH = 20_000
"""Rows of a batch where ``fetchsize`` does not say."""
CONNECTIONS = 24
"""Partitions that are read at once; PostgreSQL allows 100 connections, and a join reads two tables."""
_READ = frozenset(
    {
        *("url", "dbtable", "query", "preparequery", "user", "password", "driver"),
        *("partitioncolumn", "lowerbound", "upperbound", "numpartitions"),
        *("fetchsize", "querytimeout", "sessioninitstatement", "ssl", "sslmode"),
    }
)
# How rows are found or sent, not which.
_TUNING = frozenset(
    {
        *("pushdownpredicate", "pushdownaggregate", "pushdownlimit", "pushdownoffset", "pushdowntablesample"),
        *("applicationname", "connecttimeout", "logintimeout", "sockettimeout", "tcpkeepalive"),
        *("defaultrowfetchsize", "preparethreshold", "rewritebatchedinserts", "binarytransfer", "readonly"),
    }
)


def read(spark: Any, options: dict[str, Any], predicates: list[str] | None = None) -> Any:
    """A DataFrame of a table (``dbtable``) or a query; ``predicates``: one partition for each WHERE condition.

    Raises:
        UnsupportedError: an option, a driver or a column type this reader does not know.
        AnalysisException, ValueError: what Spark too refuses about the partitions.
        psycopg.Error: PostgreSQL's own error.
    """
    given = {key.lower(): value for key, value in options.items()}
    for name in sorted(given.keys() - _READ - _TUNING):
        raise UnsupportedError(f"The JDBC option {name} is not supported by the local Spark engine.")
    select = f"{given.get('preparequery') or ''} SELECT * FROM {_source(given)}".strip()  # noqa: S608 - the script's
    conninfo = _connection(given)
    columns = _columns(conninfo, f"{select} WHERE 1=0")
    schema = jdbc_types.schema(columns)
    conditions = predicates or jdbc_partitions.conditions(given, schema)
    statements = [select if one is None else f"{select} WHERE {one}" for one in conditions]
    numbers = spark.range(0, len(statements), 1, min(len(statements), CONNECTIONS))
    return numbers.mapInArrow(partial(_rows, conninfo, statements, columns, given), schema)


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
    """What ``psycopg.connect`` takes, from a URL as https://jdbc.postgresql.org/documentation/use/ has it."""
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
    extra = {name.lower(): value for name, value in parse_qsl(parts.query)}
    for name in sorted(extra.keys() - _TUNING - {"user", "password", "sslmode", "ssl", "currentschema"}):
        raise UnsupportedError(f"The local Spark engine does not know {name} of the JDBC URL.")
    settings = {"timezone": "UTC", "search_path": extra.get("currentschema")}
    if int(given.get("querytimeout") or 0):
        settings["statement_timeout"] = str(1000 * int(given["querytimeout"]))
    ssl = str(given.get("ssl", extra.get("ssl", "false"))).lower()
    known = {
        "host": parts.hostname or "localhost",
        "port": parts.port or 5432,
        "dbname": unquote(parts.path.strip("/")) or None,
        "user": given.get("user") or extra.get("user"),
        "password": given.get("password") or extra.get("password"),
        "sslmode": given.get("sslmode")
        or extra.get("sslmode")
        or (None if ssl == "false" else "verify-full"),
        "application_name": "glue",
        "connect_timeout": 10,
        "options": " ".join(
            f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in settings.items() if value
        ),
    }
    return {key: value for key, value in known.items() if value is not None}


def _columns(conninfo: dict[str, Any], statement: str) -> list[jdbc_types.Column]:
    import psycopg

    with psycopg.connect(**conninfo) as connection, connection.cursor() as cursor:
        cursor.execute(statement)  # without sessionInitStatement, which Spark too runs only before it reads
        return jdbc_types.columns(connection, cursor.description or [])


def _rows(
    conninfo: dict[str, Any],
    statements: list[str],
    columns: list[jdbc_types.Column],
    given: dict[str, Any],
    batches: Iterator[Any],
) -> Iterator[Any]:
    """The rows of the statements whose numbers come in; streamed through a server-side cursor."""
    import psycopg

    size = int(given.get("fetchsize") or 0) or BATCH
    for number in (number for batch in batches for number in batch.column(0).to_pylist()):
        with psycopg.connect(**conninfo) as connection:
            jdbc_types.keep_text(connection, columns)
            if given.get("sessioninitstatement"):
                connection.execute(given["sessioninitstatement"])
            with connection.cursor(name="glue") as cursor:
                cursor.execute(statements[number])
                while rows := cursor.fetchmany(size):
                    yield jdbc_types.batch(rows, columns)
