"""Jobs from submission to their end, through boto3."""

import json
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from mlops_platform_tests.batch.conftest import Batch
from mlops_platform_tests.fixtures_cloud import RunningCloud

SHOW = "import json, os, sys; print(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]))"


def processes_with(mark: str) -> list[str]:
    """Command lines of living processes that mention the mark."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if mark in line:
            found.append(line)
    return found


def gone(mark: str) -> bool:
    deadline = time.monotonic() + 5
    while processes_with(mark):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_a_job_runs_with_its_parameters_environment_and_logs(
    batch: Batch, queue: str, cloud: RunningCloud
) -> None:
    definition = batch.definition(
        "python",
        "-c",
        SHOW,
        "Ref::who",
        "Ref::absent",
        parameters={"who": "default"},
        container={"environment": [{"name": "COLOUR", "value": "red"}, {"name": "SIZE", "value": "big"}]},
    )
    job = batch.wait(
        batch.submit(
            queue,
            definition,
            parameters={"who": "ada"},
            containerOverrides={
                "environment": [{"name": "COLOUR", "value": "blue"}],
                "resourceRequirements": [{"type": "VCPU", "value": "2"}],
            },
        )
    )
    assert job["status"] == "SUCCEEDED"
    assert job["statusReason"] == "Essential container in task exited"
    assert job["createdAt"] <= job["startedAt"] <= job["stoppedAt"]
    (attempt,) = job["attempts"]
    assert attempt["container"]["exitCode"] == job["container"]["exitCode"] == 0
    assert attempt["container"]["logStreamName"].startswith(f"{definition}/default/")
    (line,) = batch.output(job)
    arguments, folder, environment = json.loads(line)
    assert arguments == ["ada", "Ref::absent"]
    assert (environment["COLOUR"], environment["SIZE"]) == ("blue", "big")
    assert environment["AWS_BATCH_JOB_ID"] == job["jobId"]
    assert environment["AWS_BATCH_JOB_ATTEMPT"] == "1"
    assert environment["AWS_BATCH_JQ_NAME"] == queue
    assert environment["AWS_BATCH_CE_NAME"].startswith("ce-")
    assert environment["AWS_ENDPOINT_URL"] == cloud.endpoint_url
    assert (environment["OMP_NUM_THREADS"], environment["OMP_WAIT_POLICY"]) == ("2", "PASSIVE")
    assert job["jobId"] in folder
    assert not Path(folder).exists()


def test_an_array_runs_every_child_once(batch: Batch, queue: str, tmp_path: Path) -> None:
    definition = batch.definition(
        "sh", "-c", f"echo $AWS_BATCH_JOB_ARRAY_SIZE >> {tmp_path}/$AWS_BATCH_JOB_ARRAY_INDEX", vcpus="0.25"
    )
    array = batch.wait(batch.submit(queue, definition, arrayProperties={"size": 300}))
    assert array["status"] == "SUCCEEDED"
    assert array["arrayProperties"]["size"] == 300
    assert array["arrayProperties"]["statusSummary"]["SUCCEEDED"] == 300
    assert sorted(int(file.name) for file in tmp_path.iterdir()) == list(range(300))
    assert {file.read_text() for file in tmp_path.iterdir()} == {"300\n"}
    child = batch.job(f"{array['jobId']}:7")
    assert child["arrayProperties"]["index"] == 7
    assert child["attempts"][0]["container"]["exitCode"] == 0
    pages = batch.api.get_paginator("list_jobs").paginate(arrayJobId=array["jobId"], jobStatus="SUCCEEDED")
    listed = [job["arrayProperties"]["index"] for page in pages for job in page["jobSummaryList"]]
    assert listed == list(range(300))


def test_only_failed_children_fail_and_the_parent_with_them(batch: Batch, queue: str) -> None:
    definition = batch.definition("sh", "-c", "exit $AWS_BATCH_JOB_ARRAY_INDEX")
    array = batch.wait(batch.submit(queue, definition, arrayProperties={"size": 3}))
    assert (array["status"], array["statusReason"]) == ("FAILED", "Array Child Job failed")
    summary = array["arrayProperties"]["statusSummary"]
    assert (summary["SUCCEEDED"], summary["FAILED"]) == (1, 2)
    assert batch.job(f"{array['jobId']}:2")["container"]["exitCode"] == 2


def test_dependencies(batch: Batch, queue: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    note = batch.definition("sh", "-c", f"sleep 0.0$AWS_BATCH_JOB_ARRAY_INDEX; echo $NAME >> {log}")

    def submit(name: str, **members: Any) -> str:
        variable = {"environment": [{"name": "NAME", "value": name}]}
        return batch.submit(queue, note, containerOverrides=variable, **members)

    first = submit("first")
    array = submit("array", arrayProperties={"size": 3}, dependsOn=[{"jobId": first}])
    pairs = submit("pairs", arrayProperties={"size": 3}, dependsOn=[{"jobId": array, "type": "N_TO_N"}])
    one = submit("one", arrayProperties={"size": 3}, dependsOn=[{"type": "SEQUENTIAL"}, {"jobId": pairs}])
    last = submit("last", dependsOn=[{"jobId": one}, {"jobId": f"{one}:1"}])
    assert batch.wait(last)["status"] == "SUCCEEDED"
    lines = log.read_text().split()
    assert lines[0] == "first"
    assert lines[-4:] == ["one", "one", "one", "last"]
    starts = [batch.job(f"{one}:{index}")["startedAt"] for index in range(3)]
    stops = [batch.job(f"{one}:{index}")["stoppedAt"] for index in range(3)]
    assert all(stop <= start for stop, start in zip(stops, starts[1:], strict=False))
    assert batch.wait(submit("late", dependsOn=[{"jobId": first}]))["status"] == "SUCCEEDED"


def test_a_failed_dependency_fails_its_dependents(batch: Batch, queue: str) -> None:
    fails = batch.definition("sh", "-c", "[ ${AWS_BATCH_JOB_ARRAY_INDEX:-1} != 1 ]")
    works = batch.definition("true")
    array = batch.submit(queue, fails, arrayProperties={"size": 3})
    pairs = batch.submit(
        queue, works, arrayProperties={"size": 3}, dependsOn=[{"jobId": array, "type": "N_TO_N"}]
    )
    chain = batch.submit(queue, fails, arrayProperties={"size": 4}, dependsOn=[{"type": "SEQUENTIAL"}])
    after = batch.submit(queue, works, dependsOn=[{"jobId": array}])
    behind = batch.submit(queue, works, dependsOn=[{"jobId": after}])
    for job_id in (after, behind):
        job = batch.wait(job_id)
        assert (job["status"], job["statusReason"], job["attempts"]) == ("FAILED", "Dependent Job failed", [])
    assert batch.wait(pairs)["arrayProperties"]["statusSummary"]["SUCCEEDED"] == 2
    assert batch.job(f"{pairs}:1")["statusReason"] == "Dependent Job failed"
    summary = batch.wait(chain)["arrayProperties"]["statusSummary"]
    assert (summary["SUCCEEDED"], summary["FAILED"]) == (1, 3)
    assert batch.job(f"{chain}:3")["statusReason"] == "Dependent Job failed"
    late = batch.wait(batch.submit(queue, works, dependsOn=[{"jobId": array}]))
    assert late["statusReason"] == "Dependent Job failed"


def test_attempts_and_rules(batch: Batch, queue: str) -> None:
    third = batch.definition(
        "sh", "-c", "[ $AWS_BATCH_JOB_ATTEMPT = 3 ] || exit 9", retryStrategy={"attempts": 4}
    )
    job = batch.wait(batch.submit(queue, third))
    assert job["status"] == "SUCCEEDED"
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [9, 9, 0]
    rules = [{"onExitCode": "9*", "action": "EXIT"}]
    stopped = batch.wait(batch.submit(queue, third, retryStrategy={"attempts": 4, "evaluateOnExit": rules}))
    assert len(stopped["attempts"]) == 1
    unmatched = [{"onExitCode": "8", "action": "EXIT"}]
    retried = batch.wait(
        batch.submit(queue, third, retryStrategy={"attempts": 2, "evaluateOnExit": unmatched})
    )
    assert len(retried["attempts"]) == 2


def test_terminate_ends_the_whole_group_and_whoever_left_it(batch: Batch, queue: str) -> None:
    mark = f"1{uuid.uuid4().int % 10**8:08d}"
    script = f"sleep {mark} & setsid sleep {mark} & wait"
    job_id = batch.submit(queue, batch.definition("sh", "-c", script, retryStrategy={"attempts": 3}))
    batch.wait(job_id, "RUNNING")
    while len(processes_with(f"sleep {mark}")) < 2:
        time.sleep(0.02)
    batch.api.terminate_job(jobId=job_id, reason="enough")
    job = batch.wait(job_id)
    assert (job["status"], job["statusReason"], len(job["attempts"])) == ("FAILED", "enough", 1)
    assert job["isTerminated"]
    assert gone(mark)


def test_a_finished_job_leaves_no_process(batch: Batch, queue: str) -> None:
    mark = f"2{uuid.uuid4().int % 10**8:08d}"
    script = f"sleep {mark} & (setsid sleep {mark} &) ; sleep 0.2"
    assert batch.wait(batch.submit(queue, batch.definition("sh", "-c", script)))["status"] == "SUCCEEDED"
    assert gone(mark)


def test_cancel_and_terminate_what_has_not_started(batch: Batch, queue: str) -> None:
    blocker = batch.submit(queue, batch.definition("sleep", "60", vcpus="4"))
    batch.wait(blocker, "RUNNING")
    waits = batch.definition("true")
    array = batch.submit(queue, waits, arrayProperties={"size": 50})
    single = batch.submit(queue, waits)
    pending = batch.submit(queue, waits, dependsOn=[{"jobId": single}])
    batch.wait(array, "PENDING")
    assert batch.job(f"{array}:3")["status"] == "RUNNABLE"
    front = batch.api.get_job_queue_snapshot(jobQueue=queue)["frontOfQueue"]["jobs"]
    assert [job["jobArn"].rpartition("/")[2] for job in front] == [array, single]
    batch.api.cancel_job(jobId=f"{array}:3", reason="not this one")
    assert batch.job(f"{array}:3")["statusReason"] == "not this one"
    batch.api.terminate_job(jobId=array, reason="none of them")
    batch.api.cancel_job(jobId=single, reason="not wanted")
    batch.api.cancel_job(jobId=blocker, reason="too late")
    assert batch.job(array)["status"] == "FAILED"
    assert batch.job(f"{array}:4")["statusReason"] == "none of them"
    assert (batch.job(single)["statusReason"], batch.job(single)["isCancelled"]) == ("not wanted", True)
    assert batch.job(pending)["statusReason"] == "Dependent Job failed"
    assert batch.job(blocker)["status"] == "RUNNING"
    batch.api.terminate_job(jobId=blocker, reason="done")
    batch.wait(blocker)
    with pytest.raises(ClientError, match="reason"):
        batch.api.cancel_job(jobId=single, reason="")


def test_what_cannot_start_or_run_says_why(batch: Batch, queue: str) -> None:
    missing = batch.wait(batch.submit(queue, batch.definition("no-such-program")))
    assert missing["statusReason"] == "Task failed to start"
    reason = missing["attempts"][0]["container"]["reason"]
    assert reason.startswith("CannotStartContainerError")
    assert '"no-such-program": executable file not found in $PATH' in reason
    assert "exitCode" not in missing["attempts"][0]["container"]
    hungry = batch.definition(
        "python", "-c", "b = bytearray(400 << 20); import time; time.sleep(60)", memory="64"
    )
    job = batch.wait(batch.submit(queue, hungry))
    assert job["container"]["reason"] == "OutOfMemoryError: Container killed due to memory usage"
    assert job["container"]["exitCode"] == 137
    large = batch.submit(queue, batch.definition("true", vcpus="8"))
    stuck = batch.wait(large, "RUNNABLE")
    while not stuck.get("statusReason"):
        stuck = batch.job(large)
    assert stuck["statusReason"].startswith(
        "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job needs 8 vCPUs"
    )
    assert batch.wait(batch.submit(queue, batch.definition("true")))["status"] == "SUCCEEDED"
    batch.api.terminate_job(jobId=large, reason="no room")
    small = batch.queue(environments=[batch.environment(maxvCpus=1)])
    narrow = batch.submit(small, batch.definition("true", vcpus="2"))
    while not (job := batch.job(narrow)).get("statusReason"):
        time.sleep(0.02)
    assert job["statusReason"].startswith("MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE")
    environment = batch.api.describe_job_queues(jobQueues=[small])["jobQueues"][0]["computeEnvironmentOrder"][
        0
    ]
    batch.api.update_compute_environment(
        computeEnvironment=environment["computeEnvironment"], computeResources={"maxvCpus": 2}
    )
    assert batch.wait(narrow)["status"] == "SUCCEEDED"


def test_secrets(batch: Batch, queue: str, cloud: RunningCloud) -> None:
    arn = cloud.client("secretsmanager").create_secret(
        Name=f"s-{uuid.uuid4().hex}", SecretString='{"user": "ada"}'
    )["ARN"]
    cloud.client("ssm").put_parameter(Name="/batch/colour", Value="green", Type="SecureString")
    secrets = [
        {"name": "WHOLE", "valueFrom": arn},
        {"name": "PART", "valueFrom": f"{arn}:user::"},
        {"name": "COLOUR", "valueFrom": "/batch/colour"},
    ]
    definition = batch.definition("sh", "-c", 'echo "$WHOLE $PART $COLOUR"', container={"secrets": secrets})
    assert batch.output(batch.wait(batch.submit(queue, definition))) == ['{"user": "ada"} ada green']
    wrong = [{"name": "X", "valueFrom": "/batch/nothing"}]
    job = batch.wait(batch.submit(queue, batch.definition("true", container={"secrets": wrong})))
    assert job["attempts"][0]["container"]["reason"].startswith("ResourceInitializationError")


def test_output_of_any_kind_reaches_the_logs(batch: Batch, queue: str) -> None:
    code = (
        "import sys; print('é' * 70000); print(); sys.stdout.flush();"
        "sys.stderr.write('to stderr\\n'); sys.stdout.buffer.write(b'\\xff no end of line')"
    )
    job = batch.wait(batch.submit(queue, batch.definition("python", "-u", "-c", code)))
    lines = batch.output(job, lines=4)
    assert "".join(lines).replace("é", "") == " to stderr\ufffd no end of line"
    assert "".join(lines).count("é") == 70000
    many = batch.wait(batch.submit(queue, batch.definition("seq", "30000")))
    batch.output(many, lines=100)
    groups = {"awslogs-group": "/own/group", "awslogs-stream-prefix": "p"}
    own = batch.definition(
        "echo", "here", container={"logConfiguration": {"logDriver": "awslogs", "options": groups}}
    )
    job = batch.wait(batch.submit(queue, own))
    assert job["container"]["logStreamName"].startswith("p/default/")
    assert batch.output(job, "/own/group") == ["here"]


def test_state_changes_reach_eventbridge(batch: Batch, queue: str, cloud: RunningCloud) -> None:
    sqs, events = cloud.client("sqs"), cloud.client("events")
    url = sqs.create_queue(QueueName="batch-events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="batch", EventPattern=json.dumps({"source": ["aws.batch"]}))
    events.put_targets(Rule="batch", Targets=[{"Id": "1", "Arn": arn}])
    job_id = batch.submit(queue, batch.definition("sh", "-c", "exit 3"))
    batch.wait(job_id)
    seen: list[dict[str, Any]] = []
    deadline = time.monotonic() + 20
    while not any(event["detail"]["status"] == "FAILED" for event in seen):
        assert time.monotonic() < deadline, seen
        got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        found = [json.loads(message["Body"]) for message in got.get("Messages", [])]
        seen += [event for event in found if event["detail"]["jobId"] == job_id]
    events.remove_targets(Rule="batch", Ids=["1"])
    events.delete_rule(Name="batch")
    assert {event["detail-type"] for event in seen} == {"Batch Job State Change"}
    assert {event["detail"]["status"] for event in seen} == {"RUNNABLE", "STARTING", "RUNNING", "FAILED"}
    last = next(event["detail"] for event in seen if event["detail"]["status"] == "FAILED")
    assert last["container"]["exitCode"] == 3
    assert last["attempts"][0]["statusReason"] == "Essential container in task exited"


def test_an_interrupted_job_is_retried_by_its_rules(batch: Batch, queue: str, cloud: RunningCloud) -> None:
    rules = [
        {"onStatusReason": "Host EC2*", "action": "RETRY"},
        {"onReason": "*", "action": "EXIT"},
    ]
    definition = batch.definition(
        "sh",
        "-c",
        "[ $AWS_BATCH_JOB_ATTEMPT = 2 ] || sleep 60",
        retryStrategy={"attempts": 3, "evaluateOnExit": rules},
    )
    job_id = batch.submit(queue, definition)
    batch.wait(job_id, "RUNNING")
    assert "Interrupted 1 running attempt" in cloud.command("interrupt", job_id).stdout
    job = batch.wait(job_id)
    assert job["status"] == "SUCCEEDED"
    first, second = job["attempts"]
    assert first["statusReason"].startswith("Host EC2 (instance i-")
    assert first["statusReason"].endswith(") terminated.")
    assert second["container"]["exitCode"] == 0
    refused = cloud.command("interrupt", job_id, check=False)
    assert (refused.returncode, "no running attempt" in refused.stderr) == (1, True)
