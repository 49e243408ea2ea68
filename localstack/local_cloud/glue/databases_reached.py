"""A Glue connection, opened for real: PostgreSQL through psycopg."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from local_cloud.cloud import Cloud

TIMEOUT_SECONDS = 10


class ConnectionFailed(Exception):
    """Why a connection cannot be opened; the text never holds the password."""


@contextmanager
def connect(cloud: Cloud, connection: dict[str, Any]) -> Iterator[Any]:
    """A ``psycopg`` connection of a ``Connection`` shape; the password may lie in Secrets Manager.

    Raises:
        ConnectionFailed: not PostgreSQL, an incomplete definition, a missing secret, or no answer.
    """
    import psycopg

    try:
        opened = psycopg.connect(**arguments(cloud, connection), connect_timeout=TIMEOUT_SECONDS)
    except psycopg.OperationalError as error:
        raise ConnectionFailed(f"Connection {connection['Name']}: {str(error).strip()}") from None
    with opened:
        yield opened


def arguments(cloud: Cloud, connection: dict[str, Any]) -> dict[str, Any]:
    """``psycopg.connect``'s arguments. Raises: as ``connect``."""
    from botocore.exceptions import ClientError

    name, properties = connection["Name"], connection.get("ConnectionProperties") or {}
    if connection["ConnectionType"] != "JDBC":
        raise ConnectionFailed(
            f"Connection {name} is {connection['ConnectionType']}; only JDBC can be tested here."
        )
    url = urlsplit(properties["JDBC_CONNECTION_URL"].removeprefix("jdbc:"))
    if url.scheme != "postgresql" or not url.hostname or not url.path.strip("/"):
        raise ConnectionFailed(
            f"Connection {name}: {properties['JDBC_CONNECTION_URL']} is not jdbc:postgresql://host:port/database, "
            "the only kind the local cloud reaches."
        )
    user, password = properties.get("USERNAME", ""), properties.get("PASSWORD", "")
    if properties.get("SECRET_ID"):
        try:
            text = cloud.client("secretsmanager").get_secret_value(SecretId=properties["SECRET_ID"])[
                "SecretString"
            ]
            secret = json.loads(text)
            user, password = secret.get("username") or secret.get("user") or user, secret["password"]
        except (ClientError, KeyError, ValueError) as error:
            raise ConnectionFailed(
                f"Connection {name}: secret {properties['SECRET_ID']} has no user and password ({error})."
            ) from None
    return {
        "host": url.hostname,
        "port": url.port or 5432,
        "dbname": url.path.strip("/"),
        "user": user,
        "password": password,
        "sslmode": "require" if properties.get("JDBC_ENFORCE_SSL") == "true" else "prefer",
    }
