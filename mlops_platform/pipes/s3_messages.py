"""Messages of a job's attempts and children, read from S3 once and in order.

Read by the step's own thread, between two looks at the job's status: whatever goes wrong is raised in the step.
"""

import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from dagster_pipes import PIPES_PROTOCOL_VERSION_FIELD, PipesMessage

SHORTEST_PAUSE = 1.0
SECONDS_PER_LISTED_SECOND = 10.0
FETCHES_AT_ONCE, FETCHED_AHEAD = 8, 64
# The stock writer of dagster_pipes writes <prefix>/1.json, 2.json ...; ours has a prefix per child and attempt.
_KEY = re.compile(r"round=(\d+)/(?:index=(\d+)/attempt=(\d+)/)?(\d+)\.json")
STOCK = 0


@dataclass(frozen=True, order=True)
class Source:
    """Who writes: an attempt (from 1; ``STOCK`` for a writer that does not say) of a child in a round (from 1)."""

    index: int
    round: int
    attempt: int


Deliver = Callable[[Source, PipesMessage, bool], None]
"""Takes a message, its source, and whether an earlier try of this step has already shown it."""


class S3Messages:
    """The messages under ``s3://<bucket>/<base>/messages/``.

    Args:
        s3: a client of S3.
        deliver: called with each message, in the order in which its source wrote it.
        warn: called with what a user should know.
        adopted: an earlier try of this step has read some of them.
    """

    def __init__(
        self, s3: Any, bucket: str, base: str, deliver: Deliver, warn: Callable[[str], None], *, adopted: bool
    ) -> None:
        self._s3, self._bucket, self._base = s3, bucket, base
        self._deliver, self._warn = deliver, warn
        self._next: defaultdict[Source, int] = defaultdict(lambda: 1)
        self._waiting: defaultdict[Source, dict[int, str]] = defaultdict(dict)
        self._stock: dict[str, str] = {}
        self._shown = self._read_shown() if adopted else {}
        self._due = 0.0

    @property
    def pause(self) -> float:
        """Seconds until the next look is due: at least 1, and ten times what the last one took."""
        return max(0.0, self._due - time.monotonic())

    def read(self, job: object = None, *, last: bool = False) -> int:  # noqa: ARG002 - S3 says all
        """Deliver what is there and new; how many objects that were.

        Args:
            last: the job is over: what comes after a missing object is delivered too, with a warning.
        """
        started = time.monotonic()
        self._due = started + SHORTEST_PAUSE  # should this look fail
        self._list()
        ready = list(self._ready(last=last))
        for first in range(0, len(ready), FETCHED_AHEAD):
            self._hand_on(ready[first : first + FETCHED_AHEAD])
        if ready:
            self._write_shown()
        self._due = time.monotonic() + max(
            SHORTEST_PAUSE, SECONDS_PER_LISTED_SECOND * (time.monotonic() - started)
        )
        return len(ready)

    def _list(self) -> None:
        prefix = f"{self._base}/messages/"
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        for page in pages:
            for item in page.get("Contents", ()):
                match = _KEY.fullmatch(item["Key"].removeprefix(prefix))
                if match is None:
                    continue
                in_round, index, attempt, number = (int(group or 0) for group in match.groups())
                source = Source(index, in_round, attempt)
                if attempt == STOCK:
                    self._check_stock(item["Key"], item["ETag"])
                if number >= self._next[source]:
                    self._waiting[source][number] = item["Key"]

    def _check_stock(self, key: str, etag: str) -> None:
        if self._stock.setdefault(key, etag) != etag:
            self._stock[key] = etag
            self._warn(
                f"[pipes] s3://{self._bucket}/{key} was written twice: the job's message writer numbers the messages "
                "of every attempt and child from 1, so some are lost. Use platform_pipes.open_batch_pipes() there."
            )

    def _ready(self, *, last: bool) -> Iterator[tuple[Source, int, str]]:
        """What can be read: of each source the next in number. A listing can show an object before its elder."""
        for source in sorted(self._waiting):
            wanted = self._next[source]
            for number, key in sorted(self._waiting[source].items()):
                if number != wanted:
                    if not last:
                        break
                    self._warn(f"[pipes] Messages before {key} are missing.")
                yield source, number, key
                wanted = number + 1

    def _hand_on(self, chunks: list[tuple[Source, int, str]]) -> None:
        keys = [key for _, _, key in chunks]
        if len(keys) == 1:
            bodies = [self._fetch(keys[0])]
        else:
            with ThreadPoolExecutor(FETCHES_AT_ONCE, thread_name_prefix="pipes-read") as pool:
                bodies = list(pool.map(self._fetch, keys))
        for (source, number, key), body in zip(chunks, bodies, strict=True):
            shown = number <= self._shown.get(source, 0)
            for message in self._parse(key, body):
                self._deliver(source, message, shown)
            self._shown[source] = max(number, self._shown.get(source, 0))
            self._next[source] = number + 1
            del self._waiting[source][number]

    def _fetch(self, key: str) -> bytes:
        body: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return body

    def _parse(self, key: str, body: bytes) -> Iterator[PipesMessage]:
        for line in body.decode(errors="replace").split("\n"):
            try:
                message = json.loads(line)
            except ValueError:
                message = None
            if isinstance(message, dict) and PIPES_PROTOCOL_VERSION_FIELD in message:
                yield message  # type: ignore[misc]  # checked as far as the protocol says what it is
            elif line.strip():
                self._warn(f"[pipes] s3://{self._bucket}/{key} holds a line that is no message: {line[:200]}")

    def _read_shown(self) -> dict[Source, int]:
        try:
            body = self._s3.get_object(Bucket=self._bucket, Key=f"{self._base}/shown.json")["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            return {}
        return {Source(*source): number for *source, number in json.loads(body)}

    def _write_shown(self) -> None:
        """So that a later try, which reads all again, shows no line twice."""
        rows = [[s.index, s.round, s.attempt, number] for s, number in self._shown.items()]
        self._s3.put_object(
            Bucket=self._bucket, Key=f"{self._base}/shown.json", Body=json.dumps(rows).encode()
        )
