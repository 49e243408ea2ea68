"""S3 as an asset sees it: drops of files under day prefixes, and what version of them is there now."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg

from mlops_platform.resources.aws import AwsResource

LONGEST_URL_SECONDS = 7 * 24 * 3600  # what a version 4 signature allows


class BucketGoneError(Exception):
    """A bucket that the infrastructure contract names does not exist."""


@dataclass(frozen=True)
class S3Object:
    """One object as a listing shows it; ``size`` in bytes."""

    key: str
    size: int
    etag: str
    last_modified: datetime


@dataclass(frozen=True)
class Drop:
    """The objects of one partition of a source, sorted by key."""

    bucket: str
    objects: tuple[S3Object, ...]

    @property
    def size(self) -> int:
        """Bytes of all objects together."""
        return sum(o.size for o in self.objects)

    @property
    def data_version(self) -> str:
        """A digest of keys, ETags and sizes: equal exactly when the content is."""
        text = "\n".join(f"{o.key}\t{o.etag}\t{o.size}" for o in self.objects)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class S3Resource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Reads and writes the buckets that the infrastructure contract names."""

    aws: AwsResource

    def objects(self, bucket: str, prefix: str, start_after: str = "") -> Iterator[S3Object]:
        """Every object under a prefix, in key order, folder markers and hidden files left out.

        Raises:
            BucketGoneError: the bucket does not exist.
        """
        client = self.aws.client("s3")
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=prefix, StartAfter=start_after
        )
        try:
            for page in pages:
                for item in page.get("Contents", ()):
                    if not item["Key"].endswith("/"):
                        etag = item["ETag"].strip('"')
                        yield S3Object(item["Key"], item["Size"], etag, item["LastModified"])
        except client.exceptions.NoSuchBucket as error:
            raise BucketGoneError(
                f"The bucket {bucket!r} is gone. `mlops provision` (laptop) or `pulumi up` (AWS) creates it "
                "again; its objects must be dropped again."
            ) from error

    def drop(self, bucket: str, prefix: str) -> Drop:
        """What lies under one partition's prefix now. Raises BucketGoneError."""
        return Drop(bucket, tuple(self.objects(bucket, prefix)))

    def head(self, bucket: str, key: str, size: int) -> bytes:
        """The first ``size`` bytes of an object."""
        client = self.aws.client("s3")
        answer: Any = client.get_object(Bucket=bucket, Key=key, Range=f"bytes=0-{size - 1}")
        body: bytes = answer["Body"].read()
        return body

    def put(self, bucket: str, key: str, body: bytes, *, content_type: str) -> None:
        """Write one object; readers see the old one or the new one, never half (S3's own promise)."""
        self.aws.client("s3").put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type)

    def url(self, bucket: str, key: str) -> str:
        """An address at which a browser opens the object, without credentials, for up to a week.

        On AWS it ends earlier where the credentials that signed it do
        (https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html).
        """
        url: str = self.aws.client("s3").generate_presigned_url(
            "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=LONGEST_URL_SECONDS
        )
        return url
