"""Lambda functions run as real Python, and fail under their exception's own name."""

import io
import json
import time
import uuid
import zipfile
from typing import Any

import pytest
from local_cloud.lambda_errors import exception_class

from mlops_platform_tests.fixtures_cloud import RunningCloud

ROLE = "arn:aws:iam::000000000000:role/any"
CODE = """
class OutOfStock(Exception):
    pass

def handler(event, context):
    if event.get("bare"):
        raise OutOfStock
    if event.get("key"):
        return {}["missing"]
    raise OutOfStock("none left: 0\\nof 3")
"""


@pytest.fixture(scope="module")
def function(local_cloud: RunningCloud) -> str:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", CODE)
    name = f"fails-{uuid.uuid4().hex[:8]}"
    made = local_cloud.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=ROLE,
        Handler="index.handler",
        Code={"ZipFile": packed.getvalue()},
    )
    return str(made["FunctionArn"])


@pytest.mark.parametrize(
    ("event", "name", "message"),
    [
        ({}, "OutOfStock", "none left: 0\nof 3"),
        ({"bare": 1}, "OutOfStock", ""),
        ({"key": 1}, "KeyError", "'missing'"),
    ],
)
def test_the_exceptions_class_is_the_error_type(
    local_cloud: RunningCloud, function: str, event: dict[str, Any], name: str, message: str
) -> None:
    answer = local_cloud.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
    assert answer["FunctionError"] == "Unhandled"
    body = json.loads(answer["Payload"].read())
    assert (body["errorType"], body["errorMessage"]) == (name, message)


def test_a_state_machine_catches_it_by_name(local_cloud: RunningCloud, function: str) -> None:
    states = local_cloud.client("stepfunctions")
    call = {
        "Type": "Task",
        "Resource": function,
        "Catch": [{"ErrorEquals": ["OutOfStock"], "Next": "Caught"}],
        "End": True,
    }
    caught = {"Type": "Pass", "Result": "caught", "End": True}
    definition = {"StartAt": "Call", "States": {"Call": call, "Caught": caught}}
    machine = states.create_state_machine(
        name=uuid.uuid4().hex, definition=json.dumps(definition), roleArn=ROLE
    )
    run = states.start_execution(stateMachineArn=machine["stateMachineArn"], input="{}")["executionArn"]
    deadline = time.monotonic() + 20
    while (found := states.describe_execution(executionArn=run))["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert found["status"] == "SUCCEEDED"
    assert json.loads(found["output"]) == "caught"


def test_a_log_without_that_exception_names_none() -> None:
    assert exception_class("just a line\nValueError: other", "mine") is None
