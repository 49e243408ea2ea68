"""How the engines read objects: off the local cloud's disk, or by cached download from a remote S3."""

import heapq
import json
import os
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

from local_cloud.errors import ServiceError


class ObjectInfo(NamedTuple):
    """One object of a listing: ``size`` in bytes, ``etag`` without quotes."""

    key: str
    size: int
    etag: str
    last_modified: datetime


class ObjectStore(Protocol):
    """Read access to S3 for the engines. Writes always go through S3's API.

    ``root``: the folder below which every :meth:`local_path` lies.
    """

    @property
    def root(self) -> Path: ...

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


SIDECAR = ".meta.json"
ENCODED_KEYS = ".ministack-keys"
MAX_CACHED_SIDECARS = 200_000


class DiskObjectStore:
    """Objects as MiniStack keeps them: ``<root>/<bucket>/<key>`` beside a ``<key>.meta.json`` sidecar.

    Keys that no path can hold (doubled slashes, ``..``, a key under another key's file) lie in
    ``<bucket>/.ministack-keys`` under an encoded name; their sidecar tells the key.

    Args:
        root: one account's folder, ``S3_DATA_DIR/<account>``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._sidecars: dict[str, tuple[int, dict[str, Any]]] = {}
        self._lock = Lock()

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectInfo]:
        """See ObjectStore. Walks only the folders that the prefix leaves open."""
        folder = self._bucket(bucket)
        return heapq.merge(
            self._plain(folder, prefix), self._encoded(folder, prefix), key=lambda info: info.key.encode()
        )

    def local_path(self, bucket: str, key: str) -> Path:
        """See ObjectStore."""
        folder = self._bucket(bucket)
        candidates = [folder / key] if _fits_a_path(key) else []
        for path in [*candidates, folder / ENCODED_KEYS / _encoded_name(key)]:
            if path.is_file() and self._sidecar(str(path)) is not None:
                return path
        raise ServiceError("NoSuchKey", f"The specified key does not exist: s3://{bucket}/{key}", 404)

    def _bucket(self, bucket: str) -> Path:
        folder = self.root / bucket
        if not bucket or "/" in bucket or bucket.startswith(".") or not folder.is_dir():
            raise ServiceError("NoSuchBucket", f"The specified bucket does not exist: {bucket}", 404)
        return folder

    def _plain(self, folder: Path, prefix: str) -> Iterator[ObjectInfo]:
        parent, _, start = prefix.rpartition("/")
        if parent and not _fits_a_path(parent):
            return
        yield from self._walk(folder / parent, f"{parent}/" if parent else "", start)

    def _walk(self, folder: Path, key_prefix: str, start: str) -> Iterator[ObjectInfo]:
        try:
            with os.scandir(folder) as found:
                entries = [entry for entry in found if entry.name.startswith(start)]
        except (FileNotFoundError, NotADirectoryError):
            return
        # A folder sorts as its keys do: with the slash. "a.txt" comes before "a/b", "a0" after it.
        named = [(entry.name + "/" if entry.is_dir() else entry.name, entry) for entry in entries]
        named.sort(key=lambda pair: pair[0].encode())
        for name, entry in named:
            if name.endswith("/"):
                if key_prefix or entry.name != ENCODED_KEYS:
                    yield from self._walk(Path(entry.path), key_prefix + name, "")
            elif not name.endswith((SIDECAR, ".tmp")):
                info = self._info(key_prefix + name, entry.path)
                if info is not None:
                    yield info

    def _encoded(self, folder: Path, prefix: str) -> Iterator[ObjectInfo]:
        infos = []
        encoded = folder / ENCODED_KEYS
        for path in encoded.iterdir() if encoded.is_dir() else ():
            if not path.name.endswith((SIDECAR, ".tmp")):
                key = (self._sidecar(str(path)) or {}).get("key")
                info = self._info(key, str(path)) if key is not None and key.startswith(prefix) else None
                if info is not None:
                    infos.append(info)
        return iter(sorted(infos, key=lambda info: info.key.encode()))

    def _info(self, key: str, path: str) -> ObjectInfo | None:
        meta = self._sidecar(path)
        if meta is None:
            return None
        modified = datetime.fromisoformat(meta["last_modified"])
        return ObjectInfo(key, int(meta["size"]), str(meta["etag"]).strip('"'), modified)

    def _sidecar(self, path: str) -> dict[str, Any] | None:
        """What the sidecar says of a current object; None for a delete marker or a write under way."""
        try:
            changed = os.stat(path + SIDECAR).st_mtime_ns  # noqa: PTH116 - a Path doubles the cost
            known = self._sidecars.get(path)
            if known is None or known[0] != changed:
                with open(path + SIDECAR, encoding="utf-8") as file:  # noqa: PTH123
                    known = (changed, _kept(json.load(file)))
                with self._lock:
                    if len(self._sidecars) >= MAX_CACHED_SIDECARS:
                        self._sidecars.clear()
                    self._sidecars[path] = known
        except (FileNotFoundError, NotADirectoryError):
            return None
        return known[1] if "etag" in known[1] else None


def _kept(meta: dict[str, Any]) -> dict[str, Any]:
    if meta.get("is_delete_marker"):
        return {}
    return {name: meta[name] for name in ("etag", "size", "last_modified", "key") if name in meta}


def _fits_a_path(key: str) -> bool:
    parts = key.split("/")
    return parts[0] != ENCODED_KEYS and all(
        part not in ("", ".", "..") and len(part.encode()) <= 200 and not part.endswith((SIDECAR, ".tmp"))
        for part in parts
    )


def _encoded_name(key: str) -> str:
    name = quote(key, safe="").replace(".", "%2E")
    return name if len(name) <= 200 else "sha256-" + sha256(key.encode()).hexdigest()
