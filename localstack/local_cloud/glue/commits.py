"""Commits of killed jobs: finished by ``local_glue.commits`` before the run is over, or at the next start."""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from local_cloud.cloud import Cloud
from local_cloud.glue.launch import RUNTIME, environment

log = logging.getLogger(__name__)
RETRY_LATER = 75  # local_glue.commits.RETRY_LATER
RETRY_SECONDS = 0.1


class Commits:
    """What jobs noted in ``<state_dir>/glue/runs/<run>/commits/``; ``settled``: none of a killed job is open."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._lock, self._open = threading.Lock(), 0
        self.settled = threading.Event()
        self.settled.set()

    def recover(self, closing: Callable[[], bool]) -> None:
        """Finish what was cut off with the local cloud itself, in a thread, as soon as S3 answers."""
        runs = self._cloud.state_dir / "glue" / "runs"
        folders = sorted({note.parents[1] for note in runs.glob("*/commits/*.json")})
        self._count(len(folders))

        def work() -> None:
            for folder in folders:
                try:
                    self.finish(folder, closing)
                finally:
                    self._count(-1)

        if folders:
            threading.Thread(target=work, name="glue-commits", daemon=True).start()

    def wait(self, closing: Callable[[], bool]) -> bool:
        """Until no commit of a killed job is open; False if the local cloud is closing."""
        while not self.settled.wait(RETRY_SECONDS):
            if closing():
                return False
        return True

    def finish(self, folder: Path, closing: Callable[[], bool]) -> None:
        """Finish the commits of a run whose process is gone; what cannot be is logged, the next start tries again."""
        if not any(folder.glob("commits/*.json")):
            return
        self._count(1)
        try:
            self._finish(folder, closing)
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._lock:
            self._open += change
            (self.settled.clear if self._open else self.settled.set)()

    def _finish(self, folder: Path, closing: Callable[[], bool]) -> None:
        command = [sys.executable, "-m", "local_glue.commits", str(folder)]
        settings = environment(self._cloud, "5.0", folder) | {"PYTHONPATH": str(RUNTIME)}
        while not closing():
            done = subprocess.run(
                command, env=settings, cwd=folder, capture_output=True, text=True, check=False
            )
            if done.returncode == 0:
                return
            if done.returncode != RETRY_LATER:
                log.error(
                    "A commit of Glue job run %s cannot be finished: %s", folder.name, done.stderr[-2000:]
                )
                return
            time.sleep(RETRY_SECONDS)
