"""Memory and process counts of process groups, from /proc: one pass over all processes a tick.

A group's memory is first estimated from resident pages, cheap but counting shared pages once a process. Only a group
over its limit by that estimate is measured exactly (proportional shares, ``smaps_rollup``) before it is ended.
Where there is no /proc (macOS) nothing is watched.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from local_cloud.batch.host.tasks import Task

OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


@dataclass(slots=True)
class Group:
    """The processes of one group and their resident memory, KiB."""

    pids: list[int] = field(default_factory=list)
    resident: int = 0


def enforce(tasks: Iterable[Task], most_processes: int) -> None:
    """End every group that takes more memory than its job may, or more processes than any job may."""
    found = groups({task.pid for task in tasks if task.pid})
    for task in tasks:
        group = found.get(task.pid)
        if group is None:
            continue
        limit = task.spec["memory"] * 1024
        if group.resident > limit and (exact := _proportional(group.pids)) > limit:
            task.peak_kib = max(task.peak_kib, exact)
            task.kill(OUT_OF_MEMORY)
        elif len(group.pids) > most_processes:
            task.kill(f"The job had {len(group.pids)} processes; a job may have {most_processes}.")
        task.peak_kib = max(task.peak_kib, min(group.resident, limit))


def groups(wanted: set[int]) -> dict[int, Group]:
    """The wanted process groups by their id."""
    found: dict[int, Group] = {}
    try:
        names = os.listdir("/proc")  # noqa: PTH208 - read ten times a second
    except FileNotFoundError:
        return found
    for name in names:
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - read ten times a second
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        leader = int(fields[2])
        if leader in wanted:
            group = found.setdefault(leader, Group())
            group.pids.append(int(name))
            group.resident += int(fields[21]) * _PAGE_KIB
    return found


def _proportional(pids: list[int]) -> int:
    """KiB, each shared page divided among the processes that map it."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as file:  # noqa: PTH123
                total += sum(int(line.split()[1]) for line in file if line.startswith(b"Pss:"))
        except OSError:
            continue
    return total


def kernel_ooms() -> int:
    """How many processes the kernel has ended because memory ran out."""
    try:
        with open("/proc/vmstat", "rb") as file:  # noqa: PTH123
            return next((int(line.split()[1]) for line in file if line.startswith(b"oom_kill ")), 0)
    except OSError:
        return 0
