"""`up`, `down`, `status`, `reset`, `logs`: alone, together, and when something is wrong."""

import errno
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from local_cloud import state_folder
from local_cloud.settings import Settings

from mlops_platform_tests.fixtures_cloud import RunningCloud, free_port, running


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[RunningCloud]:
    made = RunningCloud(tmp_path / "state")
    yield made
    made.command("down", check=False)


def _servers(cloud: RunningCloud) -> list[int]:
    """The pids of every server process on this cloud's folder."""
    mark = f"LOCAL_CLOUD_DIR={cloud.dir}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
            if command[1:4] == [b"-m", b"local_cloud", b"serve"] and mark in (
                process / "environ"
            ).read_bytes().split(b"\0"):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def test_eight_ups_at_once_start_one_server(cloud: RunningCloud) -> None:
    with ThreadPoolExecutor(8) as pool:
        outputs = list(pool.map(lambda _: cloud.command("up"), range(8)))
    assert {done.stdout for done in outputs} == {cloud.endpoint_url + "\n"}
    assert _servers(cloud) == [cloud.pid]
    assert any("waiting" in done.stderr for done in outputs)


def test_up_again_changes_nothing_and_down_ends_everything(cloud: RunningCloud) -> None:
    cloud.up()
    pid = cloud.pid
    cloud.up()
    assert cloud.pid == pid
    assert cloud.command("down").stdout == "Stopped.\n"
    assert _servers(cloud) == []
    assert "No local cloud runs" in cloud.command("down").stdout


def test_it_starts_quickly_and_stays_small(cloud: RunningCloud) -> None:
    began = time.monotonic()
    cloud.up()
    took = time.monotonic() - began
    resident = next(
        int(line.split()[1])
        for line in Path(f"/proc/{cloud.pid}/status").read_text().splitlines()
        if line.startswith("VmRSS")
    )
    assert took < 10, f"{took:.1f} s (about 1.2 s on an idle machine)"
    assert resident < 120_000, f"{resident} kB"


def test_a_port_taken_by_another_program_is_named(cloud: RunningCloud) -> None:
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", cloud.port))
        foreign.listen()
        done = cloud.command("up", check=False)
    assert done.returncode == 1
    assert f"Port {cloud.port} is taken by" in done.stderr
    assert f"(pid {os.getpid()})" in done.stderr
    assert "LOCAL_CLOUD_PORT" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_taken_by_another_local_cloud_is_told_apart(cloud: RunningCloud, tmp_path: Path) -> None:
    cloud.up()
    other = RunningCloud(tmp_path / "other", port=cloud.port)
    done = other.command("up", check=False)
    assert done.returncode == 1
    assert f"taken by the local cloud of {cloud.dir}" in done.stderr


def test_a_folder_in_use_on_another_port_is_told(cloud: RunningCloud) -> None:
    cloud.up()
    other = RunningCloud(cloud.dir)
    done = other.command("up", check=False)
    assert done.returncode == 1
    assert f"in use by a local cloud on port {cloud.port} (pid {cloud.pid})" in done.stderr
    served = other.command("serve", check=False)
    assert served.returncode == 1
    assert "in use by another local cloud" in served.stderr


def test_a_stale_record_of_a_dead_server_is_no_obstacle(cloud: RunningCloud) -> None:
    cloud.up()
    cloud.kill9()
    assert cloud.command("status", check=False).returncode == 1
    cloud.up()
    assert len(_servers(cloud)) == 1


def test_a_recorded_pid_that_now_is_another_program_is_never_killed(cloud: RunningCloud) -> None:
    cloud.up()
    cloud.command("down")
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        (cloud.dir / "server.json").write_text(
            json.dumps({"pid": bystander.pid, "port": cloud.port, "born": "1"})
        )
        assert "No local cloud runs" in cloud.command("down").stdout
        (cloud.dir / "server.json").write_text(
            json.dumps({"pid": bystander.pid, "port": cloud.port, "born": "1"})
        )
        cloud.up()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_garbled_record_is_no_obstacle(cloud: RunningCloud) -> None:
    cloud.up()
    cloud.command("down")
    (cloud.dir / "server.json").write_text("{half")
    cloud.up()


def test_a_half_dead_server_is_replaced(cloud: RunningCloud) -> None:
    cloud.up()
    pid = cloud.pid
    os.kill(pid, signal.SIGSTOP)
    cloud.env |= {"LOCAL_CLOUD_HEALTH_SECONDS": "1", "LOCAL_CLOUD_STOP_SECONDS": "1"}
    try:
        status = cloud.command("status", check=False)
        assert status.returncode == 1
        assert "does not answer" in status.stdout
        done = cloud.command("up")
        assert f"(pid {pid}) does not answer" in done.stderr
        assert cloud.pid != pid
        assert _servers(cloud) == [cloud.pid]
    finally:
        if Path(f"/proc/{pid}").exists():
            os.kill(pid, signal.SIGKILL)


def test_a_full_disk_is_told_before_anything_starts(cloud: RunningCloud) -> None:
    shell = f"ulimit -f 8; trap '' XFSZ; exec {sys.executable} -m local_cloud up"
    done = subprocess.run(
        ["bash", "-c", shell], env=cloud.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"The disk that holds {cloud.dir} is full" in done.stderr
    assert "LOCAL_CLOUD_DIR" in done.stderr


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "is full"),
        (errno.EDQUOT, "is full"),
        (errno.EROFS, "cannot be written (Read-only file system). Set LOCAL_CLOUD_DIR"),
        (errno.EACCES, "cannot be written (Permission denied). Set LOCAL_CLOUD_DIR"),
        (errno.EIO, "cannot be used"),
    ],
)
def test_each_reason_a_folder_is_unusable_has_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def refuse(_folder: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(state_folder, "probe_write", refuse)
    with pytest.raises(state_folder.LifecycleError, match=re.escape(words)) as caught:
        state_folder.prepare(Settings(dir=tmp_path / "state"))
    assert str(tmp_path / "state") in str(caught.value)


def test_a_folder_that_cannot_exist_is_told(cloud: RunningCloud) -> None:
    cloud.dir = Path("/proc/no/such/folder")
    done = cloud.command("up", check=False)
    assert done.returncode == 1
    assert "/proc/no/such/folder cannot be" in done.stderr
    assert "Traceback" not in done.stderr


def test_state_of_a_newer_version_is_left_alone(cloud: RunningCloud) -> None:
    cloud.dir.mkdir()
    (cloud.dir / "local_cloud.json").write_text('{"format": 99}')
    done = cloud.command("up", check=False)
    assert done.returncode == 1
    assert "written by a newer version (format 99" in done.stderr


def test_reset_deletes_only_a_local_clouds_folder(cloud: RunningCloud, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("x")
    foreign = RunningCloud(precious)
    for command in (("reset", "--yes"), ("up",)):
        done = foreign.command(*command, check=False)
        assert done.returncode == 1
        assert "not a local cloud's folder" in done.stderr
    assert (precious / "thesis.txt").exists()
    cloud.up()
    refused = subprocess.run(
        [sys.executable, "-m", "local_cloud", "reset"],
        env=cloud.environment,
        input="n\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert cloud.dir.exists()
    cloud.command("reset", "--yes")
    assert not cloud.dir.exists()
    assert _servers(cloud) == []


def test_status_and_logs(cloud: RunningCloud) -> None:
    assert "does not run" in cloud.command("status", check=False).stdout
    assert "no log yet" in cloud.command("logs", check=False).stderr
    cloud.up()
    shown = cloud.command("status").stdout
    for words in (cloud.endpoint_url, str(cloud.pid), "uptime", "glue", "sizes", "postgres     off"):
        assert words in shown
    assert f"Serving {cloud.endpoint_url}" in cloud.command("logs").stdout


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("LOCAL_CLOUD_PORT", "http", "is not a port"),
        ("LOCAL_CLOUD_PORT", "70000", "is not a port"),
        ("LOCAL_CLOUD_UPSTREAM", "localhost:4566", "is not an endpoint"),
    ],
)
def test_a_bad_setting_is_named(cloud: RunningCloud, name: str, value: str, words: str) -> None:
    cloud.env[name] = value
    done = cloud.command("up", check=False)
    assert done.returncode == 1
    assert f"{name}={value!r} {words}" in done.stderr


def test_state_moves_to_another_port(cloud: RunningCloud) -> None:
    cloud.up()
    sqs = cloud.client("sqs")
    sqs.send_message(QueueUrl=sqs.create_queue(QueueName="q")["QueueUrl"], MessageBody="kept")
    cloud.command("down")
    cloud.port = free_port()
    cloud.up()
    sqs = cloud.client("sqs")
    url = sqs.get_queue_url(QueueName="q")["QueueUrl"]
    assert url.startswith(cloud.endpoint_url)
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "kept"


def test_a_missing_command_is_explained(cloud: RunningCloud) -> None:
    done = cloud.command("--help")
    for command in ("up", "down", "status", "reset", "logs", "serve", "provision", "seed", "LOCAL_CLOUD_DIR"):
        assert command in done.stdout


def test_a_copy_of_a_stopped_folder_is_a_backup(cloud: RunningCloud, tmp_path: Path) -> None:
    cloud.up()
    cloud.client("ssm").put_parameter(Name="/a", Value="1", Type="String")
    cloud.command("down")
    shutil.copytree(cloud.dir, tmp_path / "copy")
    with running(tmp_path / "copy") as copy:
        assert copy.client("ssm").get_parameter(Name="/a")["Parameter"]["Value"] == "1"
