"""A Glue job on each engine, measured: wall time, CPU and memory of the job's whole process tree."""

import contextlib
import os
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROLE = "arn:aws:iam::000000000000:role/mlops-glue"
BUCKET = "glue-benchmark"


@dataclass
class Measured:
    """One run: seconds from StartJobRun to its end, CPU seconds and peak MB of the job's processes, its output."""

    seconds: float
    cpu: float
    peak_mb: float
    output: str
    first_line: float = field(default=0.0)


@contextmanager
def cloud(folder: Path, engine: str) -> Iterator[Any]:
    """A local cloud whose Glue jobs run on ``sail`` or ``pyspark``."""
    from mlops_platform_tests.fixtures_cloud import running

    with running(folder / engine, env={"LOCAL_CLOUD_GLUE_ENGINE": engine}) as started:
        started.client("s3").create_bucket(Bucket=BUCKET)
        yield started


def run(started: Any, script: str, **arguments: str) -> Measured:
    """Run a script as a Glue job and watch its processes."""
    s3, glue = started.client("s3"), started.client("glue")
    text = "import time as _time; print('first line', _time.time(), flush=True)\n" + textwrap.dedent(script)
    s3.put_object(Bucket=BUCKET, Key="script.py", Body=text.encode())
    command = {"Name": "glueetl", "ScriptLocation": f"s3://{BUCKET}/script.py", "PythonVersion": "3"}
    name = f"bench-{time.monotonic_ns()}"
    glue.create_job(Name=name, Role=ROLE, Command=command)
    watch = _Watch(started.pid)
    began, at = time.monotonic(), time.time()
    given = {f"--{key}": value for key, value in arguments.items()}
    run_id = glue.start_job_run(JobName=name, Arguments=given)["JobRunId"]
    while (state := glue.get_job_run(JobName=name, RunId=run_id)["JobRun"])["JobRunState"] in (
        "STARTING",
        "RUNNING",
    ):
        time.sleep(0.05)
    seconds = time.monotonic() - began
    watch.stop()
    folder = started.dir / "glue" / "runs" / run_id
    assert state["JobRunState"] == "SUCCEEDED", (state, (folder / "error.log").read_text()[-2000:])
    lines = (folder / "output.log").read_text().splitlines()
    first = next(float(line.split()[-1]) for line in lines if line.startswith("first line"))
    return Measured(seconds, watch.cpu, watch.peak / 2**20, lines[-1], first - at)


class _Watch:
    """Samples the processes that a server started: their CPU seconds and resident memory together."""

    def __init__(self, server: int) -> None:
        self._server = server
        self._before = set(_descendants(server))
        self._seconds: dict[int, float] = {}
        self.peak = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    @property
    def cpu(self) -> float:
        """CPU seconds of all of them."""
        return sum(self._seconds.values())

    def stop(self) -> None:
        """End sampling."""
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
        while not self._over.wait(0.05):
            memory = 0
            for pid, fields in _descendants(self._server).items():
                if pid not in self._before:
                    self._seconds[pid] = (int(fields[11]) + int(fields[12])) / tick
                    memory += int(fields[21]) * page
            self.peak = max(self.peak, memory)


def _descendants(root: int) -> dict[int, list[str]]:
    """The fields of ``/proc/PID/stat`` after the name (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html)."""
    fields: dict[int, list[str]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields[int(entry.parent.name)] = entry.read_text().rpartition(")")[2].split()
    found: dict[int, list[str]] = {}
    level = {root}
    while level:
        level = {pid for pid, one in fields.items() if int(one[1]) in level}
        found |= {pid: fields[pid] for pid in level}
    return found


def rounds() -> int:
    """How often each engine runs: the best of it is shown."""
    return int(os.environ.get("BENCH_ROUNDS", "3"))
