"""AWS Batch on this machine: arrays and single jobs against a bare posix_spawn loop, warm Python starts against cold.

The bare loop knows no job, no log, no retry and no database: it is what a start costs at least. It is measured before
and after each run, for a machine is not equally fast all the time. ``BATCH_BENCH_MODULE`` names the module of the warm
starts (default: torch where it is installed, else pandas).
"""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.table import show

ARRAY, SINGLES, BARE, COLD, WARM = 10_000, 2_000, 2_000, 8, 200
VCPUS = "4"
OVER = ("SUCCEEDED", "FAILED")


def main() -> None:
    """Start a local cloud of its own, run the jobs, print the rates."""
    folder = Path(tempfile.mkdtemp(prefix="bench-batch-"))
    environment = os.environ | {
        "LOCAL_CLOUD_DIR": str(folder / "state"),
        "LOCAL_CLOUD_PORT": str(_free_port()),
        "LOCAL_CLOUD_POSTGRES_PORT": "0",
        "LOCAL_CLOUD_BATCH_VCPUS": VCPUS,
    }
    try:
        _cloud(environment, "up")
        _measure(_Batch(environment))
    finally:
        _cloud(environment, "down")
        shutil.rmtree(folder)


def _measure(batch: "_Batch") -> None:
    true = batch.definition("true", ["/bin/true"], {})
    rows = [
        _compare(f"array of {ARRAY:,} trivial jobs", ARRAY, lambda: batch.array(true, ARRAY)),
        _compare(f"{SINGLES:,} separate trivial jobs", SINGLES, lambda: batch.singles(true, SINGLES)),
    ]
    show("Trivial jobs", ["", "jobs/s", "bare posix_spawn/s", "ratio"], rows)
    print(f"Memory of the local cloud's process (all services): {batch.memory():.0f} MB at its most.")
    module = os.environ.get("BATCH_BENCH_MODULE") or (
        "torch" if importlib.util.find_spec("torch") else "pandas"
    )
    code = ["python", "-c", f"import {module}"]
    cold = COLD / batch.array(batch.definition("cold", code, {}), COLD)
    warm_definition = batch.definition("warm", code, {"LOCAL_CLOUD_BATCH_WARM": module})
    batch.array(warm_definition, 2)  # the template itself starts once
    warm = WARM / batch.array(warm_definition, WARM)
    show(
        f"Python jobs that import {module}",
        ["", "jobs/s", "ratio"],
        [["cold", cold, 1.0], ["forked from a warm template", warm, warm / cold]],
    )


def _compare(what: str, count: int, run: Callable[[], float]) -> list[object]:
    before = _bare()
    rate = count / run()
    bare = (before + _bare()) / 2
    return [what, rate, bare, rate / bare]


def _bare() -> float:
    started = time.perf_counter()
    for _ in range(BARE):
        os.waitpid(os.posix_spawn("/bin/true", ["/bin/true"], os.environ), 0)
    return BARE / (time.perf_counter() - started)


class _Batch:
    def __init__(self, environment: dict[str, str]) -> None:
        import boto3

        session: Any = boto3.session.Session(
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - the local cloud checks no keys
            region_name="us-east-1",
        )
        self._state = Path(environment["LOCAL_CLOUD_DIR"])
        url = f"http://127.0.0.1:{environment['LOCAL_CLOUD_PORT']}"
        self._api: Any = session.client("batch", endpoint_url=url)
        resources = {"type": "EC2", "maxvCpus": 256, "instanceTypes": ["optimal"]}
        self._api.create_compute_environment(
            computeEnvironmentName="bench", type="MANAGED", computeResources=resources
        )
        order = [{"order": 1, "computeEnvironment": "bench"}]
        self._api.create_job_queue(jobQueueName="bench", priority=1, computeEnvironmentOrder=order)

    def definition(self, name: str, command: list[str], variables: dict[str, str]) -> str:
        needs = [{"type": "VCPU", "value": "0.5"}, {"type": "MEMORY", "value": "1024"}]
        properties = {
            "image": "any",
            "command": command,
            "resourceRequirements": needs,
            "environment": [{"name": key, "value": value} for key, value in variables.items()],
        }
        self._api.register_job_definition(
            jobDefinitionName=name, type="container", containerProperties=properties
        )
        return name

    def array(self, definition: str, size: int) -> float:
        """Seconds from the submission of an array until the end of its last child."""
        started = time.perf_counter()
        array = self._submit(definition, arrayProperties={"size": size})
        while self._status([array]) == 0:
            time.sleep(0.1)
        seconds = time.perf_counter() - started
        summary = self._api.describe_jobs(jobs=[array])["jobs"][0]["arrayProperties"]["statusSummary"]
        if summary["SUCCEEDED"] != size:
            raise RuntimeError(f"Not all {size} children of {definition} succeeded: {summary}")
        return seconds

    def singles(self, definition: str, count: int) -> float:
        """Seconds from the first submission until the end of the last job."""
        started = time.perf_counter()
        with ThreadPoolExecutor(8) as threads:
            jobs = list(threads.map(lambda _: self._submit(definition), range(count)))
        for start in range(0, count, 100):
            chunk = jobs[start : start + 100]
            while self._status(chunk) < len(chunk):
                time.sleep(0.1)
        return time.perf_counter() - started

    def memory(self) -> float:
        """The most memory the server has had, MB."""
        pid = json.loads((self._state / "server.json").read_text())["pid"]
        status = Path(f"/proc/{pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def _submit(self, definition: str, **members: Any) -> str:
        answer = self._api.submit_job(jobName="bench", jobQueue="bench", jobDefinition=definition, **members)
        return str(answer["jobId"])

    def _status(self, jobs: list[str]) -> int:
        return sum(job["status"] in OVER for job in self._api.describe_jobs(jobs=jobs)["jobs"])


def _cloud(environment: dict[str, str], command: str) -> None:
    arguments = [sys.executable, "-m", "local_cloud", command]
    subprocess.run(arguments, env=environment, check=True, stdout=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
