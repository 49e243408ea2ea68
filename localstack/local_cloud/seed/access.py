"""Clients of the services the seed talks to: S3 and Secrets Manager at the endpoint it is given, and
PostgreSQL.
"""

import json
import os
from typing import Any


def client(service: str, endpoint_url: str | None, region: str) -> Any:
    """A boto3 client. With an endpoint of its own and no keys in the environment it signs with dummy keys."""
    import boto3
    from botocore.config import Config

    own_keys = not endpoint_url or os.environ.get("AWS_ACCESS_KEY_ID") or os.environ.get("AWS_PROFILE")
    key = None if own_keys else "test"
    config = Config(s3={"addressing_style": "path"} if endpoint_url else {}, retries={"max_attempts": 5})
    session: Any = boto3.session.Session(region_name=region, aws_access_key_id=key, aws_secret_access_key=key)
    return session.client(service, endpoint_url=endpoint_url, config=config)


def postgres_parameters(secret_id: str, endpoint_url: str | None, region: str) -> dict[str, Any]:
    """psycopg's connection parameters out of a secret written as RDS writes it.

    Raises:
        botocore.exceptions.ClientError: there is no such secret.
        ValueError: the secret is not JSON with host, port, dbname, username and password.
    """
    text = client("secretsmanager", endpoint_url, region).get_secret_value(SecretId=secret_id)["SecretString"]
    try:
        secret = json.loads(text)
        return {
            "host": secret["host"],
            "port": int(secret["port"]),
            "dbname": secret["dbname"],
            "user": secret["username"],
            "password": secret["password"],
        }
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"Secret {secret_id!r} must be JSON with host, port, dbname, username and password; "
            f"it lacks or spoils {error}. Run `python -m local_cloud provision` to write it anew."
        ) from error
