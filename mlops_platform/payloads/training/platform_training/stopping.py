"""How a job ends early and is taken up again.

AWS Batch sends SIGTERM 30 seconds before SIGKILL when a job is terminated or its instance is taken back
(https://docs.aws.amazon.com/batch/latest/userguide/job_timeouts.html). The handler only notes it; the work
in hand stops at its next safe place, saves, and exits with EXIT_RESUME, which RETRY_STRATEGY retries.
"""

import os
import signal
import threading
from types import FrameType
from typing import Any

EXIT_RESUME = 143  # 128 + SIGTERM: what a shell reports for a process that SIGTERM ended
EXIT_REFUSED = 2  # TrainingError: wrong input, the same again next time

# `retryStrategy` of a job definition that runs this package. Rules are tried in order; the last one keeps
# Batch's "no match means retry" from repeating a job that can never succeed.
RETRY_STRATEGY: dict[str, Any] = {
    "attempts": 5,
    "evaluateOnExit": [
        {"onReason": "OutOfMemoryError*", "action": "EXIT"},
        {"onStatusReason": "Host EC2*", "action": "RETRY"},
        {"onExitCode": str(EXIT_RESUME), "action": "RETRY"},
        {"onExitCode": "137", "action": "RETRY"},
        {"onReason": "*", "action": "EXIT"},
    ],
}

_asked = threading.Event()


class StopRequested(SystemExit):
    """The job was asked to stop and has saved what it had; ends the process with EXIT_RESUME."""

    def __init__(self) -> None:
        super().__init__(EXIT_RESUME)


def install() -> None:
    """Notes SIGTERM from now on. Call it before the first heavy import: importing torch takes seconds, in
    which the signal's default would end the process as a failure.
    """
    _asked.clear()
    signal.signal(signal.SIGTERM, _note)


def _note(number: int, frame: FrameType | None) -> None:
    del frame
    note()
    os.write(2, f"Signal {number}: stopping at the next safe place.\n".encode())


def note() -> None:
    """Asks this process to stop."""
    _asked.set()


def forget() -> None:
    """Takes the request back, for a process that goes on to other work."""
    _asked.clear()


def asked() -> bool:
    """True once SIGTERM has come."""
    return _asked.is_set()


def check() -> None:
    """Ends the process here if SIGTERM has come and nothing needs saving.

    Raises:
        StopRequested: SIGTERM has come.
    """
    if asked():
        raise StopRequested
