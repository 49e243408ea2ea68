"""What the host knows of a running attempt."""

import contextlib
import os
import signal
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Task:
    """One attempt of one job.

    Attributes:
        key: the scheduler's number for it.
        spec: what to run: ``argv``, ``env``, ``cwd``, ``memory`` (MiB), ``warm`` (a warm start's terms, or None).
        pid: of its first process, which leads its process group; 0 until it is known.
        pipe: where the host reads its output; -1 once closed.
        printed: bytes of output so far.
        kill_at: the moment (monotonic seconds) SIGKILL follows SIGTERM; None when nobody asked it to end.
        reason: the container's reason for its end, where the host ended it for one.
        peak_kib: the most memory seen, KiB.
        started: monotonic seconds.
        watched: whether the loop listens to its pipe.
    """

    key: int
    spec: dict[str, Any]
    pid: int = 0
    pipe: int = -1
    printed: int = 0
    kill_at: float | None = None
    reason: str = ""
    peak_kib: int = 0
    started: float = 0.0
    watched: bool = False

    def signal(self, number: int) -> None:
        """Signal the whole process group."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def kill(self, reason: str = "") -> None:
        """End the group at once."""
        self.reason = self.reason or reason
        self.signal(signal.SIGKILL)
