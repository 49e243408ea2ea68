"""The scheduler's end of the host: starting it, talking to it, cleaning up behind it."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from local_cloud import processes
from local_cloud.batch.host.lines import Lines

HOST_MARK = "LOCAL_CLOUD_BATCH_HOST"
"""Variable in the environment of a host and of all its jobs: which host's they are."""
_PACKAGES = Path(__file__).parents[2]


class Link:
    """One host and the connections to it."""

    def __init__(self, state_dir: Path) -> None:
        self.instance = f"i-{secrets.token_hex(9)[:17]}"
        self._state_dir = state_dir
        ours, theirs = zip(*(socket.socketpair() for _ in range(2)), strict=True)
        for end in theirs:
            end.set_inheritable(True)
        control, self.output = ours
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-m", "local_cloud.batch.host", *(str(end.fileno()) for end in theirs)],
            stdin=subprocess.DEVNULL,
            env={**os.environ, **self.marks, "PYTHONPATH": str(_PACKAGES), "PYTHONDONTWRITEBYTECODE": "1"},
            pass_fds=[end.fileno() for end in theirs],
            start_new_session=True,
            cwd="/",
        )
        for end in theirs:
            end.close()
        self.lines = Lines(control)

    @property
    def marks(self) -> dict[str, str]:
        """What every process of this host has in its environment."""
        return {
            processes.INSTANCE_VARIABLE: processes.instance_mark(self._state_dir),
            HOST_MARK: self.instance,
        }

    @property
    def pid(self) -> int:
        """The host's."""
        return self._process.pid

    def start(self, spec: dict[str, Any]) -> None:
        """Have a process started."""
        spec["env"] |= self.marks
        self.lines.send(["start", spec])

    def stop(self, key: int, grace: float) -> None:
        """SIGTERM to an attempt's processes, SIGKILL after ``grace`` seconds."""
        self.lines.send(["stop", key, grace])

    def close(self) -> None:
        """End the host, and whatever it left: when this returns none of its processes lives."""
        self.lines.socket.close()
        with contextlib.suppress(OSError):  # the reader of the output may be in the middle of it
            self.output.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._sweep()

    def _sweep(self) -> None:
        mark = f"{HOST_MARK}={self.instance}".encode()
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    os.kill(int(entry.name), signal.SIGKILL)
