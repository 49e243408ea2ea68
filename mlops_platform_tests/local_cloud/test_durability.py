"""kill -9 loses nothing that was acknowledged; and the MiniStack internals this rests on are still there."""

import importlib
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from local_cloud.recovery import repair_torn_writes

from mlops_platform_tests.fixtures_cloud import RunningCloud, running

BUCKET = "durable"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    with running(tmp_path_factory.mktemp("durability") / "state") as started:
        yield started


def _crash(cloud: RunningCloud) -> None:
    cloud.kill9()
    cloud.up()


def _drain(sqs: Any, url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += messages
    return found


def test_the_control_plane_survives(cloud: RunningCloud) -> None:
    role = {"Version": "2012-10-17", "Statement": []}
    queue = cloud.client("sqs").create_queue(QueueName="control", Attributes={"VisibilityTimeout": "7"})[
        "QueueUrl"
    ]
    cloud.client("ssm").put_parameter(Name="/c", Value="v1", Type="String")
    cloud.client("ssm").put_parameter(Name="/c", Value="v2", Type="String", Overwrite=True)
    secret = cloud.client("secretsmanager").create_secret(Name="c", SecretString="hush")["ARN"]
    cloud.client("iam").create_role(RoleName="c", AssumeRolePolicyDocument=json.dumps(role))
    cloud.client("events").put_rule(Name="c", EventPattern='{"source":["x"]}')
    cloud.client("events").put_targets(
        Rule="c", Targets=[{"Id": "1", "Arn": "arn:aws:sqs:us-east-1:000000000000:control"}]
    )
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName="/c")
    logs.create_log_stream(logGroupName="/c", logStreamName="s")
    now = int(time.time() * 1000)
    for run in range(3):
        events = [{"timestamp": now + run * 300 + i, "message": f"{run}-{i}"} for i in range(300)]
        logs.put_log_events(logGroupName="/c", logStreamName="s", logEvents=events)
    machine = cloud.client("stepfunctions").create_state_machine(
        name="c",
        definition='{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}',
        roleArn="arn:aws:iam::000000000000:role/c",
    )["stateMachineArn"]
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="empty-but-there")
    s3.put_bucket_tagging(Bucket="empty-but-there", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    topic = cloud.client("sns").create_topic(Name="c")["TopicArn"]

    _crash(cloud)

    attributes = cloud.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])[
        "Attributes"
    ]
    assert attributes["VisibilityTimeout"] == "7"
    history = cloud.client("ssm").get_parameter_history(Name="/c")["Parameters"]
    assert [entry["Value"] for entry in history] == ["v1", "v2"]
    assert cloud.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"] == "hush"
    assert cloud.client("iam").get_role(RoleName="c")["Role"]["AssumeRolePolicyDocument"] == role
    assert len(cloud.client("events").list_targets_by_rule(Rule="c")["Targets"]) == 1
    page = cloud.client("logs").get_log_events(
        logGroupName="/c", logStreamName="s", startFromHead=True, limit=10000
    )
    assert [event["message"] for event in page["events"]] == [
        f"{run}-{i}" for run in range(3) for i in range(300)
    ]
    assert cloud.client("stepfunctions").describe_state_machine(stateMachineArn=machine)["name"] == "c"
    assert cloud.client("s3").get_bucket_tagging(Bucket="empty-but-there")["TagSet"] == [
        {"Key": "a", "Value": "b"}
    ]
    assert cloud.client("sns").get_topic_attributes(TopicArn=topic)["Attributes"]["TopicArn"] == topic


def test_a_lambda_function_survives_with_its_code(cloud: RunningCloud, tmp_path: Path) -> None:
    import io
    import zipfile

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", "def handler(event, context):\n    return event['n'] * 2\n")
    functions = cloud.client("lambda")
    functions.create_function(
        FunctionName="twice",
        Runtime="python3.11",
        Role="arn:aws:iam::000000000000:role/c",
        Handler="index.handler",
        Code={"ZipFile": packed.getvalue()},
    )
    _crash(cloud)
    answer = cloud.client("lambda").invoke(FunctionName="twice", Payload=b'{"n": 21}')
    assert answer["Payload"].read() == b"42"


def test_a_message_in_flight_can_be_deleted_after_the_crash(cloud: RunningCloud) -> None:
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="inflight")["QueueUrl"]
    for body in ("one", "two", "three"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    first, second = (sqs.receive_message(QueueUrl=url)["Messages"][0] for _ in range(2))
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    _crash(cloud)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"])
    assert [message["Body"] for message in _drain(sqs, url)] == ["three"]


def test_deleted_things_stay_deleted(cloud: RunningCloud) -> None:
    sqs, ssm = cloud.client("sqs"), cloud.client("ssm")
    url = sqs.create_queue(QueueName="gone")["QueueUrl"]
    ssm.put_parameter(Name="/gone", Value="x", Type="String")
    sqs.delete_queue(QueueUrl=url)
    ssm.delete_parameter(Name="/gone")
    _crash(cloud)
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName="gone")
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter(Name="/gone")


def test_a_dead_letter_queue_keeps_what_was_moved(cloud: RunningCloud) -> None:
    sqs = cloud.client("sqs")
    dead = sqs.create_queue(QueueName="poison-dlq")["QueueUrl"]
    policy = {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:poison-dlq", "maxReceiveCount": 1}
    url = sqs.create_queue(
        QueueName="poison", Attributes={"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": "0"}
    )["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="bad")
    for _ in range(3):
        sqs.receive_message(QueueUrl=url)
    _crash(cloud)
    assert [message["Body"] for message in _drain(sqs, dead)] == ["bad"]


def test_killed_under_load_nothing_acknowledged_is_lost(cloud: RunningCloud) -> None:
    """Writers of four kinds run while the server is killed, three times; what was answered must be there."""
    s3, sqs, ssm, glue = (cloud.client(name) for name in ("s3", "sqs", "ssm", "glue"))
    s3.create_bucket(Bucket=BUCKET)
    sent_to = sqs.create_queue(QueueName="load")["QueueUrl"]
    events_to = sqs.create_queue(QueueName="load-events")["QueueUrl"]
    events = cloud.client("events")
    events.put_rule(
        Name="load", EventPattern=json.dumps({"source": ["aws.s3"], "detail": {"bucket": {"name": [BUCKET]}}})
    )
    events.put_targets(
        Rule="load", Targets=[{"Id": "1", "Arn": "arn:aws:sqs:us-east-1:000000000000:load-events"}]
    )
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )

    acknowledged: dict[str, set[str]] = {name: set() for name in ("s3", "sqs", "ssm", "glue")}
    writes: dict[str, Callable[[str], Any]] = {
        "s3": lambda name: s3.put_object(Bucket=BUCKET, Key=name, Body=name.encode()),
        "sqs": lambda name: sqs.send_message(QueueUrl=sent_to, MessageBody=name),
        "ssm": lambda name: ssm.put_parameter(Name=f"/load/{name}", Value=name, Type="String"),
        "glue": lambda name: glue.create_database(DatabaseInput={"Name": name}),
    }
    stop = threading.Event()

    def write(kind: str, worker: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            name = f"{kind}{worker}x{number}"
            try:
                writes[kind](name)
            except (BotoCoreError, ClientError):
                time.sleep(0.05)
            else:
                acknowledged[kind].add(name)

    with ThreadPoolExecutor(8) as pool:
        writers = [pool.submit(write, kind, worker) for kind in writes for worker in range(2)]
        for _ in range(2):
            time.sleep(1.2)
            _crash(cloud)
        time.sleep(0.5)
        cloud.kill9()
        stop.set()
        for writer in writers:
            writer.result()
    cloud.up()

    assert all(len(names) > 20 for names in acknowledged.values()), acknowledged
    listed = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    assert acknowledged["s3"] <= {found["Key"] for page in listed for found in page.get("Contents", ())}
    assert acknowledged["sqs"] <= {message["Body"] for message in _drain(sqs, sent_to)}
    told = {json.loads(message["Body"])["detail"]["object"]["key"] for message in _drain(sqs, events_to)}
    assert acknowledged["s3"] <= told
    parameters = ssm.get_paginator("get_parameters_by_path").paginate(Path="/load")
    assert acknowledged["ssm"] <= {found["Value"] for page in parameters for found in page["Parameters"]}
    databases = glue.get_paginator("get_databases").paginate()
    assert acknowledged["glue"] <= {found["Name"] for page in databases for found in page["DatabaseList"]}


def _limit_files(cloud: RunningCloud, size: int) -> None:
    """Lets the server write no file beyond a size: what a full disk does, without one."""
    hard = resource.prlimit(cloud.pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(cloud.pid, resource.RLIMIT_FSIZE, (size, hard))


def test_a_change_that_cannot_be_written_is_not_acknowledged(tmp_path: Path) -> None:
    with running(tmp_path / "state") as cloud:
        _limit_files(cloud, cloud.dir.joinpath("ministack", "state.db-wal").stat().st_size + 40_000)
        ssm = cloud.client("ssm", retries={"max_attempts": 0})
        words = r"could not be written to .*state.*Free disk space"
        with pytest.raises(ClientError, match=words) as caught:  # noqa: PT012
            for number in range(100):
                ssm.put_parameter(Name=f"/{number}", Value="x" * 4000, Type="String")
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
        _limit_files(cloud, resource.RLIM_INFINITY)
        ssm.put_parameter(Name="/after", Value="x", Type="String")
        _crash(cloud)
        assert ssm.get_parameter(Name="/after")["Parameter"]["Value"] == "x"


def test_an_object_that_cannot_be_written_is_not_acknowledged(tmp_path: Path) -> None:
    with running(tmp_path / "state") as cloud:
        s3 = cloud.client("s3", retries={"max_attempts": 0})
        s3.create_bucket(Bucket=BUCKET)
        _limit_files(cloud, 1_000_000)
        with pytest.raises(ClientError, match="could not be written to") as caught:
            s3.put_object(Bucket=BUCKET, Key="big", Body=b"x" * 2_000_000)
        assert caught.value.response["Error"]["Code"] == "InternalFailure"
        _limit_files(cloud, resource.RLIM_INFINITY)
        s3.put_object(Bucket=BUCKET, Key="big", Body=b"x" * 2_000_000)
        _crash(cloud)
        assert s3.head_object(Bucket=BUCKET, Key="big")["ContentLength"] == 2_000_000


def test_an_overwrite_cut_short_gets_an_honest_etag(tmp_path: Path) -> None:
    with running(tmp_path / "state") as cloud:
        s3 = cloud.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"old", Metadata={"a": "b"})
        cloud.kill9()
        data = cloud.dir / "s3" / "000000000000" / BUCKET / "k"
        data.write_bytes(b"newer bytes")  # what MiniStack has done when it is killed before the sidecar
        (data.parent / "half.tmp").write_bytes(b"x")
        cloud.up()
        got = s3.get_object(Bucket=BUCKET, Key="k")
        assert got["Body"].read() == b"newer bytes"
        assert got["ETag"] == _md5(b"newer bytes")
        assert [found["Key"] for found in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["k"]


def _md5(data: bytes) -> str:
    import hashlib

    return f'"{hashlib.md5(data).hexdigest()}"'  # noqa: S324 - S3's ETag


def test_repair_leaves_whole_objects_alone(tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(b"x")
    (tmp_path / "k.meta.json").write_text('{"etag": "\\"e\\"", "size": 1}')
    os.utime(tmp_path / "k", ns=(1, 1))
    assert repair_torn_writes(tmp_path) == []
    assert json.loads((tmp_path / "k.meta.json").read_text())["size"] == 1


# What a new MiniStack must keep. Each check says what breaks without it.

CONTRACT = """
import asyncio, json, os, sys
from pathlib import Path
from local_cloud import base_services, deliveries, state_records
from local_cloud.settings import Settings
settings = Settings(dir=Path(sys.argv[1]))
app = base_services.load(settings)
{code}
"""


def _in_ministack(tmp_path: Path, code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CONTRACT.format(code=code), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_contract_every_hook_is_there(tmp_path: Path) -> None:
    _in_ministack(tmp_path, "assert base_services.contract_breaches() == []")


def test_contract_environment_is_honoured(tmp_path: Path) -> None:
    """Else state would land in a shared /tmp, or a snapshot of its own would come back."""
    _in_ministack(
        tmp_path,
        "from ministack.services import s3\n"
        "from ministack.core import persistence\n"
        "assert s3.S3_PERSIST and s3.DATA_DIR == str(settings.dir / 's3')\n"
        "assert not persistence.PERSIST_STATE and persistence.STATE_DIR == str(settings.dir / 'ministack')",
    )


def test_contract_states_are_dicts_of_scoped_stores_and_come_back(tmp_path: Path) -> None:
    """durability.py reads get_state() uncopied, splits it, and hands it to load_persisted_state."""
    code = """
from ministack.services import sqs, cloudwatch_logs, stepfunctions, ssm
from local_cloud.durability import StateStore
q = sqs._act_create_queue({"QueueName": "q"}, "")["QueueUrl"]
for i in range(20):
    sqs._act_send_message({"QueueUrl": q, "MessageBody": str(i)}, q)
state = state_records.live_state(sqs)
assert state["queues"]._data is sqs._queues._data, "get_state copies in a way live_state does not undo"
message = next(iter(state["queues"]._data.values()))["messages"][0]
assert {"id", "receipt_handle", "visible_at", "receive_count"} <= message.keys(), message.keys()
rows = sorted((r.name, state_records.encode(r.value())) for r in state_records.records("sqs", state))
back = state_records.rebuild(sorted(rows, key=lambda row: json.loads(row[0])))
assert state_records.encode(back["queues"]) == state_records.encode(sqs._queues)
sqs._queues.clear()
sqs.load_persisted_state(back)
got = next(iter(sqs._queues._data.values()))["messages"]
assert [m["body"] for m in got] == [str(i) for i in range(20)], got
for module in (cloudwatch_logs, stepfunctions, ssm):
    assert isinstance(state_records.live_state(module), dict)
assert "log_groups" in state_records.live_state(cloudwatch_logs)
assert "executions" in state_records.live_state(stepfunctions)
"""
    _in_ministack(tmp_path, code)


def test_contract_touched_modules_exist() -> None:
    """durability.TOUCHES names MiniStack's state keys; a renamed one would silently not be saved."""
    code = "from ministack import app\nfrom local_cloud import durability as d\n"
    code += "named = set().union(*d.TOUCHES.values(), d.S3_EVENT_TOUCHES)\n"
    code += "assert named <= app._state_map.keys(), named"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_contract_a_missing_hook_stops_the_start_and_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    base_services = importlib.import_module("local_cloud.base_services")
    monkeypatch.setitem(base_services.HOOKS, "json", ("dumps", "no_such_name"))
    assert "json.no_such_name is gone" in base_services.contract_breaches()
