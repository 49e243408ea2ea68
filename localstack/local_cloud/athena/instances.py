"""DuckDBs kept for queries that only read Parquet: each serves one query at a time, and the next if that went well.

Opening and closing a DuckDB costs some 30 ms of CPU, more than many a query. A kept one may read S3's objects and write
below the engine's temporary folder; nothing else, for good. What a query makes in it (macros, tables) is temporary to
that query's own connection.
"""

import itertools
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from local_cloud.athena import connections

KEPT_SECONDS = 600
"""How long one is used: its limit on spilled bytes is that of the disk's free space when it was opened."""


@dataclass
class _Instance:
    database: Any
    temp: Path
    opened: float

    def close(self) -> None:
        self.database.close()
        shutil.rmtree(self.temp, ignore_errors=True)


class Instances:
    """Lends DuckDBs.

    Args:
        folder: the engine's temporary folder.
        memory_mb: what each may use.
        threads: of each.
        spill_mb: what one may write to its own temporary folder now, in MB.
    """

    def __init__(self, folder: Path, memory_mb: int, threads: int, spill_mb: Callable[[], int]) -> None:
        self._folder, self._memory_mb, self._threads, self._spill_mb = folder, memory_mb, threads, spill_mb
        self._idle: list[_Instance] = []
        self._closed = False
        self._lock = Lock()
        self._numbers = itertools.count()

    @contextmanager
    def lent(self, objects: Path) -> Iterator[Any]:
        """A connection for one query; ``objects``: the folder below which S3's objects lie.

        A DuckDB in which a query failed or was stopped is thrown away.
        """
        instance = self._take() or self._open(objects)
        connection = instance.database.cursor()
        good = False
        try:
            yield connection
            good = True
        finally:
            connection.close()
            if not (good and self._kept(instance)):
                instance.close()

    def close(self) -> None:
        """Closes those that lie idle; those lent out close when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for instance in idle:
            instance.close()

    def _take(self) -> _Instance | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _kept(self, instance: _Instance) -> bool:
        with self._lock:
            if self._closed or time.monotonic() - instance.opened > KEPT_SECONDS:
                return False
            self._idle.append(instance)
            return True

    def _open(self, objects: Path) -> _Instance:
        temp = self._folder / f"kept-{next(self._numbers)}"
        database = connections.connect(temp, self._memory_mb, self._threads, self._spill_mb())
        # What a file held would stay in memory between queries; the system's page cache does as well.
        database.execute("SET enable_external_file_cache = false")
        connections.close_doors(database, [], [str(objects), str(self._folder)])
        return _Instance(database, temp, time.monotonic())
