"""Ticket files into the bucket: streamed, in parallel, and only where something is missing.

What was seeded is remembered beside the drops, under `_seed/`, one small JSON object per file; it holds the
settings the file came from, its size and its counts. A second seed with the same settings therefore only
lists.
"""

import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from local_cloud.seed.plan import FilePlan, SeedSettings, plan_files
from local_cloud.seed.tickets import TicketWriter

RECORDS = "_seed/"
_PART = 16 * 1024 * 1024
_ROWS_WORTH_A_PROCESS = 300_000
Progress = Callable[["Counter[str]"], None]


@dataclass(frozen=True)
class Bucket:
    """Where drops go: an S3 bucket behind an endpoint, and the key prefix of the source (ends with `/`)."""

    name: str
    prefix: str
    endpoint_url: str | None
    region: str

    def client(self) -> Any:
        """A boto3 client of its own for the calling process; keys come from boto3's chain, or are dummies
        locally.
        """
        from local_cloud.seed.access import client

        return client("s3", self.endpoint_url, self.region)


def seed_tickets(settings: SeedSettings, bucket: Bucket, workers: int, progress: Progress) -> "Counter[str]":
    """Uploads every file that is not there yet and returns the manifest: the counts over all files.

    Files of an earlier seed with other settings are replaced, and removed where the new seed has none of
    that name.

    Raises:
        botocore.exceptions.ClientError: the bucket is missing or refuses the write.
    """
    s3 = bucket.client()
    wanted = {file.name: file for file in plan_files(settings)}
    records = _read_records(s3, bucket)
    sizes = dict(_listed(s3, bucket.name, bucket.prefix))
    fingerprint = settings.fingerprint()
    manifest: Counter[str] = Counter()
    missing: list[FilePlan] = []
    for name, file in wanted.items():
        record = records.get(name)
        present = record is not None and sizes.get(bucket.prefix + name) == record["size"]
        if record is not None and present and record["settings"] == fingerprint:
            manifest.update(record["counts"])
        else:
            missing.append(file)
    for name in records.keys() - wanted.keys():
        s3.delete_object(Bucket=bucket.name, Key=bucket.prefix + name)
        s3.delete_object(Bucket=bucket.name, Key=_record_key(bucket, name))
    for counts in _upload_all(settings, bucket, missing, workers):
        manifest.update(counts)
        progress(manifest)
    return manifest


def upload_file(
    writer: TicketWriter, bucket: Bucket, s3: Any, file: FilePlan, *, record: bool
) -> "Counter[str]":
    """Streams one file into the bucket, then its record; returns its counts. Holds a few parts in memory at
    most.
    """
    from boto3.s3.transfer import TransferConfig

    counts: Counter[str] = Counter()
    stream = BlockStream(writer.blocks(file, counts))
    config = TransferConfig(multipart_threshold=_PART, multipart_chunksize=_PART, max_concurrency=2)
    s3.upload_fileobj(
        stream, bucket.name, bucket.prefix + file.name, ExtraArgs={"ContentType": "text/csv"}, Config=config
    )
    if record:
        body = {"settings": writer.settings.fingerprint(), "size": stream.size, "counts": counts}
        s3.put_object(
            Bucket=bucket.name, Key=_record_key(bucket, file.name), Body=json.dumps(body).encode("utf-8")
        )
    return counts


class BlockStream(io.RawIOBase):
    """A readable file over an iterator of blocks; keeps no more than one block."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._rest = memoryview(b"")
        self.size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block)
        view = memoryview(buffer).cast("B")
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        self.size += count
        return count

    def read(self, size: int | None = -1, /) -> bytes:
        """Reads exactly `size` bytes unless the file ends: S3 wants whole parts."""
        if size is None or size < 0:
            return self.readall() or b""
        parts, left = [], size
        while left:
            part = super().read(left)
            if not part:
                break
            parts.append(part)
            left -= len(part)
        return b"".join(parts)


def _upload_all(
    settings: SeedSettings, bucket: Bucket, files: list[FilePlan], workers: int
) -> Iterator["Counter[str]"]:
    rows = sum(file.last - file.first for file in files)
    if workers <= 1 or rows < _ROWS_WORTH_A_PROCESS:
        writer, s3 = TicketWriter(settings), bucket.client() if files else None
        for file in files:
            yield upload_file(writer, bucket, s3, file, record=True)
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, (settings, bucket)) as pool:
        yield from pool.map(_work, files)


_worker: tuple[TicketWriter, Bucket, Any] | None = None


def _start_worker(settings: SeedSettings, bucket: Bucket) -> None:
    global _worker  # noqa: PLW0603 - a pool's initializer has no other place to leave its state
    _worker = (TicketWriter(settings), bucket, bucket.client())


def _work(file: FilePlan) -> "Counter[str]":
    if _worker is None:
        raise RuntimeError("The worker process was started without its initializer.")
    return upload_file(*_worker, file, record=True)


def _record_key(bucket: Bucket, name: str) -> str:
    return f"{RECORDS}{bucket.prefix}{name}.json"


def _read_records(s3: Any, bucket: Bucket) -> dict[str, dict[str, Any]]:
    """Records of what was seeded, by file name."""
    prefix = f"{RECORDS}{bucket.prefix}"
    records = {}
    for key, _ in _listed(s3, bucket.name, prefix):
        body = s3.get_object(Bucket=bucket.name, Key=key)["Body"].read()
        records[key[len(prefix) : -len(".json")]] = json.loads(body)
    return records


def _listed(s3: Any, bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            yield item["Key"], item["Size"]
