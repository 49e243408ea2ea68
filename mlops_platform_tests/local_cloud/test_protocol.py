"""For every operation: what a botocore client sends we parse, and what we serialise it parses."""

import json
import random
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import botocore.parsers
import botocore.serialize
import pytest
from botocore.awsrequest import AWSPreparedRequest, HeadersDict
from local_cloud import protocol
from local_cloud.errors import ServiceError
from local_cloud.protocol import HttpRequest

SERVICES = ("glue", "athena", "batch", "kafka")
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)


def _operations() -> list[tuple[str, str]]:
    return [(service, name) for service in SERVICES for name in protocol.load(service).model.operation_names]


def sample(shape: Any, rng: random.Random, depth: int = 0, *, full: bool = True) -> Any:  # noqa: PLR0911
    """A value the shape allows; recursion ends by leaving optional members out."""
    low = int(shape.metadata.get("min", 0) or 0)
    match shape.type_name:
        case "structure":
            required = set(shape.metadata.get("required", ()))
            return {
                name: sample(member, rng, depth + 1, full=full)
                for name, member in shape.members.items()
                if name in required or (full and depth < 4 and member.type_name != "blob")
            }
        case "list":
            count = max(low, 0 if depth > 4 else 1)
            return [sample(shape.member, rng, depth + 1, full=full) for _ in range(count)]
        case "map":
            return (
                {}
                if depth > 4 and low == 0
                else {_text(shape.key, rng): sample(shape.value, rng, depth + 1, full=full)}
            )
        case "string":
            return _text(shape, rng)
        case "integer" | "long":
            return min(max(low, 7), int(shape.metadata.get("max", 10**9)))
        case "float" | "double":
            return min(max(float(low), 0.5), float(shape.metadata.get("max", 1e9)))
        case "boolean":
            return rng.random() < 0.5
        case "timestamp":
            return MOMENT
        case "blob":
            return b"\x00\xff" * max(1, low)
    raise AssertionError(shape.type_name)


def _text(shape: Any, rng: random.Random) -> str:
    enum = shape.metadata.get("enum")
    if enum:
        return str(rng.choice(enum))
    size = max(int(shape.metadata.get("min", 1) or 0), 3)
    return ("abc" * size)[: min(size, int(shape.metadata.get("max", 10**6)))]


def to_request(service: str, operation: Any, params: dict[str, Any]) -> HttpRequest:
    """The request botocore itself would send."""
    made = botocore.serialize.create_serializer(protocol.load(service).name, include_validation=False)
    wire = made.serialize_to_request(params, operation)
    body = wire["body"]
    prepared = AWSPreparedRequest(
        wire["method"], "http://x" + wire["url_path"], HeadersDict(wire["headers"]), body, False
    )
    query = wire["query_string"]
    return HttpRequest(
        method=prepared.method,
        path=wire["url_path"].partition("?")[0],
        query=query if isinstance(query, str) else urlencode(query, doseq=True),
        headers={k.lower(): v for k, v in wire["headers"].items()},
        body=body if isinstance(body, bytes) else (body or "").encode(),
    )


@pytest.mark.parametrize(("service", "name"), _operations())
def test_requests_and_responses_survive_the_wire(
    service: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The generated texts fit every constraint but patterns.
    monkeypatch.setattr("local_cloud.protocol.validate._pattern", lambda _: None)
    spoken = protocol.load(service)
    operation = spoken.model.operation_model(name)
    for seed, full in ((1, True), (2, False)):
        rng = random.Random(seed)  # noqa: S311
        if operation.input_shape is not None:
            params = sample(operation.input_shape, rng, full=full)
            found, parsed = spoken.parse(to_request(service, operation, params))
            assert found.name == name
            assert parsed == params
        if operation.output_shape is not None:
            result = sample(operation.output_shape, rng, full=full)
            response = spoken.respond(operation, result)
            parser = botocore.parsers.create_parser(spoken.name)
            seen = parser.parse(
                {
                    "status_code": response.status,
                    "headers": HeadersDict(response.headers),
                    "body": response.body,
                },
                operation.output_shape,
            )
            seen.pop("ResponseMetadata")
            assert seen == result


@pytest.mark.parametrize("service", SERVICES)
def test_every_modelled_error_is_the_exception_boto3_names(service: str) -> None:
    spoken = protocol.load(service)
    parser = botocore.parsers.create_parser(spoken.name)
    for shape in spoken.model.error_shapes:
        response = spoken.respond_error(ServiceError(shape.error_code, "what happened"))
        wire = {
            "status_code": response.status,
            "headers": HeadersDict(response.headers),
            "body": response.body,
        }
        seen = parser.parse(wire, None)
        assert seen["Error"]["Code"] == shape.error_code
        assert seen["Error"]["Message"] == "what happened"
        assert seen["ResponseMetadata"]["RequestId"] == response.headers["x-amzn-RequestId"]


def test_an_errors_further_members_arrive() -> None:
    error = ServiceError("InvalidRequestException", "bad sql", AthenaErrorCode="INVALID_QUERY")
    assert json.loads(protocol.load("athena").respond_error(error).body) == {
        "__type": "InvalidRequestException",
        "Message": "bad sql",
        "AthenaErrorCode": "INVALID_QUERY",
    }


def _glue(name: str, body: object) -> HttpRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpRequest("POST", "/", "", {"x-amz-target": f"AWSGlue.{name}"}, raw)


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (_glue("GetTable", {"Name": "t"}), "InvalidInputException", "Value null at 'databaseName'"),
        (
            _glue("GetTable", {"Name": "", "DatabaseName": "d"}),
            "InvalidInputException",
            "length greater than or equal to 1",
        ),
        (
            _glue("GetTable", {"Name": "t" * 300, "DatabaseName": "d"}),
            "InvalidInputException",
            "less than or equal to 255",
        ),
        (
            _glue("GetTables", {"DatabaseName": "d", "MaxResults": 5000}),
            "InvalidInputException",
            "value less than or equal",
        ),
        (
            _glue("CreateJob", {"Name": "j", "Role": "r", "Command": {}, "WorkerType": "X9"}),
            "InvalidInputException",
            "enum value set",
        ),
        (
            _glue("CreateJob", {"Name": "j", "Role": "r", "Command": {"PythonVersion": "x"}}),
            "InvalidInputException",
            "regular expression",
        ),
        (
            _glue("GetTable", {"Name": 3, "DatabaseName": "d"}),
            "SerializationException",
            "Name must be a string",
        ),
        (
            _glue("GetTable", {"Nme": "t", "DatabaseName": "d"}),
            "SerializationException",
            "Nme is not a member",
        ),
        (_glue("GetTable", b"{"), "SerializationException", "not JSON"),
        (_glue("GetTable", b"[]"), "SerializationException", "JSON object"),
        (_glue("FlyToTheMoon", {}), "UnknownOperationException", "AWSGlue.FlyToTheMoon"),
    ],
)
def test_a_request_that_breaks_the_model_is_refused(request_: HttpRequest, code: str, words: str) -> None:
    with pytest.raises(ServiceError) as caught:
        protocol.load("glue").parse(request_)
    assert caught.value.code == code
    assert words in caught.value.message
    assert caught.value.status == 400


def test_athena_calls_a_broken_request_by_its_own_name() -> None:
    request = HttpRequest("POST", "/", "", {"x-amz-target": "AmazonAthena.StartQueryExecution"}, b"{}")
    with pytest.raises(ServiceError, match="queryString") as caught:
        protocol.load("athena").parse(request)
    assert caught.value.code == "InvalidRequestException"


def test_a_result_that_does_not_fit_the_model_is_an_error() -> None:
    spoken = protocol.load("glue")
    operation = spoken.model.operation_model("GetDatabase")
    for result in (
        {"Database": {"Nam": "x"}},
        {"Database": {"Name": 3}},
        {"Databse": {}},
        {"Database": {"Name": "x", "CreateTime": 3}},
    ):
        with pytest.raises(TypeError, match=r"Data|GetDatabase"):
            spoken.respond(operation, result)


def test_a_protocol_nobody_wrote_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="query protocol"):
        protocol.load("iam")
