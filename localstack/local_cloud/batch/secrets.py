"""A job's secrets, fetched when an attempt starts, as the ECS agent does.

https://docs.aws.amazon.com/batch/latest/userguide/specifying-sensitive-data.html: the ARN of a Secrets Manager
secret, with ``:json-key:version-stage:version-id`` behind it where wanted, or the name or ARN of an SSM parameter.
"""

import json
from typing import Any

from local_cloud.batch.launch import LaunchError
from local_cloud.cloud import Cloud


def fetch(cloud: Cloud, wanted: list[dict[str, Any]]) -> dict[str, str]:
    """The values by variable name.

    Raises:
        LaunchError: one cannot be had; the text names it.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    values = {}
    for secret in wanted:
        try:
            values[secret["name"]] = _value(cloud, secret["valueFrom"])
        except (ClientError, BotoCoreError, ValueError, KeyError) as error:
            raise LaunchError(
                "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval "
                f"failed: unable to retrieve secret {secret['valueFrom']}: {error}"
            ) from None
    return values


def _value(cloud: Cloud, source: str) -> str:
    if ":secretsmanager:" not in source:
        name = source.partition(":parameter")[2] if source.startswith("arn:") else source
        answer = cloud.client("ssm").get_parameter(Name=name, WithDecryption=True)
        return str(answer["Parameter"]["Value"])
    parts = source.split(":")
    arn, (key, stage, version) = ":".join(parts[:7]), [*parts[7:], "", "", ""][:3]
    options = {"VersionStage": stage, "VersionId": version}
    answer = cloud.client("secretsmanager").get_secret_value(
        SecretId=arn, **{name: value for name, value in options.items() if value}
    )
    text = answer["SecretString"]
    if not key:
        return str(text)
    value = json.loads(text)[key]
    return value if isinstance(value, str) else json.dumps(value)
