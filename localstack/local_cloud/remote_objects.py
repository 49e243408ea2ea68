"""Objects of an external emulator's S3, downloaded once per ETag into a bounded folder."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any

from local_cloud.errors import ServiceError
from local_cloud.objects import ObjectInfo
from local_cloud.settings import Settings

DEFAULT_MAX_BYTES = 10 << 30
"""Bytes the cache may take; the files unused the longest go first."""


class RemoteObjectStore:
    """Read access through S3's API, for an object store that is not on our disk.

    Args:
        settings: ``upstream`` is asked; ``dir`` holds the cache.
        max_bytes: size of the cache (default: ``LOCAL_CLOUD_CACHE_BYTES`` or 10 GiB).
    """

    def __init__(self, settings: Settings, max_bytes: int | None = None) -> None:
        from local_cloud.cloud import Cloud

        self.root = settings.dir / "object-cache"
        self.root.mkdir(parents=True, exist_ok=True)
        self._max_bytes = max_bytes or int(os.environ.get("LOCAL_CLOUD_CACHE_BYTES") or DEFAULT_MAX_BYTES)
        self._lock = Lock()
        remote = Cloud(
            settings.dir,
            settings.upstream or settings.endpoint_url,
            settings.region,
            settings.account_id,
            self,
        )
        self._s3 = remote.client("s3")

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectInfo]:
        """See ObjectStore. The first page is asked for at once, so that a missing bucket raises here."""
        pages = iter(self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix))
        with _s3_errors(bucket):
            first = next(pages)
        return self._objects(first, pages)

    def _objects(self, page: dict[str, Any] | None, pages: Iterator[dict[str, Any]]) -> Iterator[ObjectInfo]:
        while page is not None:
            for found in page.get("Contents", ()):
                yield ObjectInfo(found["Key"], found["Size"], found["ETag"].strip('"'), found["LastModified"])
            page = next(pages, None)

    def local_path(self, bucket: str, key: str) -> Path:
        """See ObjectStore. One HEAD a call; a download when the ETag is new."""
        with _s3_errors(bucket, key):
            etag = self._s3.head_object(Bucket=bucket, Key=key)["ETag"].strip('"')
        suffix = "".join(Path(key).suffixes[-2:])[-20:]
        name = hashlib.sha256(f"{bucket}/{key}\n{etag}".encode()).hexdigest()
        path = self.root / f"{name}{suffix}"
        if path.exists():
            os.utime(path)
            return path
        with _s3_errors(bucket, key):
            self._download(bucket, key, etag, path)
        self._evict(keep=path)
        return path

    def _download(self, bucket: str, key: str, etag: str, path: Path) -> None:
        handle, name = tempfile.mkstemp(dir=self.root, suffix=".part")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                body = self._s3.get_object(Bucket=bucket, Key=key, IfMatch=f'"{etag}"')["Body"]
                for chunk in body.iter_chunks(1 << 20):
                    file.write(chunk)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def _evict(self, keep: Path) -> None:
        with self._lock:
            found = [(p.stat().st_mtime, p.stat().st_size, p) for p in self.root.iterdir() if p.is_file()]
            excess = sum(size for _, size, _ in found) - self._max_bytes
            for _, size, path in sorted(found):
                if excess <= 0:
                    break
                if path != keep and path.suffix != ".part":
                    path.unlink(missing_ok=True)
                    excess -= size


@contextlib.contextmanager
def _s3_errors(bucket: str, key: str = "") -> Iterator[None]:
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        # HEAD has no body to name the error in.
        code = "NoSuchKey" if code == "404" else code
        raise ServiceError(code, f"s3://{bucket}/{key}: {error}", status) from error
