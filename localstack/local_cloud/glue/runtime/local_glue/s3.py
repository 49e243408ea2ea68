"""S3 as the shim needs it: listings and deletions."""

from collections.abc import Iterator
from functools import cache
from typing import Any


@cache
def client() -> Any:
    """The job's S3 client."""
    import boto3

    return boto3.client("s3")


def split(uri: str) -> tuple[str, str]:
    """``s3://bucket/key`` -> ``(bucket, key)``."""
    bucket, _, key = uri.split("://", 1)[1].partition("/")
    return bucket, key


def is_s3(uri: str) -> bool:
    """Whether the path is one of S3's."""
    return uri.startswith(("s3://", "s3a://", "s3n://"))


def objects(uri: str) -> Iterator[dict[str, Any]]:
    """The objects under a folder (or the object itself), without the hidden files Spark ignores."""
    bucket, key = split(uri)
    prefix = key if not key or key.endswith("/") else key + "/"
    found = False
    for page in client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            found = True
            name = entry["Key"][len(prefix) :]
            if name and not name.endswith("/") and not any(hidden(part) for part in name.split("/")):
                yield entry
    if not found and key and not key.endswith("/"):
        for entry in client().list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", []):
            if entry["Key"] == key:
                yield entry


def hidden(name: str) -> bool:
    """Spark's rule: files that start with an underscore or a dot are not data, partition folders apart."""
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def exists(uri: str) -> bool:
    """Whether there is anything at the path."""
    from botocore.exceptions import ClientError

    bucket, key = split(uri)
    try:
        first = client().list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", [])
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            return False
        raise
    if not first or not key or key.endswith("/") or first[0]["Key"] == key:
        return bool(first)
    return first[0]["Key"].startswith(key + "/") or exists(uri + "/")


def delete(bucket: str, keys: list[str]) -> None:
    """Delete objects, a thousand a call.

    Raises:
        RuntimeError: S3 refused some.
    """
    for start in range(0, len(keys), 1000):
        batch = [{"Key": key} for key in keys[start : start + 1000]]
        answer = client().delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
        if answer.get("Errors"):
            failed = answer["Errors"][0]
            raise RuntimeError(f"s3://{bucket}/{failed['Key']} cannot be deleted: {failed.get('Message')}")
