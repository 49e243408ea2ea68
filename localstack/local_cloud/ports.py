"""TCP ports: taking one, and telling who holds it."""

import contextlib
import os
import socket
from pathlib import Path

from local_cloud.settings import HOST

_LISTEN = "0A"


def owner(port: int) -> str:
    """The program listening on a port in words: its command and pid where the system tells."""
    pid = owner_pid(port)
    if pid is None:
        return "another program"
    return f"{command(pid) or 'a program'} (pid {pid})"


def owner_pid(port: int) -> int | None:
    """The pid of the process listening on a port; None where the system does not tell."""
    inodes = _listening_inodes(port)
    if not inodes:
        return None
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if os.readlink(descriptor) in wanted:  # noqa: PTH115 - not a path
                        return int(process.name)
    return None


def command(pid: int) -> str:
    """A process's command line, shortened; empty when it is gone."""
    with contextlib.suppress(OSError):
        return (
            Path(f"/proc/{pid}/cmdline")
            .read_bytes()
            .replace(b"\0", b" ")
            .decode(errors="replace")
            .strip()[:120]
        )
    return ""


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(fields[9])
    return inodes


def listen(port: int) -> socket.socket:
    """A bound socket on loopback.

    Raises:
        OSError: the port is taken, or not for this user.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((HOST, port))
    except OSError:
        sock.close()
        raise
    return sock


def is_free(port: int) -> bool:
    """Whether ``listen`` would succeed."""
    try:
        listen(port).close()
    except OSError:
        return False
    return True
