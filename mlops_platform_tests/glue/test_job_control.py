"""Stopping, time limits, concurrency, retries, bookmarks, and the end of the local cloud."""

import contextlib
import os
import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from local_cloud.cloud import Cloud
from local_cloud.glue import GlueEngine
from local_cloud.glue.outbox import Outbox
from local_cloud.glue.supervisor import Supervisor
from local_cloud.objects import DiskObjectStore

from mlops_platform_tests.fixtures_cloud import RunningCloud
from mlops_platform_tests.glue.conftest import BUCKET, ROLE, Jobs, table_input

SHELL = "pythonshell"
# A job with a child of its own that would outlive it.
FAMILY = """
    import os, subprocess, sys, time
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
    print(os.getpid(), child.pid, flush=True)
    time.sleep(120)
"""


def family(jobs: Jobs, run_id: str) -> list[int]:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        text = jobs.output(run_id, group="/aws-glue/python-jobs").split()
        if len(text) == 2:
            return [int(pid) for pid in text]
        time.sleep(0.1)
    raise AssertionError("the job did not print its pids")


def assert_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 10
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline, [pid for pid in pids if alive(pid)]
        time.sleep(0.05)


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_stop_ends_the_whole_group(jobs: Jobs) -> None:
    name = jobs.create(FAMILY, kind=SHELL)
    run = jobs.start(name)
    pids = family(jobs, run)
    assert all(map(alive, pids))
    answer = jobs.glue.batch_stop_job_run(JobName=name, JobRunIds=[run, "jr_nope"])
    assert [s["JobRunId"] for s in answer["SuccessfulSubmissions"]] == [run]
    assert [e["ErrorDetail"]["ErrorCode"] for e in answer["Errors"]] == ["EntityNotFoundException"]
    stopped = jobs.wait(name, run)
    assert stopped["JobRunState"] == "STOPPED"
    assert "ErrorMessage" not in stopped
    assert_gone(pids)
    again = jobs.glue.batch_stop_job_run(JobName=name, JobRunIds=[run])
    assert "cannot be stopped" in again["Errors"][0]["ErrorDetail"]["ErrorMessage"]


def test_concurrency_limit(jobs: Jobs) -> None:
    name = jobs.create("import time; time.sleep(60)", kind=SHELL, ExecutionProperty={"MaxConcurrentRuns": 2})
    runs = [jobs.start(name), jobs.start(name)]
    with pytest.raises(ClientError) as refused:
        jobs.start(name)
    assert refused.value.response["Error"]["Code"] == "ConcurrentRunsExceededException"
    jobs.glue.batch_stop_job_run(JobName=name, JobRunIds=runs)
    for run in runs:
        jobs.wait(name, run)
    jobs.wait(name, (last := jobs.start(name)), "RUNNING")
    jobs.glue.batch_stop_job_run(JobName=name, JobRunIds=[last])
    jobs.wait(name, last)


def test_retries_are_runs_of_their_own(jobs: Jobs) -> None:
    script = """
        import boto3, sys
        run = sys.argv[sys.argv.index("--JOB_RUN_ID") + 1]
        print(run)
        if not run.endswith("_attempt_2"):
            raise RuntimeError("flaky")
    """
    name = jobs.create(script, kind=SHELL, MaxRetries=3)
    first = jobs.start(name)
    last = None
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        runs = jobs.glue.get_job_runs(JobName=name)["JobRuns"]
        last = runs[0]
        if last["JobRunState"] == "SUCCEEDED":
            break
        time.sleep(0.1)
    assert last is not None
    assert [(run["Attempt"], run["JobRunState"]) for run in runs] == [
        (2, "SUCCEEDED"),
        (1, "FAILED"),
        (0, "FAILED"),
    ]
    assert last["Id"] == f"{first}_attempt_2"
    assert last["PreviousRunId"] == f"{first}_attempt_1"


def test_timeout(
    jobs: Jobs, local_cloud: RunningCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The unit is the minute; an engine whose minutes are short shows the rest."""
    monkeypatch.setattr(Supervisor, "minute_seconds", 1.5)
    key = "scripts/slow.py"
    jobs.s3.put_object(Bucket=BUCKET, Key=key, Body=b"import time; time.sleep(60)")
    engine = GlueEngine(
        Cloud(tmp_path, local_cloud.endpoint_url, "us-east-1", "000000000000", DiskObjectStore(tmp_path))
    )
    try:
        command = {"Name": SHELL, "ScriptLocation": f"s3://{BUCKET}/{key}"}
        engine.create_job(Name="slow", Role=ROLE, Command=command, Timeout=1)
        run_id = engine.start_job_run(JobName="slow")["JobRunId"]
        deadline = time.monotonic() + 20
        while (run := engine.get_job_run(JobName="slow", RunId=run_id)["JobRun"])["JobRunState"] in (
            "STARTING",
            "RUNNING",
        ):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert run["JobRunState"] == "TIMEOUT"
        assert 1 <= run["ExecutionTime"] <= 8
    finally:
        engine.close()


def test_bookmarks_remember_committed_files_only(jobs: Jobs) -> None:
    script = """
        import json, sys
        from awsglue.utils import getResolvedOptions
        from awsglue.context import GlueContext
        from awsglue.job import Job
        from pyspark.context import SparkContext
        args = getResolvedOptions(sys.argv, ["JOB_NAME", "path", "fail"])
        context = GlueContext(SparkContext.getOrCreate())
        job = Job(context)
        job.init(args["JOB_NAME"], args)
        frame = context.create_dynamic_frame.from_options(
            "s3", {"paths": [args["path"]]}, format="json", transformation_ctx="in"
        )
        rows = sorted(row["n"] for row in frame.toDF().collect())
        if args["fail"] == "yes":
            raise RuntimeError("before commit")
        job.commit()
        print(json.dumps({"rows": rows}))
    """
    name = jobs.create(script, DefaultArguments={"--job-bookmark-option": "job-bookmark-enable"})
    path = f"s3://{BUCKET}/bookmarks/{name}/"

    def put(number: int) -> None:
        jobs.s3.put_object(Bucket=BUCKET, Key=f"bookmarks/{name}/{number}.json", Body=b'{"n": %d}\n' % number)

    def rows(fail: str = "no") -> object:
        run = jobs.wait(name, jobs.start(name, path=path, fail=fail))
        return jobs.results(run)["rows"] if fail == "no" else run["JobRunState"]

    put(1)
    assert rows() == [1]
    put(2)
    assert rows(fail="yes") == "FAILED"
    assert rows() == [2]
    assert rows() == []
    assert jobs.glue.get_job_bookmark(JobName=name)["JobBookmarkEntry"]["Run"] == 3
    jobs.glue.reset_job_bookmark(JobName=name)
    assert rows() == [1, 2]


def test_kill_9_loses_nothing_acknowledged_and_leaves_no_process(tmp_path: Path) -> None:
    cloud = RunningCloud(tmp_path / "state")
    cloud.up()
    try:
        jobs = Jobs(cloud)
        name = jobs.create(FAMILY, kind=SHELL)
        run = jobs.start(name)
        pids = family(jobs, run)
        jobs.glue.create_database(DatabaseInput={"Name": "d"})
        jobs.glue.create_table(DatabaseName="d", TableInput=table_input("t", keys={"n": "int"}))
        partitions = [{"Values": [str(n)]} for n in range(100)]
        jobs.glue.batch_create_partition(DatabaseName="d", TableName="t", PartitionInputList=partitions)
        cloud.kill9()
        assert_gone(pids[:1])  # the job itself, by the kernel; its child goes with the restart
        cloud.up()
        assert_gone(pids)
        assert len(jobs.glue.get_partitions(DatabaseName="d", TableName="t")["Partitions"]) == 100
        lost = jobs.wait(name, run)
        assert lost["JobRunState"] == "FAILED"
        assert "The local cloud ended while this run was under way" in lost["ErrorMessage"]
        assert lost["CompletedOn"]
        jobs.wait(name, jobs.start(name), "RUNNING")
    finally:
        cloud.command("down", check=False)
    assert not any(str(tmp_path) in text for text in command_lines())


def command_lines() -> list[str]:
    lines = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(entry.name) != os.getpid():
                lines.append((entry / "cmdline").read_bytes().decode(errors="replace"))
    return lines


def test_a_run_over_the_limit_waits_in_the_queue(jobs: Jobs) -> None:
    script = """
        import boto3, sys, time
        key = sys.argv[sys.argv.index("--key") + 1]
        while boto3.client("s3").list_objects_v2(Bucket="%s", Prefix=key)["KeyCount"] == 0:
            time.sleep(0.1)
    """
    name = jobs.create(script % BUCKET, kind=SHELL, JobRunQueuingEnabled=True)
    first, second, third = (jobs.start(name, key=f"queue/{name}/{number}") for number in range(3))
    waiting = jobs.wait(name, second, "WAITING")
    assert "Waiting for a run" in waiting["StateDetail"]
    assert waiting["JobRunQueuingEnabled"] is True
    jobs.glue.batch_stop_job_run(JobName=name, JobRunIds=[third])
    assert jobs.wait(name, third)["JobRunState"] == "STOPPED"
    for number, run in enumerate((first, second)):
        jobs.wait(name, run, "RUNNING", "STARTING")
        jobs.s3.put_object(Bucket=BUCKET, Key=f"queue/{name}/{number}", Body=b"go")
        assert jobs.wait(name, run)["JobRunState"] == "SUCCEEDED"
    with pytest.raises(ClientError, match="MaxRetries must be 0"):
        jobs.create("", kind=SHELL, JobRunQueuingEnabled=True, MaxRetries=1)


def test_capacity_and_metrics(jobs: Jobs, local_cloud: RunningCloud) -> None:
    name = jobs.create(
        "print(1)",
        kind=SHELL,
        WorkerType="G.2X",
        NumberOfWorkers=3,
        DefaultArguments={"--enable-metrics": "true", "--enable-auto-scaling": "true"},
    )
    job = jobs.glue.get_job(JobName=name)["Job"]
    assert (job["MaxCapacity"], job["AllocatedCapacity"]) == (6.0, 6)
    run = jobs.wait(name, jobs.start(name))
    assert (run["WorkerType"], run["NumberOfWorkers"], run["MaxCapacity"]) == ("G.2X", 3, 6.0)
    assert run["DPUSeconds"] == 6.0 * run["ExecutionTime"]
    smaller = jobs.glue.start_job_run(JobName=name, WorkerType="G.1X", NumberOfWorkers=2)["JobRunId"]
    assert jobs.wait(name, smaller)["MaxCapacity"] == 2.0
    cloudwatch = local_cloud.client("cloudwatch")
    dimensions = [{"Name": "JobRunId", "Value": run["Id"]}]
    deadline = time.monotonic() + 10
    while not cloudwatch.list_metrics(Namespace="Glue", Dimensions=dimensions)["Metrics"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with pytest.raises(ClientError, match="do not set MaxCapacity"):
        jobs.glue.start_job_run(JobName=name, WorkerType="G.1X", NumberOfWorkers=2, MaxCapacity=1.0)


def test_a_run_that_takes_long_is_told(
    jobs: Jobs, local_cloud: RunningCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The unit is the minute; an engine whose minutes are short shows the event."""
    monkeypatch.setattr(Supervisor, "minute_seconds", 0.1)
    monkeypatch.setattr(Supervisor, "ship_seconds", 0.05)
    told: list[tuple[str, dict[str, object]]] = []
    monkeypatch.setattr(Outbox, "add", lambda _self, kind, detail, *_arns: told.append((kind, detail)))
    key = "scripts/notice.py"
    jobs.s3.put_object(Bucket=BUCKET, Key=key, Body=b"import time; time.sleep(0.5)")
    engine = GlueEngine(
        Cloud(tmp_path, local_cloud.endpoint_url, "us-east-1", "000000000000", DiskObjectStore(tmp_path))
    )
    try:
        command = {"Name": SHELL, "ScriptLocation": f"s3://{BUCKET}/{key}"}
        notice = {"NotifyDelayAfter": 1}
        engine.create_job(Name="late", Role=ROLE, Command=command, NotificationProperty=notice)
        run_id = engine.start_job_run(JobName="late")["JobRunId"]
        deadline = time.monotonic() + 20
        while engine.get_job_run(JobName="late", RunId=run_id)["JobRun"]["JobRunState"] != "SUCCEEDED":
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        engine.close()
    status = [detail for kind, detail in told if kind == "Glue Job Run Status"]
    assert [detail["notificationCondition"] for detail in status] == [notice]
    assert [kind for kind, _ in told].count("Glue Job State Change") == 1
