"""Jobs: definitions, arguments, results, failures, logs."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from mlops_platform_tests.glue.conftest import BUCKET, ROLE, Jobs

SHELL = "pythonshell"


def test_definitions(jobs: Jobs) -> None:
    name = jobs.create("pass", Timeout=7, DefaultArguments={"--a": "1"}, Tags={"team": "x"})
    job = jobs.glue.get_job(JobName=name)["Job"]
    assert (job["Timeout"], job["MaxRetries"], job["GlueVersion"]) == (7, 0, "5.0")
    with pytest.raises(ClientError, match="already exists"):
        jobs.glue.create_job(Name=name, Role=ROLE, Command=job["Command"])
    jobs.glue.update_job(
        JobName=name, JobUpdate={"Role": ROLE, "Command": job["Command"], "Description": "new"}
    )
    changed = jobs.glue.get_job(JobName=name)["Job"]
    assert (changed["Description"], changed["Timeout"], changed["DefaultArguments"]) == ("new", 480, {})
    assert changed["CreatedOn"] == job["CreatedOn"]
    assert jobs.glue.list_jobs(Tags={"team": "x"})["JobNames"] == [name]
    found = jobs.glue.batch_get_jobs(JobNames=[name, "nope"])
    assert ([j["Name"] for j in found["Jobs"]], found["JobsNotFound"]) == ([name], ["nope"])
    jobs.glue.delete_job(JobName=name)
    jobs.glue.delete_job(JobName=name)
    with pytest.raises(ClientError, match="not found"):
        jobs.glue.start_job_run(JobName=name)


def test_a_job_needs_a_known_command(jobs: Jobs) -> None:
    with pytest.raises(ClientError, match="glueetl, pythonshell"):
        jobs.glue.create_job(Name="x", Role=ROLE, Command={"Name": "glueray", "ScriptLocation": "s3://b/k"})


def test_arguments_are_merged_and_reach_argv(jobs: Jobs) -> None:
    script = """
        import json, sys
        from awsglue.utils import getResolvedOptions
        options = getResolvedOptions(sys.argv, ["JOB_NAME", "both", "default", "spaced", "empty_ok"])
        print(json.dumps({"argv": sys.argv, "options": options}))
    """
    default = {"--both": "default", "--default": "d", "--TempDir": "s3://tmp/x/", "--empty_ok": ""}
    name = jobs.create(script, kind=SHELL, DefaultArguments=default)
    run = jobs.glue.start_job_run(JobName=name, Arguments={"--both": "run", "--spaced": "a b --c 'd'"})[
        "JobRunId"
    ]
    assert jobs.wait(name, run)["JobRunState"] == "SUCCEEDED"
    seen = json.loads(jobs.output(run, group="/aws-glue/python-jobs"))
    assert seen["options"]["both"] == "run"
    assert seen["options"]["default"] == "d"
    assert seen["options"]["spaced"] == "a b --c 'd'"
    assert seen["options"]["empty_ok"] == ""
    assert seen["options"]["JOB_NAME"] == name
    assert seen["options"]["JOB_RUN_ID"] == run
    assert seen["options"]["TempDir"] == "s3://tmp/x/"
    assert jobs.glue.get_job_run(JobName=name, RunId=run)["JobRun"]["Arguments"] == {
        "--both": "run",
        "--spaced": "a b --c 'd'",
    }


def test_extra_py_files_are_importable(jobs: Jobs) -> None:
    library = jobs.put_zip("lib/helpers.zip", helpers="def answer():\n    return 42\n")
    jobs.s3.put_object(Bucket=BUCKET, Key="lib/single.py", Body=b"NAME = 'single'\n")
    run = jobs.run(
        "import helpers, single; print(helpers.answer(), single.NAME)",
        kind=SHELL,
        job={"DefaultArguments": {"--extra-py-files": f"{library},s3://{BUCKET}/lib/single.py"}},
    )
    assert run["JobRunState"] == "SUCCEEDED"
    assert jobs.output(run["Id"], group="/aws-glue/python-jobs") == "42 single"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("raise ValueError('day 31 is not a day')", "ValueError: day 31 is not a day"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("def broken(:", "SyntaxError: "),
        ("import os; os.kill(os.getpid(), 9)", "signal SIGKILL"),
    ],
)
def test_what_goes_wrong_is_told(jobs: Jobs, script: str, message: str) -> None:
    run = jobs.run(script, kind=SHELL)
    assert run["JobRunState"] == "FAILED"
    assert message in run["ErrorMessage"]
    assert run["CompletedOn"] >= run["StartedOn"]


def test_the_traceback_is_the_scripts_own(jobs: Jobs) -> None:
    run = jobs.run("def f():\n    raise KeyError('x')\n\nf()\n", kind=SHELL)
    text = jobs.output(run["Id"], "error", "/aws-glue/python-jobs")
    assert "raise KeyError('x')" in text
    assert "runpy" not in text
    assert "local_glue" not in text


def test_missing_files_and_modules_fail_before_the_script(jobs: Jobs) -> None:
    name = jobs.create("print('never')", kind=SHELL)
    jobs.s3.delete_object(Bucket=BUCKET, Key=f"scripts/{name}.py")
    run = jobs.wait(name, jobs.start(name))
    assert f"s3://{BUCKET}/scripts/{name}.py cannot be read" in run["ErrorMessage"]
    run = jobs.run(
        "print('never')",
        kind=SHELL,
        job={
            "DefaultArguments": {
                "--additional-python-modules": "boto3,pyarrow>=10,surely-not-there==1.2,pandas==0.1"
            }
        },
    )
    assert "not installed: surely-not-there==1.2 pandas==0.1." in run["ErrorMessage"]
    assert jobs.output(run["Id"], group="/aws-glue/python-jobs") == ""


def test_output_streams_to_cloudwatch_while_it_runs(jobs: Jobs) -> None:
    name = jobs.create(
        """
        import sys, time
        print("first"); print("beside", file=sys.stderr)
        time.sleep(30)
        """,
        kind=SHELL,
    )
    run = jobs.start(name)
    deadline = time.monotonic() + 15
    while jobs.output(run, group="/aws-glue/python-jobs") != "first" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert jobs.output(run, group="/aws-glue/python-jobs") == "first"
    assert jobs.output(run, "error", "/aws-glue/python-jobs") == "beside"
    jobs.glue.batch_stop_job_run(JobName=name, JobRunIds=[run])
    assert jobs.wait(name, run)["JobRunState"] == "STOPPED"


def test_long_lines_and_many_lines_arrive_whole(jobs: Jobs) -> None:
    run = jobs.run("print('x' * 300_000)\nfor n in range(12_000): print(n)", kind=SHELL)
    events: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = jobs.logs.get_log_events(
            logGroupName="/aws-glue/python-jobs/output", logStreamName=run["Id"], startFromHead=True, **token
        )
        if not page["events"]:
            break
        events += page["events"]
        token = {"nextToken": page["nextForwardToken"]}
    text = "".join(e["message"] for e in events if e["message"].startswith("x"))
    assert text == "x" * 300_000
    assert [e["message"] for e in events if not e["message"].startswith("x")] == [
        str(n) for n in range(12_000)
    ]


def test_runs_page_newest_first(jobs: Jobs) -> None:
    name = jobs.create("pass", kind=SHELL)
    made = []
    for _ in range(3):
        made.append(jobs.start(name))
        jobs.wait(name, made[-1])
    pages = jobs.glue.get_paginator("get_job_runs").paginate(JobName=name, PaginationConfig={"PageSize": 2})
    assert [[run["Id"] for run in page["JobRuns"]] for page in pages] == [made[:0:-1], made[:1]]
