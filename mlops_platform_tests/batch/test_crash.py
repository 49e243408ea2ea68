"""kill -9 of the local cloud amid jobs: nothing runs twice at once, nothing is orphaned, nothing is forgotten."""

import time
import uuid
from pathlib import Path

from mlops_platform_tests.batch.conftest import SETTINGS, Batch
from mlops_platform_tests.batch.test_jobs import gone, processes_with
from mlops_platform_tests.fixtures_cloud import running

# Fails at once if the same child is at work already; a child holds its lock for as long as it lives.
CHILD = """
import fcntl, os, pathlib, sys, time
name = f"{sys.argv[1]}/{os.environ['AWS_BATCH_JOB_ARRAY_INDEX']}"
lock = open(name, "a")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    open(f"{sys.argv[1]}/twice", "w")
time.sleep(0.1)
open(name + ".ended", "a").write("x")
"""


def test_kill_9_and_what_comes_after(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    mark = f"3{uuid.uuid4().int % 10**8:08d}"
    with running(tmp_path / "state", env=SETTINGS) as cloud:
        batch = Batch(cloud.client("batch"), cloud.client("logs"))
        queue = batch.queue()
        tries = {"attempts": 5}
        array = batch.submit(
            queue,
            batch.definition("python", "-c", CHILD, str(work), retryStrategy=tries),
            arrayProperties={"size": 24},
        )
        after = batch.submit(queue, batch.definition("true"), dependsOn=[{"jobId": array}])
        done = batch.submit(queue, batch.definition("true"))
        once = batch.submit(queue, batch.definition("sleep", mark))
        sequence = batch.submit(
            queue,
            batch.definition("true"),
            arrayProperties={"size": 3},
            dependsOn=[{"type": "SEQUENTIAL"}, {"jobId": array}],
        )
        batch.wait(f"{array}:5", "SUCCEEDED")
        cloud.kill9()
        assert gone(str(work)), processes_with(str(work))
        cloud.up()
        lost = [
            index
            for index in range(24)
            if len(batch.job(f"{array}:{index}")["attempts"]) > 1
            or any("terminated" in a["statusReason"] for a in batch.job(f"{array}:{index}")["attempts"])
        ]
        assert batch.wait(array)["status"] == "SUCCEEDED"
        assert batch.wait(after)["status"] == batch.wait(done)["status"] == "SUCCEEDED"
        assert batch.wait(sequence)["status"] == "SUCCEEDED"
        assert not (work / "twice").exists()
        for index in lost:
            first = batch.job(f"{array}:{index}")["attempts"][0]
            assert first["statusReason"].startswith("Host EC2 (instance i-")
        assert batch.job(f"{array}:0")["attempts"][0]["container"]["exitCode"] == 0
        batch.wait(once, "RUNNING")
        cloud.kill9()
        assert gone(mark)
        cloud.up()
        ended = batch.wait(once)  # it had one attempt
        assert ended["status"] == "FAILED"
        assert ended["statusReason"].startswith("Host EC2 (instance i-")
        assert batch.job(array)["status"] == "SUCCEEDED"
        assert batch.api.describe_job_queues(jobQueues=[queue])["jobQueues"][0]["status"] == "VALID"
    assert gone(mark)


def test_a_polite_stop_lets_jobs_save_and_leaves_nothing(tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    mark = f"4{uuid.uuid4().int % 10**8:08d}"
    with running(tmp_path / "state", env=SETTINGS) as cloud:
        batch = Batch(cloud.client("batch"))
        script = f"[ -e {saved} ] && exit 0; trap 'echo saved > {saved}; exit 0' TERM; sleep {mark} & wait"
        job_id = batch.submit(
            batch.queue(), batch.definition("sh", "-c", script, retryStrategy={"attempts": 2})
        )
        batch.wait(job_id, "RUNNING")
        while not processes_with(f"sleep {mark}"):
            time.sleep(0.02)
        cloud.command("down")
        assert gone(mark)
        assert saved.read_text() == "saved\n"
        cloud.up()
        job = batch.wait(job_id)
        assert job["status"] == "SUCCEEDED"
        assert len(job["attempts"]) == 2
