"""PostgreSQL databases: the secret a declaration names, and the database behind it on this machine."""

import json
from dataclasses import dataclass
from typing import Any

from local_cloud.provision.site import OURS, Site, tag_list


@dataclass(frozen=True)
class PostgresSecret:
    """A secret as RDS writes it, and the address in it as Glue takes it."""

    arn: str
    jdbc_url: str


def ensure_postgres_secret(site: Site, secret_id: str, database: str) -> PostgresSecret:
    """The secret of a database.

    Where there is none, the database is created in the local PostgreSQL server and its secret written. One
    of ours is kept in line with the server's address; a secret someone else wrote is left as it is.

    Raises:
        ValueError: the secret is not JSON with host, port and dbname.
    """
    secrets = site.client("secretsmanager")
    found = site.found(lambda: secrets.describe_secret(SecretId=secret_id), "ResourceNotFoundException")
    tags = {tag["Key"]: tag["Value"] for tag in (found or {}).get("Tags", [])}
    if found is None or OURS.items() <= tags.items():
        text = json.dumps({"engine": "postgres", **_local_database(site, database)})
        if found is None:
            found = secrets.create_secret(Name=secret_id, SecretString=text, Tags=tag_list())
            site.tell(f"created secret {secret_id} of database {database}")
        elif json.loads(secrets.get_secret_value(SecretId=secret_id)["SecretString"]) != json.loads(text):
            secrets.put_secret_value(SecretId=secret_id, SecretString=text)
            site.tell(f"updated secret {secret_id}")
    text = secrets.get_secret_value(SecretId=secret_id)["SecretString"]
    try:
        value = json.loads(text)
        url = f"jdbc:postgresql://{value['host']}:{value['port']}/{value['dbname']}"
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(
            f"Secret {secret_id!r} must be JSON with host, port, dbname, username and password. "
            "Write it anew with `mlops add postgres`."
        ) from error
    return PostgresSecret(found["ARN"], url)


def _local_database(site: Site, name: str) -> dict[str, Any]:
    """Host, port, username, password and dbname of the database in the local server; created if absent.

    Raises:
        local_cloud.postgres.PostgresError: no server is configured, or it was never started.
        psycopg.OperationalError: it does not answer.
    """
    import psycopg
    from psycopg.sql import SQL, Identifier

    from local_cloud.postgres import connection_info
    from local_cloud.settings import from_environment

    info = connection_info(from_environment())
    with psycopg.connect(
        host=info["host"],
        port=info["port"],
        user=info["username"],
        password=info["password"],
        dbname=info["dbname"],
        autocommit=True,
        connect_timeout=10,
    ) as connection:
        found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone()
        if found is None:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
            site.tell(f"created database {name}")
    return {**info, "dbname": name}
