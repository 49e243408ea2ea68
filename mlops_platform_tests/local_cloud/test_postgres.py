"""PostgreSQL of the local cloud: there after a start, still right after kill -9, with clear errors."""

import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from local_cloud.postgres import PostgresError, connection_info
from local_cloud.settings import Settings

from mlops_platform_tests.fixtures_cloud import RunningCloud, free_port, running


def _settings(cloud: RunningCloud) -> Settings:
    return Settings(dir=cloud.dir, port=cloud.port, postgres_port=cloud.postgres_port)


@contextlib.contextmanager
def _connected(cloud: RunningCloud) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    info = connection_info(_settings(cloud))
    with psycopg.connect(
        host=info["host"],
        port=info["port"],
        user=info["username"],
        password=info["password"],
        dbname=info["dbname"],
    ) as connection:
        yield connection


def test_it_is_there_with_its_database(local_cloud: RunningCloud) -> None:
    with _connected(local_cloud) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("support",)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
        assert connection.execute("SELECT 'ü' < 'v', upper('ü')").fetchone() is not None


def test_the_password_is_asked_for_and_private(local_cloud: RunningCloud) -> None:
    info = connection_info(_settings(local_cloud))
    mode = (local_cloud.dir / "postgres" / "password").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(
            host=info["host"], port=info["port"], user=info["username"], password="wrong", dbname="support"
        )


def test_it_survives_kill_9(tmp_path: Path) -> None:
    with running(tmp_path / "state", postgres_port=free_port()) as cloud:
        with _connected(cloud) as connection:
            connection.execute("CREATE TABLE kept (n int)")
            connection.execute("INSERT INTO kept SELECT generate_series(1, 1000)")
        password = connection_info(_settings(cloud))["password"]
        for _ in range(2):
            cloud.kill9()
            cloud.up()
            assert connection_info(_settings(cloud))["password"] == password
            with _connected(cloud) as connection:
                assert connection.execute("SELECT count(*), sum(n) FROM kept").fetchone() == (1000, 500500)


def test_a_killed_server_process_with_a_stale_pid_file_comes_back(tmp_path: Path) -> None:
    with running(tmp_path / "state", postgres_port=free_port()) as cloud:
        pid_file = cloud.dir / "postgres" / "data" / "postmaster.pid"
        stale = pid_file.read_text()
        cloud.command("down")
        assert not pid_file.exists()
        # The pid in it now belongs to this very process, which is no PostgreSQL.
        pid_file.write_text("\n".join([str(os.getpid()), *stale.splitlines()[1:]]) + "\n")
        cloud.up()
        with _connected(cloud) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", 0))
        foreign.listen()
        cloud = RunningCloud(tmp_path / "state", postgres_port=foreign.getsockname()[1])
        done = cloud.command("up", check=False)
        assert done.returncode == 1
        assert f"port {cloud.postgres_port} is taken by" in done.stderr
        assert f"(pid {os.getpid()})" in done.stderr
        assert "LOCAL_CLOUD_POSTGRES_PORT" in done.stderr
        assert cloud.command("status", check=False).returncode == 1


def test_an_external_server_is_used_instead(tmp_path: Path, local_cloud: RunningCloud) -> None:
    info = connection_info(_settings(local_cloud))
    dsn = f"postgresql://{info['username']}:{info['password']}@{info['host']}:{info['port']}/support"
    assert connection_info(Settings(dir=tmp_path, postgres_dsn=dsn)) == info
    with running(
        tmp_path / "state", postgres_port=free_port(), env={"LOCAL_CLOUD_POSTGRES_DSN": dsn}
    ) as cloud:
        assert "postgres     external" in cloud.command("status").stdout
        assert not (cloud.dir / "postgres").exists()


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PostgresError, match="never started"):
        connection_info(Settings(dir=tmp_path))
    with pytest.raises(PostgresError, match="no PostgreSQL runs"):
        connection_info(Settings(dir=tmp_path, postgres_port=0))
    with pytest.raises(PostgresError, match="not a connection string"):
        connection_info(Settings(dir=tmp_path, postgres_dsn="hello there"))
