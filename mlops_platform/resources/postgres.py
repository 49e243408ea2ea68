"""PostgreSQL as an asset sees it: a connection by its source's name, the password from Secrets Manager."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_platform.resources.aws import AwsResource

if TYPE_CHECKING:
    import psycopg

CONNECT_TIMEOUT_SECONDS = 10


class PostgresConnectionError(Exception):
    """The database did not accept the connection; the message says which, why and what to check."""


@dataclass(frozen=True)
class TableState:
    """What a table holds now.

    Attributes:
        row_count: exact number of rows.
        columns: (name, PostgreSQL type, nullable, comment) in order.
        data_version: changes when, and only when, the rows or the columns change.
    """

    row_count: int
    columns: tuple[tuple[str, str, bool, str | None], ...]
    data_version: str


class PostgresResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Connections to the declared PostgreSQL sources."""

    aws: AwsResource

    @contextmanager
    def connect(self, source: str) -> "Iterator[psycopg.Connection[tuple[Any, ...]]]":
        """A connection to the source, closed (and committed unless an exception passes) on exit.

        Raises:
            PostgresConnectionError: the server is down, unknown, or refuses the credentials.
        """
        import psycopg

        secret = self._secret(source)
        try:
            connection = psycopg.connect(
                host=secret["host"],
                port=secret["port"],
                user=secret["username"],
                password=secret["password"],
                dbname=secret["dbname"],
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                application_name="mlops_platform",
            )
        except psycopg.OperationalError as error:
            raise PostgresConnectionError(_explain(source, secret, error)) from error
        with connection:
            yield connection

    def table_state(self, source: str, schema: str, table: str, version_column: str | None) -> TableState:
        """Row count, columns and data version of one table, in one snapshot.

        Without ``version_column`` the version is a digest of every row, whatever their order: exact, one
        full scan. With it, the version is that column's maximum and the row count: cheap with an index, and
        blind to an update that does not move the column.

        Raises:
            PostgresConnectionError: see :meth:`connect`.
            LookupError: the table does not exist.
        """
        with self.connect(source) as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            columns = tuple(connection.execute(_COLUMNS, {"schema": schema, "table": table}).fetchall())
            if not columns:
                raise LookupError(
                    f"PostgreSQL source {source!r} has no table {schema}.{table}. Create it, or remove it "
                    f"from the `tables` of the source's defs.yaml."
                )
            count, content = _count_and_content(connection, schema, table, version_column)
        digest = hashlib.sha256(repr((columns, count, content)).encode()).hexdigest()[:16]
        return TableState(count, columns, digest)

    def _secret(self, source: str) -> dict[str, Any]:
        contract = self.aws.contract.postgres_source(source)
        answer = self.aws.client("secretsmanager").get_secret_value(SecretId=contract.secret_id)
        secret: dict[str, Any] = json.loads(answer["SecretString"])
        missing = {"host", "port", "username", "password", "dbname"} - secret.keys()
        if missing:
            raise PostgresConnectionError(
                f"The secret {contract.secret_id!r} of PostgreSQL source {source!r} lacks {sorted(missing)}. "
                "It must be JSON with host, port, username, password and dbname, as RDS writes it."
            )
        return secret


def _count_and_content(
    connection: "psycopg.Connection[tuple[Any, ...]]", schema: str, table: str, version_column: str | None
) -> tuple[int, str]:
    from psycopg import sql

    name = sql.Identifier(schema, table)
    if version_column is not None:
        query = sql.SQL("SELECT count(*), max({})::text FROM {}").format(sql.Identifier(version_column), name)
    else:
        query = sql.SQL(_CONTENT).format(name)
    row = connection.execute(query).fetchone()
    assert row is not None  # noqa: S101 - an aggregate without GROUP BY always answers one row
    return int(row[0]), str(row[1])


def _explain(source: str, secret: dict[str, Any], error: Exception) -> str:
    where = f"PostgreSQL source {source!r} at {secret['host']}:{secret['port']}/{secret['dbname']}"
    text = str(error).strip()
    if "password authentication failed" in text or "no password supplied" in text:
        cure = f"refused the password of user {secret['username']!r}. Update its secret in Secrets Manager."
    elif "refused" in text or "timeout" in text or "No route" in text:
        cure = "does not answer. Start it (`mlops local up` for the embedded one) or correct host and port."
    elif "does not exist" in text:
        cure = "does not have that database or role. Create it or correct the secret."
    else:
        cure = "did not accept the connection."
    return f"{where} {cure}\n{text}"


# The first 16 hex digits of each row's md5, summed: independent of order, sensitive to duplicates.
_CONTENT = """
SELECT count(*), coalesce(sum(('x' || left(md5(t::text), 16))::bit(64)::bigint::numeric), 0)::text
FROM {} AS t
"""

_COLUMNS = """
SELECT
    a.attname,
    format_type(a.atttypid, a.atttypmod),
    NOT a.attnotnull,
    col_description(a.attrelid, a.attnum)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(table)s AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
