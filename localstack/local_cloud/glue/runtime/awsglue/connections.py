"""Glue connections to JDBC options."""

import json
from typing import Any
from urllib.parse import urlsplit


def jdbc_conf(name: str) -> dict[str, str]:
    """What ``extract_jdbc_conf`` returns: ``user``, ``password``, ``vendor``, ``url`` (without database),
    ``fullUrl`` and AWS's further keys.

    A ``SECRET_ID`` is resolved through Secrets Manager, as Glue does.
    """
    import boto3

    connection = boto3.client("glue").get_connection(Name=name)["Connection"]
    properties = connection.get("ConnectionProperties", {})
    user, password = properties.get("USERNAME", ""), properties.get("PASSWORD", "")
    if properties.get("SECRET_ID"):
        text = boto3.client("secretsmanager").get_secret_value(SecretId=properties["SECRET_ID"])[
            "SecretString"
        ]
        secret = json.loads(text)
        user = secret.get("username") or secret.get("user") or user
        password = secret["password"]
    full = properties["JDBC_CONNECTION_URL"]
    parts = urlsplit(full.removeprefix("jdbc:"))
    return {
        "user": user,
        "password": password,
        "vendor": parts.scheme,
        "url": f"jdbc:{parts.scheme}://{parts.netloc}",
        "fullUrl": full,
        "enforceSSL": properties.get("JDBC_ENFORCE_SSL", "false"),
        "skipCustomJDBCCertValidation": properties.get("SKIP_CUSTOM_JDBC_CERT_VALIDATION", "false"),
        "customJDBCCert": properties.get("CUSTOM_JDBC_CERT", ""),
        "customJDBCCertString": properties.get("CUSTOM_JDBC_CERT_STRING", ""),
    }


def jdbc_options(connection_type: str, given: dict[str, Any]) -> dict[str, Any]:
    """Options of ``create_dynamic_frame.from_options`` for a database as options of Spark's JDBC reader."""
    if str(given.get("useConnectionProperties", "false")).lower() == "true":
        conf = jdbc_conf(given["connectionName"])
        base = {"url": conf["fullUrl"], "user": conf["user"], "password": conf["password"]}
    else:
        base = {key: given[key] for key in ("url", "user", "password") if key in given}
    if not str(base.get("url", "")).startswith(f"jdbc:{connection_type}:"):
        raise ValueError(f"The connection's URL {base.get('url')!r} is not one of {connection_type}.")
    query = given.get("sampleQuery")
    source = {"query": query} if query else {"dbtable": given["dbtable"]}
    unsupported = set(given) - {
        *("useConnectionProperties", "connectionName", "url", "user", "password", "dbtable", "sampleQuery"),
        *("redshiftTmpDir", "hashfield", "hashexpression", "hashpartitions", "customJdbcDriverS3Path"),
    }
    for name in sorted(unsupported | ({"hashexpression", "customJdbcDriverS3Path"} & set(given))):
        raise NotImplementedError(f"The connection option {name} is not supported by the local cloud.")
    return {**base, **source}
