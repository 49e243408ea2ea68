"""Child processes that never outlive the local cloud.

``popen`` starts a program in its own process group and has the kernel signal it when the local cloud
dies, however it dies (Linux: PR_SET_PDEATHSIG). Two traps are dealt with here:

- the kernel sends that signal when the *thread* that forked exits, not the process; so every start is
  made by one thread that lives as long as the process.
- setting it needs code between fork and exec. ``preexec_fn`` may deadlock in a threaded program, so this file
  itself runs as a small launcher (``python processes.py ...``) that sets it and execs the program.

A child's own children get no such signal. Every child carries ``LOCAL_CLOUD_INSTANCE`` in its environment,
and ``end_leftovers`` ends what a killed instance left behind. Where there is no /proc (macOS) neither exists,
and a killed local cloud leaves its children to be ended by hand.
"""

import contextlib
import ctypes
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

INSTANCE_VARIABLE = "LOCAL_CLOUD_INSTANCE"
_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000

_requests: "queue.Queue[tuple[list[str], dict[str, Any], queue.Queue[Any]]]" = queue.Queue()
_spawner_lock = threading.Lock()
_spawner: threading.Thread | None = None


def popen(
    args: Sequence[str | Path],
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    stdout: int | IO[bytes] | None = None,
    *,
    stderr: int | IO[bytes] | None = subprocess.STDOUT,
    death_signal: signal.Signals = signal.SIGTERM,
    run_as: str = "",
) -> "subprocess.Popen[bytes]":
    """Starts a program that dies with this process.

    Args:
        args: the program and its arguments; no shell is involved.
        env: its whole environment (default: this process's), to which the instance's mark is added.
        cwd: its working directory.
        stdout: as for subprocess; ``stderr`` joins it unless given.
        death_signal: what the kernel sends it when this process is gone.
        run_as: ``"<uid>:<gid>"`` to switch to, or ``"namespace:<uid>"`` for that uid in a user namespace.

    Raises:
        OSError: the program cannot be started.
    """
    launcher = [sys.executable, "-I", "-S", str(Path(__file__).resolve())]
    command = [*launcher, str(os.getpid()), str(int(death_signal)), run_as or "-", *map(str, args)]
    options: dict[str, Any] = {
        "env": dict(os.environ if env is None else env) | {INSTANCE_VARIABLE: instance_mark()},
        "cwd": cwd,
        "stdin": subprocess.DEVNULL,
        "stdout": stdout,
        "stderr": stderr,
        "process_group": 0,
    }
    answer: queue.Queue[Any] = queue.Queue()
    _start_spawner()
    _requests.put((command, options, answer))
    result = answer.get()
    if isinstance(result, BaseException):
        raise result
    assert isinstance(result, subprocess.Popen)  # noqa: S101 - narrows the type for the checker
    return result


def end(
    process: "subprocess.Popen[bytes]", grace_seconds: float = 5.0, first: signal.Signals = signal.SIGTERM
) -> int:
    """Ends a child and its whole process group: ``first``, then SIGKILL after the grace. Its return code."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, first)
    try:
        process.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        pass
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def instance_mark(state_dir: str | Path | None = None) -> str:
    """What marks the children of one instance: its state folder."""
    return str(state_dir or os.environ.get("LOCAL_CLOUD_DIR") or "-")


def end_leftovers(state_dir: str | Path, grace_seconds: float = 2.0) -> list[int]:
    """Kills children that an instance on this state folder left behind when it was killed. Their pids.

    Only call while holding the folder's instance lock: then no living instance owns them. Those that got the
    kernel's signal are given a moment to end by themselves (PostgreSQL flushes), then all are killed.
    """
    deadline = time.monotonic() + grace_seconds
    while time.monotonic() < deadline and _marked(state_dir):
        time.sleep(0.05)
    ended = _marked(state_dir)
    for pid in ended:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return ended


def _marked(state_dir: str | Path) -> list[int]:
    wanted = f"{INSTANCE_VARIABLE}={instance_mark(state_dir)}".encode()
    found: list[int] = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # A zombie's environment is empty: it is gone but for its parent's wait.
            if wanted in (entry / "environ").read_bytes().split(b"\0") and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


def _start_spawner() -> None:
    global _spawner  # noqa: PLW0603 - one thread per process, started on first use
    with _spawner_lock:
        if _spawner is None or not _spawner.is_alive():
            _spawner = threading.Thread(target=_spawn_loop, name="local-cloud-spawner", daemon=True)
            _spawner.start()


def _spawn_loop() -> None:
    while True:
        command, options, answer = _requests.get()
        try:
            answer.put(subprocess.Popen(command, **options))
        except Exception as error:  # noqa: BLE001 - handed to the caller, who raises it
            answer.put(error)


def _launch(parent: int, death_signal: int, run_as: str, args: list[str]) -> None:
    """The launcher: switch user, tie this process's life to the parent's, become the program."""
    libc = ctypes.CDLL(None, use_errno=True)
    if run_as.startswith("namespace:"):
        _enter_user_namespace(libc, int(run_as.partition(":")[2]))
    elif run_as != "-":
        uid, gid = map(int, run_as.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)  # clears PDEATHSIG, hence before it
    if sys.platform == "linux":
        if libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
        if os.getppid() != parent:
            sys.exit(f"The process that started {args[0]} is gone.")
    os.execvp(args[0], args)  # noqa: S606 - no shell


def _enter_user_namespace(libc: ctypes.CDLL, uid: int) -> None:
    """Appear as ``uid`` while files stay those of the calling user (PostgreSQL refuses to run as root)."""
    outer_uid, outer_gid = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWUSER)")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {outer_uid} 1")
    Path("/proc/self/gid_map").write_text(f"{uid} {outer_gid} 1")


if __name__ == "__main__":
    _launch(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
