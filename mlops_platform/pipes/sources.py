"""Where a step reads messages from, and how Dagster's session is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import dagster as dg
from dagster import PipesMessageHandler
from dagster_pipes import PipesParams

from mlops_platform.pipes.live import Live
from mlops_platform.pipes.watcher import Job


class Messages(Protocol):
    """Where messages come from."""

    @property
    def pause(self) -> float:
        """Seconds until the next look is due."""

    def read(self, job: Job | None, *, last: bool = False) -> int:
        """Deliver what is new. ``last``: the job is over."""


class SessionReader(dg.PipesMessageReader):
    """Ties the step's own reading to Dagster's session: no thread, no parameters but those of the round."""

    def __init__(self, live: Live, where: str) -> None:
        self._live, self._where = live, where

    @contextmanager
    def read_messages(self, handler: PipesMessageHandler) -> Iterator[PipesParams]:
        """The session is open."""
        self._live.start(handler)
        yield {}

    @property
    def expected_writer_count(self) -> int:
        """One: ``Live`` passes one ``closed`` on, for all attempts and children."""
        return 1

    def no_messages_debug_text(self) -> str:
        """Where messages were looked for."""
        return f"Messages were looked for in {self._where}."


class Both:
    """Messages through S3, and the log's lines beside them."""

    def __init__(self, first: Messages, second: Messages) -> None:
        self._parts = (first, second)

    @property
    def pause(self) -> float:
        """Seconds until one of both is due."""
        return min(part.pause for part in self._parts)

    def read(self, job: Job | None, *, last: bool = False) -> int:
        """Read those that are due."""
        return sum(part.read(job, last=last) for part in self._parts if last or part.pause <= 0)
