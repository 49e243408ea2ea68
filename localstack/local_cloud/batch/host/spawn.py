"""Starting a job's first process: its own group, its own folder, its output into a pipe."""

import contextlib
import errno
import os
import queue
import resource
import shutil
import signal
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

_DEFAULTED = [signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP, signal.SIGXFSZ]
_PREFIX = (
    "CannotStartContainerError: Error response from daemon: failed to create task for container: failed to "
    "create shim task: OCI runtime create failed: runc create failed: unable to start container process: "
)


class StartError(Exception):
    """The program cannot be started; the text is the container's reason, in Docker's words."""


def start(spec: Mapping[str, Any], output: int) -> int:
    """The pid of a process in a group of its own, in its own folder.

    The host's own working directory changes: posix_spawn has no way to name another.

    Raises:
        StartError: no such program, not executable, or not a program at all.
    """
    argv, env = spec["argv"], spec["env"]
    enter(spec["cwd"])
    try:
        pid = os.posix_spawn(
            program(argv[0], env.get("PATH", os.defpath)),
            argv,
            env,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, output, 2),
            ],
            setpgroup=0,
            setsigmask=[],
            setsigdef=_DEFAULTED,
        )
    except OSError as error:
        raise cannot_start(argv[0], error) from error
    for name, (soft, hard) in spec.get("limits", {}).items():
        resource.prlimit(pid, getattr(resource, f"RLIMIT_{name}"), (soft, hard))
    return pid


def enter(folder: str) -> None:
    """Make a folder and go there."""
    try:
        os.mkdir(folder)  # noqa: PTH102 - the hot path
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103
    except FileExistsError:
        pass
    os.chdir(folder)


def remove_folders(left: "queue.SimpleQueue[str]") -> None:
    """Remove jobs' folders with what they hold, for ever; a thread's work, for a disk that is syncing makes it slow."""
    while True:
        folder = left.get()
        try:
            os.rmdir(folder)  # noqa: PTH106 - mostly empty, and there are thousands
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)


def offer_to_the_oom_killer() -> None:
    """Have the kernel, when memory runs out, end jobs before anything else on the machine (Linux).

    Set once for the host: its children inherit it, and the largest of all these is the one that is ended.
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


@lru_cache(maxsize=256)
def program(name: str, path: str) -> str:
    """The file a command names, as execvp finds it.

    Raises:
        FileNotFoundError: there is none.
    """
    if "/" in name:
        return name
    found = shutil.which(name, path=path)
    if found is None:
        raise FileNotFoundError(errno.ENOENT, name)
    return found


def cannot_start(name: str, error: OSError) -> StartError:
    """Docker's words for a program that cannot be started."""
    if error.errno == errno.ENOENT:
        words = "no such file or directory" if "/" in name else "executable file not found in $PATH"
    elif error.errno == errno.EACCES:
        words = "permission denied"
    elif error.errno == errno.ENOEXEC:
        words = "exec format error"
    else:
        words = (error.strerror or str(error)).lower()
    quoted = f'"{name}": {words}' if "/" not in name else f'"{name}": stat {name}: {words}'
    return StartError(f"{_PREFIX}exec: {quoted}: unknown")
