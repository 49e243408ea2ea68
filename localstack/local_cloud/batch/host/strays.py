"""Processes that left their job's group: as on AWS they end with the job's first process.

The host is a child subreaper (Linux): whoever daemonises becomes the host's child, where it can be seen.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Container, Iterable

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Have the kernel hand this process its orphaned descendants (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end(known: Container[int], living: Iterable[tuple[str, str]]) -> None:
    """Kill adopted processes, but those of jobs that still run.

    Args:
        known: pids of the host's own children.
        living: (job id, attempt) of the jobs that run.
    """
    strays = [pid for pid in _children() if pid not in known]
    if not strays:
        return
    marks = [{f"AWS_BATCH_JOB_ID={job}".encode(), f"AWS_BATCH_JOB_ATTEMPT={n}".encode()} for job, n in living]
    for pid in strays:
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123 - at the end of every job
                environment = set(file.read().split(b"\0"))
            if not any(mark <= environment for mark in marks):
                os.kill(pid, signal.SIGKILL)
        except OSError:
            continue


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", "rb") as file:  # noqa: PTH123
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []
