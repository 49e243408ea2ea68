"""``mlops add postgres``: a PostgreSQL source, its tables and columns read from the database."""

import json
from typing import TYPE_CHECKING, Any

import click

from mlops_platform.commands.add.declare import checked_name, defs_folder, provision, write
from mlops_platform.resources.session import current_session

if TYPE_CHECKING:
    import psycopg


@click.command("postgres")
@click.argument("name")
@click.argument("dsn")
@click.option("--schema", default="public", show_default=True, help="PostgreSQL schema of the tables.")
@click.option("--table", "tables", multiple=True, help="A table to declare; left out, all of the schema.")
@click.option("--force", is_flag=True, help="Write defs.yaml anew if it is there already.")
def add_postgres(name: str, dsn: str, schema: str, tables: tuple[str, ...], *, force: bool) -> None:
    """Declare the PostgreSQL source NAME from the database at DSN (postgresql://user:password@host:port/db).

    The tables and columns are written to defs/sources/NAME/defs.yaml and shown. The credentials go to
    Secrets Manager (mlops/postgres/NAME), never into a file.
    """
    import psycopg

    name = checked_name(name)
    try:
        connection = psycopg.connect(dsn, connect_timeout=10)
    except psycopg.Error as error:
        raise click.ClickException(
            f"The database does not accept the connection: {str(error).strip()}"
        ) from error
    with connection:
        found = _tables(connection, schema, tables)
        secret = _secret(connection)
    secret_id = f"mlops/postgres/{name}"
    _store(secret_id, secret)
    attributes: dict[str, Any] = {"name": name, "secret": secret_id, "database": secret["dbname"]}
    if schema != "public":
        attributes["schema_name"] = schema
    attributes["tables"] = found
    path = write(defs_folder("sources", name), "PostgresSource", attributes, force=force)
    provision(path)
    click.echo(
        f"{len(found)} tables. Credentials: Secrets Manager {secret_id}. They are in the UI now (`make dev`)."
    )


def _tables(
    connection: "psycopg.Connection[Any]", schema: str, wanted: tuple[str, ...]
) -> list[dict[str, Any]]:
    rows = connection.execute(_COLUMNS, {"schema": schema}).fetchall()
    found: dict[str, list[dict[str, Any]]] = {}
    for table, column, type_ in rows:
        found.setdefault(table, []).append({"name": column, "type": type_})
    missing = sorted(set(wanted) - found.keys())
    if missing or not found:
        raise click.ClickException(
            f"Schema {schema!r} has no table {', '.join(missing) or 'at all'}. "
            f"It has: {', '.join(sorted(found)) or 'none'}."
        )
    return [{"name": t, "columns": c} for t, c in sorted(found.items()) if not wanted or t in wanted]


def _secret(connection: "psycopg.Connection[Any]") -> dict[str, Any]:
    info = connection.info
    return {
        "engine": "postgres",
        "host": info.host,
        "port": info.port,
        "username": info.user,
        "password": info.password,
        "dbname": info.dbname,
    }


def _store(secret_id: str, secret: dict[str, Any]) -> None:
    client = current_session().client("secretsmanager")
    text = json.dumps(secret)
    try:
        client.create_secret(Name=secret_id, SecretString=text)
    except client.exceptions.ResourceExistsException:
        client.put_secret_value(SecretId=secret_id, SecretString=text)


_COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p', 'm', 'v') AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum
"""
