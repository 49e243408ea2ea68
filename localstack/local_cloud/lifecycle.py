"""Starting, stopping and looking after the local cloud's server process: one per state folder."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from local_cloud import ports, state_folder
from local_cloud.settings import HOST, Settings
from local_cloud.state_folder import LifecycleError

START_SECONDS = 60.0
STOP_SECONDS = float(os.environ.get("LOCAL_CLOUD_STOP_SECONDS") or 30)
"""How long a server may take for its last checkpoint and its children before it is killed."""
RELEASE_SECONDS = 2.0
HEALTH_SECONDS = float(os.environ.get("LOCAL_CLOUD_HEALTH_SECONDS") or 5)
"""How long a server may take to answer before it counts as half dead."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Daemon:
    """The server process recorded in a state folder."""

    pid: int
    port: int
    born: str

    def alive(self) -> bool:
        """Whether that very process (not another that got its pid) still runs."""
        return bool(self.born) and _born(self.pid) == self.born


def up(settings: Settings, say: Say = lambda _: None) -> dict[str, Any]:
    """Makes sure the local cloud runs and is healthy; returns its health document.

    However many processes call this at once, one starts it and the others wait for it.

    Raises:
        LifecycleError: it cannot run; the message names the reason and the way out.
    """
    state_folder.prepare(settings)
    with _exclusively(settings.dir / "up.lock", say):
        daemon = recorded(settings)
        if daemon is not None and daemon.alive():
            health = _adopt(settings, daemon, say)
            if health is not None:
                return health
        _refuse_taken_port(settings)
        return _start(settings, say)


def _adopt(settings: Settings, daemon: Daemon, say: Say) -> dict[str, Any] | None:
    """The health of the running server; None when it was half dead and has been ended."""
    if daemon.port != settings.port:
        raise LifecycleError(
            f"{settings.dir} is in use by a local cloud on port {daemon.port} (pid {daemon.pid}). Use that "
            f"port (LOCAL_CLOUD_PORT={daemon.port}), stop it first "
            "(python -m local_cloud down), or give this one its own LOCAL_CLOUD_DIR."
        )
    health = health_of(settings.port)
    if health is None:
        say(f"The local cloud (pid {daemon.pid}) does not answer on port {daemon.port}; replacing it.")
        _end(daemon)
        return None
    return _await_postgres(settings, health)


def _start(settings: Settings, say: Say) -> dict[str, Any]:
    log = settings.dir / "local_cloud.log"
    state_folder.probe_write(settings.dir)
    with log.open("ab") as output:
        start_of_log = output.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "local_cloud", "serve"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
            env=os.environ | settings.environment() | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
    say(f"Starting the local cloud on {settings.endpoint_url} ...")
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        health = health_of(settings.port, timeout=1.0)
        if health is not None and health["pid"] == process.pid:
            return _await_postgres(settings, health)
        if process.poll() is not None:
            raise LifecycleError(
                f"The local cloud ended while starting (exit {process.returncode}):\n"
                f"{_tail(log, start_of_log)}\nThe whole log is {log}."
            )
        time.sleep(0.05)
    process.kill()
    raise LifecycleError(
        f"The local cloud did not answer within {START_SECONDS:g} s and was ended. See {log}:\n"
        f"{_tail(log, start_of_log)}"
    )


def _await_postgres(settings: Settings, health: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + START_SECONDS
    while health["postgres"] == "starting" and time.monotonic() < deadline:
        time.sleep(0.05)
        health = health_of(settings.port) or health
    if health["postgres"].startswith("failed"):
        down(settings)
        raise LifecycleError(f"PostgreSQL {health['postgres']}")
    return health


def _refuse_taken_port(settings: Settings) -> None:
    # A killed server's last threads may hold the port for a moment after its pid counts as gone.
    deadline = time.monotonic() + RELEASE_SECONDS
    while not ports.is_free(settings.port) and ports.owner_pid(settings.port) is None:
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    try:
        ports.listen(settings.port).close()
    except PermissionError as error:
        raise LifecycleError(
            f"Port {settings.port} may not be opened by this user; set LOCAL_CLOUD_PORT to 1024 or above."
        ) from error
    except OSError as error:
        other = health_of(settings.port, timeout=1.0)
        who = (
            f"the local cloud of {other['dir']} (pid {other['pid']})" if other else ports.owner(settings.port)
        )
        raise LifecycleError(
            f"Port {settings.port} is taken by {who}. Stop it, or set LOCAL_CLOUD_PORT to a free port."
        ) from error


def serve(settings: Settings) -> None:
    """Runs the server in the foreground.

    Raises:
        LifecycleError: another server holds the folder or the port, or the folder cannot be used.
    """
    from local_cloud import serve as server

    state_folder.prepare(settings)
    with (settings.dir / "instance.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            running = recorded(settings)
            where = f" (pid {running.pid}, port {running.port})" if running else ""
            raise LifecycleError(f"{settings.dir} is in use by another local cloud{where}.") from error
        _refuse_taken_port(settings)
        record = {"pid": os.getpid(), "port": settings.port, "born": _born(os.getpid())}
        state_folder.write_whole(_record_file(settings), json.dumps(record))
        server.run(settings, ports.listen(settings.port))
        _record_file(settings).unlink(missing_ok=True)


def down(settings: Settings) -> bool:
    """Stops the server politely (last checkpoint, children ended); False when none ran.

    Raises:
        LifecycleError: it does not end.
    """
    daemon = recorded(settings)
    if daemon is None or not daemon.alive():
        _record_file(settings).unlink(missing_ok=True)
        return False
    _end(daemon)
    _record_file(settings).unlink(missing_ok=True)
    return True


def reset(settings: Settings) -> None:
    """Stops the server and deletes the state folder, if it is marked as a local cloud's.

    Raises:
        LifecycleError: the folder is not a local cloud's.
    """
    state_folder.check_marked(settings.dir)
    down(settings)
    shutil.rmtree(settings.dir)


def recorded(settings: Settings) -> Daemon | None:
    """The server the folder knows of, dead or alive. A record that makes no sense counts as none."""
    try:
        record = json.loads(_record_file(settings).read_text())
        return Daemon(int(record["pid"]), int(record["port"]), str(record["born"]))
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None


def health_of(port: int, timeout: float = HEALTH_SECONDS) -> dict[str, Any] | None:
    """What answers on a port, if it is a local cloud in good health."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{HOST}:{port}/_local_cloud/health", timeout=timeout) as response:
            health = json.load(response)
    except (OSError, ValueError):
        return None
    return health if isinstance(health, dict) and health.get("status") == "ok" and "pid" in health else None


def control(settings: Settings, service: str, command: str, argument: str) -> dict[str, Any]:
    """Have an engine of the running server do what AWS has no operation for; its answer.

    Raises:
        LifecycleError: the server does not run, or the engine refuses; the message says why.
    """
    path = "/".join(urllib.parse.quote(part, safe=":") for part in (service, command, argument))
    url = f"{settings.endpoint_url}/_local_cloud/control/{path}"
    request = urllib.request.Request(url, data=b"", method="POST")  # noqa: S310 - our own loopback address
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=START_SECONDS) as response:
            return dict(json.load(response))
    except urllib.error.HTTPError as error:
        raise LifecycleError(str(json.load(error)["message"])) from None
    except OSError as error:
        raise LifecycleError(
            f"The local cloud does not answer on {settings.endpoint_url} ({error}). "
            "Start it with `python -m local_cloud up`."
        ) from None


def _end(daemon: Daemon) -> None:
    """SIGTERM, then SIGKILL; never a process that is not the one recorded."""
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5.0)):
        if daemon.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(daemon.pid, number)
        deadline = time.monotonic() + seconds
        while daemon.alive() and time.monotonic() < deadline:
            time.sleep(0.02)
    if daemon.alive():
        raise LifecycleError(f"The local cloud (pid {daemon.pid}) does not end; `kill -9 {daemon.pid}` it.")


def _born(pid: int) -> str:
    """When a local cloud's server process started, or an empty text if the pid is none (or a zombie)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        command = ports.command(pid)
    except OSError:
        if Path("/proc/self").exists():
            return ""
        # macOS has no /proc
        shown = subprocess.run(
            ["ps", "-o", "lstart=,command=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        return shown.stdout[:24] if "local_cloud" in shown.stdout else ""
    return stat[19] if "local_cloud" in command and stat[0] != "Z" else ""


def _record_file(settings: Settings) -> Path:
    return settings.dir / "server.json"


def _tail(log: Path, start: int) -> str:
    return log.read_bytes()[start:].decode(errors="replace")[-2000:].strip()


@contextlib.contextmanager
def _exclusively(path: Path, say: Say) -> Iterator[IO[str]]:
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another process is starting the local cloud; waiting for it ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
