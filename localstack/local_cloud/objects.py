"""How the engines read objects: straight off the local cloud's disk, or by cached download from a remote S3."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol


class ObjectInfo(NamedTuple):
    """One object of a listing: ``size`` in bytes, ``etag`` without quotes."""

    key: str
    size: int
    etag: str
    last_modified: datetime


class ObjectStore(Protocol):
    """Read access to S3 for the engines. Writes always go through S3's API."""

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectInfo]:
        """The objects whose key starts with ``prefix``, sorted by key.

        Raises:
            ServiceError: ``NoSuchBucket``.
        """
        ...

    def local_path(self, bucket: str, key: str) -> Path:
        """A file with the object's bytes, valid until the object changes; never write to it.

        Raises:
            ServiceError: ``NoSuchKey``.
        """
        ...
