"""Objects in S3 by their URI. Needs boto3 only; the endpoint comes from AWS_ENDPOINT_URL, as everywhere."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from .errors import TrainingError

_DELETE_BATCH = 1000  # DeleteObjects' limit


class Found(NamedTuple):
    """One listed object."""

    uri: str
    etag: str
    size: int


class ConditionFailedError(Exception):
    """Somebody else wrote the object first; the message names it."""


@lru_cache(maxsize=1)
def client() -> Any:
    """The S3 client all of this package uses; it is safe to share between threads."""
    import boto3
    from botocore.config import Config

    return boto3.client("s3", config=Config(retries={"mode": "standard", "max_attempts": 6}))


def split(uri: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`.

    Raises:
        TrainingError: it is no S3 URI.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket:
        raise TrainingError(f"{uri!r} is no S3 URI. Write s3://bucket/key.")
    return bucket, key


def join(uri: str, *names: str) -> str:
    """The URI of a name under a prefix."""
    return "/".join([uri.rstrip("/"), *names])


def read(uri: str) -> bytes:
    """The object's bytes.

    Raises:
        FileNotFoundError: there is no such object.
    """
    return read_with_etag(uri)[0]


def read_with_etag(uri: str) -> tuple[bytes, str]:
    """The object's bytes and its ETag, both of one version.

    Raises:
        FileNotFoundError: there is no such object.
    """
    bucket, key = split(uri)
    try:
        answer = client().get_object(Bucket=bucket, Key=key)
    except client().exceptions.NoSuchKey as error:
        raise FileNotFoundError(f"There is no object {uri}.") from error
    return answer["Body"].read(), answer["ETag"]


def read_json(uri: str) -> Any:
    """The object's JSON.

    Raises:
        FileNotFoundError: there is no such object.
        TrainingError: it is no JSON.
    """
    try:
        return json.loads(read(uri))
    except ValueError as error:
        raise TrainingError(f"{uri} is no JSON: {error}.") from error


def write(
    uri: str, body: bytes | Path, *, content_type: str = "application/octet-stream", **conditions: str
) -> str:
    """Writes the object; its ETag.

    Args:
        conditions: `IfNoneMatch="*"` (only if there is none) or `IfMatch=<etag>` (only over that version).

    Raises:
        ConditionFailedError: the condition does not hold.
    """
    from botocore.exceptions import ClientError

    bucket, key = split(uri)
    handle = body.open("rb") if isinstance(body, Path) else None
    try:
        answer = client().put_object(
            Bucket=bucket, Key=key, Body=handle or body, ContentType=content_type, **conditions
        )
    except ClientError as error:
        # 404: IfMatch over an object that is gone; 409: two conditional writes at once
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        if conditions and error.response["ResponseMetadata"]["HTTPStatusCode"] in (404, 409, 412):
            raise ConditionFailedError(f"{uri} was written by somebody else meanwhile.") from error
        raise
    finally:
        if handle:
            handle.close()
    return str(answer["ETag"])


def write_json(uri: str, value: Any, **conditions: str) -> str:
    """Writes the value as JSON; the object's ETag. Raises as `write` does."""
    return write(uri, json_bytes(value), content_type="application/json", **conditions)


def json_bytes(value: Any) -> bytes:
    """Equal values give equal bytes."""
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def listed(prefix: str) -> Iterator[Found]:
    """The objects whose URI begins so, in the order of their keys."""
    bucket, key = split(prefix)
    for page in client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key):
        for item in page.get("Contents", []):
            yield Found(f"s3://{bucket}/{item['Key']}", item["ETag"], item["Size"])


def folders(prefix: str) -> Iterator[str]:
    """The names of the folders right under `prefix`."""
    bucket, key = split(prefix.rstrip("/") + "/")
    pages = client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key, Delimiter="/")
    for page in pages:
        for folder in page.get("CommonPrefixes", []):
            yield folder["Prefix"].removeprefix(key).rstrip("/")


def delete(uris: Iterable[str]) -> None:
    """Deletes the objects; all in one bucket."""
    keys = [split(uri) for uri in uris]
    for first in range(0, len(keys), _DELETE_BATCH):
        batch = [{"Key": key} for _, key in keys[first : first + _DELETE_BATCH]]
        answer = client().delete_objects(Bucket=keys[0][0], Delete={"Objects": batch, "Quiet": True})
        if answer.get("Errors"):
            raise OSError(f"S3 refused to delete {answer['Errors'][:3]}.")


def download(prefix: str, folder: Path) -> int:
    """Every object under `prefix/` into the folder; how many there were."""
    start = prefix.rstrip("/") + "/"
    count = 0
    for item in listed(start):
        name = item.uri.removeprefix(start)
        if not name or name.endswith("/"):
            continue
        target = folder / name
        if not target.resolve().is_relative_to(folder.resolve()):
            raise TrainingError(f"The name of {item.uri} leads out of the folder. Rename the object.")
        target.parent.mkdir(parents=True, exist_ok=True)
        bucket, key = split(item.uri)
        client().download_file(bucket, key, str(target))
        count += 1
    return count


def sha256(body: bytes | Path) -> str:
    """SHA-256 of bytes or of a file, as hex."""
    if isinstance(body, bytes):
        return hashlib.sha256(body).hexdigest()
    with body.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
