"""A Python job forked from a warm template behaves as a cold one does."""

import json
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from mlops_platform_tests.batch.conftest import Batch
from mlops_platform_tests.batch.test_jobs import processes_with

PROBE = """
import __main__, atexit, json, os, signal, sys, threading, time
atexit.register(print, "at exit")
left_open = open(sys.argv[1], "a")
left_open.write("written")
threading.Thread(target=lambda: [time.sleep(0.2), print("thread")]).start()
class Here: ...
print(json.dumps({
    "argv": sys.argv, "name": __name__, "file": globals().get("__file__"), "spec": str(__spec__),
    "path": sys.path[0], "main": __main__.__dict__ is globals(), "class": Here.__module__,
    "globals": sorted(name for name in globals() if name.startswith("__")),
    "signals": [str(signal.getsignal(n)) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)],
    "cwd": os.getcwd() == os.environ["PWD"], "pgid": os.getpgid(0) == os.getpid(),
    "umask": os.umask(0o22), "orig": sys.orig_argv[1:2], "executable": sys.executable,
    "files": sorted(f for f in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{f}")),
    "warm": "decimal" in sys.modules, "attempt": os.environ["AWS_BATCH_JOB_ATTEMPT"],
}))
"""
FAILING = "def f():\n    raise ValueError('no')\nf()\n"


def run(batch: Batch, queue: str, warm: bool, *command: str) -> dict[str, Any]:
    environment = [{"name": "LOCAL_CLOUD_BATCH_WARM", "value": "decimal"}] if warm else []
    definition = batch.definition("python", *command, container={"environment": environment})
    return batch.wait(batch.submit(queue, definition))


@pytest.mark.parametrize("kind", ["file", "module", "code"])
def test_the_same_world(batch: Batch, queue: str, tmp_path: Path, kind: str) -> None:
    file = tmp_path / "probe.py"
    file.write_text(PROBE)
    command = {
        "file": [str(file), str(tmp_path / "a"), "-b"],
        "code": ["-c", PROBE, str(tmp_path / "a"), "-b"],
        "module": ["-c", "pass"],
    }[kind]
    if kind == "module":
        site = tmp_path / "site"
        (site / "package").mkdir(parents=True)
        (site / "package" / "__init__.py").write_text("")
        (site / "package" / "__main__.py").write_text(PROBE)
        command = ["-m", "package", str(tmp_path / "a"), "-b"]
    cold, warm = ({}, {})
    for world, is_warm in ((cold, False), (warm, True)):
        environment = [{"name": "PYTHONPATH", "value": str(tmp_path / "site")}]
        environment += [{"name": "LOCAL_CLOUD_BATCH_WARM", "value": "decimal"}] if is_warm else []
        definition = batch.definition("python", *command, container={"environment": environment})
        job = batch.wait(batch.submit(queue, definition))
        assert job["status"] == "SUCCEEDED"
        lines = batch.output(job, lines=3)
        assert sorted(line for line in lines if not line.startswith("{")) == ["at exit", "thread"]
        world.update(json.loads(next(line for line in lines if line.startswith("{"))))
    assert (cold.pop("warm"), warm.pop("warm")) == (False, True)
    assert (tmp_path / "a").read_text() == "written" * 2
    if kind == "module":  # the folder of the attempt
        assert "/batch/work/" in cold.pop("path")
        assert "/batch/work/" in warm.pop("path")
    cold["spec"], warm["spec"] = (found["spec"].partition(" object at")[0] for found in (cold, warm))
    assert warm == cold


def ends(batch: Batch, job: dict[str, Any]) -> str:
    """The last line a job printed, without what differs from job to job."""
    return batch.output(job)[-1].replace(job["jobId"], "")


def test_the_same_end(batch: Batch, queue: str, tmp_path: Path) -> None:
    file = tmp_path / "failing.py"
    file.write_text(FAILING)
    for command in (
        [str(file)],
        ["-c", "import sys; sys.exit(7)"],
        ["-c", "import sys; sys.exit('words')"],
        ["-c", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"],
        ["-c", "raise KeyboardInterrupt"],
        ["no_such_file.py"],
        ["-m", "no_such_module"],
    ):
        cold, warm = (run(batch, queue, is_warm, *command) for is_warm in (False, True))
        assert warm["status"] == cold["status"] == "FAILED"
        assert warm["container"]["exitCode"] == cold["container"]["exitCode"], command
        if not any(silent in command[-1] for silent in ("kill", "exit(7)")):
            deadline = time.monotonic() + 10  # output arrives in pieces
            while (shown := ends(batch, warm)) != (expected := ends(batch, cold)):
                assert time.monotonic() < deadline, (command, shown, expected)
                time.sleep(0.05)
            assert not any("warm.py" in line for line in batch.output(warm)), command


def test_forks_are_forked_and_differ(batch: Batch, queue: str) -> None:
    code = "import numpy, os, random, uuid; print(os.getppid(), numpy.random.rand(), random.random(), uuid.uuid4())"
    definition = batch.definition(
        "python",
        "-c",
        code,
        container={"environment": [{"name": "LOCAL_CLOUD_BATCH_WARM", "value": "numpy.random, uuid"}]},
    )
    array = batch.wait(batch.submit(queue, definition, arrayProperties={"size": 4}))
    rows = [batch.output(batch.job(f"{array['jobId']}:{index}"))[0].split() for index in range(4)]
    parents, *values = zip(*rows, strict=True)
    assert len(set(parents)) == 1
    assert all(len(set(column)) == 4 for column in values)


def test_a_fork_can_be_ended(batch: Batch, queue: str) -> None:
    mark = "87654321"
    code = f"import subprocess; subprocess.run(['sleep', '{mark}'])"
    definition = batch.definition(
        "python",
        "-c",
        code,
        container={"environment": [{"name": "LOCAL_CLOUD_BATCH_WARM", "value": "decimal"}]},
    )
    job_id = batch.submit(queue, definition)
    batch.wait(job_id, "RUNNING")
    while not processes_with(f"sleep {mark}"):
        assert batch.job(job_id)["status"] == "RUNNING"
    batch.api.terminate_job(jobId=job_id, reason="enough")
    assert batch.wait(job_id)["statusReason"] == "enough"
    assert not processes_with(f"sleep {mark}")


def test_modules_that_make_no_template_start_cold(batch: Batch, queue: str, tmp_path: Path) -> None:
    (tmp_path / "threaded.py").write_text(
        textwrap.dedent(
            """
            import threading, time
            threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
            """
        )
    )
    for modules in ("no_such_module_at_all", "threaded"):
        environment = [
            {"name": "LOCAL_CLOUD_BATCH_WARM", "value": modules},
            {"name": "PYTHONPATH", "value": str(tmp_path)},
        ]
        definition = batch.definition("python", "-c", "print('ran')", container={"environment": environment})
        for _ in range(2):
            assert batch.output(batch.wait(batch.submit(queue, definition))) == ["ran"]
