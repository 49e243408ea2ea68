"""Child processes die with the local cloud, whatever kills it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from local_cloud import processes

PARENT = """
import sys, time, threading
from local_cloud import processes
made = []
# Started from a thread that ends at once: the child must outlive the thread, not the process.
thread = threading.Thread(target=lambda: made.append(processes.popen(["sleep", "600"])))
thread.start(); thread.join()
time.sleep(0.5)
print(made[0].pid, made[0].poll(), flush=True)
time.sleep(600)
"""


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _gone(pid: int, seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not _alive(pid)


def test_a_child_outlives_its_thread_but_not_its_process() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child, polled = parent.stdout.readline().split()
        assert polled == "None"
        assert _alive(int(child))
        parent.kill()
    assert _gone(int(child))


def test_end_takes_the_whole_group_down(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    shell = processes.popen(["bash", "-c", f"trap '' TERM; sleep 600 & echo $! > {pids}; wait; wait"])
    deadline = time.monotonic() + 5
    while not (pids.exists() and pids.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.02)
    grandchild = int(pids.read_text())
    assert processes.end(shell, grace_seconds=0.3) == -signal.SIGKILL
    assert _gone(grandchild)


def test_environment_folder_and_output_are_the_callers(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as output:
        process = processes.popen(
            ["bash", "-c", "echo $GREETING $PWD; echo oops >&2; exit 3"],
            env={"GREETING": "hello", "PATH": os.environ["PATH"]},
            cwd=tmp_path,
            stdout=output,
        )
    assert process.wait() == 3
    assert (tmp_path / "out").read_text() == f"hello {tmp_path}\noops\n"
    assert os.getpgid(os.getpid()) != process.pid


def test_a_program_that_is_not_there_fails_with_its_name() -> None:
    process = processes.popen(["/no/such/program"], stdout=subprocess.PIPE)
    output, _ = process.communicate()
    assert process.returncode != 0
    assert b"No such file" in output


def test_leftovers_of_a_killed_instance_are_ended(tmp_path: Path) -> None:
    marked = os.environ | {processes.INSTANCE_VARIABLE: str(tmp_path)}
    orphan = subprocess.Popen(["sleep", "600"], env=marked, start_new_session=True)
    other = subprocess.Popen(["sleep", "600"], env=os.environ | {processes.INSTANCE_VARIABLE: "elsewhere"})
    try:
        while not Path(f"/proc/{orphan.pid}/environ").read_bytes():
            time.sleep(0.01)  # the kernel shows a new program's environment a moment after it starts
        assert processes.end_leftovers(tmp_path) == [orphan.pid]
        assert orphan.wait(5) == -signal.SIGKILL
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
