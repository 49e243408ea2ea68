"""Starting a job's first process: its own group, its own folder, its output into a pipe."""

import errno
import os
import resource
import shutil
import signal
from collections.abc import Mapping
from functools import lru_cache
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
    protect(pid)
    for name, (soft, hard) in spec.get("limits", {}).items():
        resource.prlimit(pid, getattr(resource, f"RLIMIT_{name}"), (soft, hard))
    return pid


def enter(folder: str) -> None:
    """Make a folder and go there."""
    os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - the hot path
    os.chdir(folder)


def protect(pid: int) -> None:
    """Have the kernel, when memory runs out, end jobs before anything else on the machine (Linux)."""
    try:
        with open(f"/proc/{pid}/oom_score_adj", "w") as file:  # noqa: PTH123 - the hot path
            file.write("1000")
    except OSError:
        return  # already over, or no Linux: only an extra


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
