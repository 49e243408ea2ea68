"""One service's protocol: requests in, boto3 shapes out, and the way back."""

import json
import uuid
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import botocore.loaders
from botocore.model import OperationModel, ServiceModel

from local_cloud.errors import ServiceError
from local_cloud.protocol import routes
from local_cloud.protocol.parse import parse_members, parse_value
from local_cloud.protocol.serialize import serialize
from local_cloud.protocol.shapes import Shape
from local_cloud.protocol.validate import validation_errors

SPOKEN = ("json", "rest-json")

VALIDATION_CODES = {
    "athena": "InvalidRequestException",
    "glue": "InvalidInputException",
    "kinesis": "ValidationException",
    "batch": "ClientException",
    "kafka": "BadRequestException",
}
"""What each service calls a request that breaks its model; others say ValidationException."""


@dataclass(frozen=True)
class HttpRequest:
    """A request as the gateway received it; ``path`` percent-encoded, header names in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class HttpResponse:
    """A response to send."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Protocol:
    """Parses and serialises one service's operations by botocore's model of it."""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model
        self.service = str(model.service_name)
        self.name = str(model.metadata["protocol"])
        if self.name not in SPOKEN:
            raise NotImplementedError(
                f"{self.service} speaks the {self.name} protocol; engines speak {', '.join(SPOKEN)} only."
            )
        self._json_version = str(model.metadata.get("jsonVersion", "1.0"))
        self._routes = routes.Routes(model) if self.name == "rest-json" else None

    def parse(self, request: HttpRequest) -> tuple[OperationModel, dict[str, Any]]:
        """The operation a request calls and its parameters as boto3 takes them.

        Raises:
            ServiceError: UnknownOperationException, SerializationException, or a validation error.
        """
        if self._routes is None:
            operation = self._target_operation(request)
            raw = _json_body(request.body)
            params = parse_members(operation.input_shape, raw) if operation.input_shape else {}
        else:
            operation, labels = self._routes.match(request.method, request.path, request.query)
            params = self._rest_params(operation, request, labels)
        if operation.input_shape is not None:
            self._validate(operation, params)
        return operation, params

    def _target_operation(self, request: HttpRequest) -> OperationModel:
        target = request.headers.get("x-amz-target", "")
        name = target.rpartition(".")[2]
        if name not in self.model.operation_names:
            raise ServiceError(
                "UnknownOperationException",
                f"{target or 'A request without X-Amz-Target'} is no operation of {self.service}.",
            )
        content_type = request.headers.get("content-type", "")
        if "cbor" in content_type:
            raise ServiceError("UnknownOperationException", f"{content_type} is not spoken here; send JSON.")
        return self.model.operation_model(name)

    def _rest_params(
        self, operation: OperationModel, request: HttpRequest, labels: dict[str, str]
    ) -> dict[str, Any]:
        shape: Shape = operation.input_shape
        if shape is None:
            return {}
        params = routes.located_params(shape, labels, request.query, request.headers)
        payload = shape.serialization.get("payload")
        if payload is None:
            body = routes.body_shape_members(shape)
            params |= parse_members(shape, _json_body(request.body), only=body) if body else {}
        elif shape.members[payload].type_name in ("blob", "string"):
            is_text = shape.members[payload].type_name == "string"
            params[payload] = request.body.decode() if is_text else request.body
        elif request.body:
            params[payload] = parse_value(shape.members[payload], _json_body(request.body), payload)
        return params

    def _validate(self, operation: OperationModel, params: dict[str, Any]) -> None:
        errors = validation_errors(operation.input_shape, params)
        if errors:
            count = f"{len(errors)} validation error{'s' if len(errors) > 1 else ''} detected: "
            raise ServiceError(
                VALIDATION_CODES.get(self.service, "ValidationException"), count + "; ".join(errors)
            )

    def respond(self, operation: OperationModel, result: dict[str, Any]) -> HttpResponse:
        """The HTTP response that carries an operation's boto3-shaped result.

        Raises:
            TypeError: the result does not fit the model; an engine's bug, told with the member's path.
        """
        shape: Shape = operation.output_shape
        headers, status = self._headers(), int(operation.http.get("responseCode", 200))
        if shape is None:
            if result:
                raise TypeError(f"{operation.name} has no output, yet the engine answered {sorted(result)}.")
            return HttpResponse(status, headers, b"" if self._routes else b"{}")
        payload = shape.serialization.get("payload") if self._routes else None
        if self._routes:
            located, result = routes.split_located(shape, result)
            status = int(located.pop(":status", status))
            headers |= located
        if payload is not None:
            value = serialize(shape.members[payload], result.get(payload), payload)
            return HttpResponse(status, headers, value if isinstance(value, bytes) else _dumps(value))
        return HttpResponse(status, headers, _dumps(serialize(shape, result, operation.name)))

    def respond_error(self, error: ServiceError) -> HttpResponse:
        """The HTTP response that carries an error as AWS writes it."""
        shapes: list[Shape] = list(self.model.error_shapes)
        shape = next((s for s in shapes if error.code in (s.name, s.error_code)), None)
        member = "message"
        if shape is not None:
            member = next((name for name in shape.members if name.lower() == "message"), "message")
        body = {"__type": error.code, member: error.message} | {
            name: serialize(shape.members[name], value, name) if shape and name in shape.members else value
            for name, value in error.members.items()
        }
        headers = self._headers() | {"x-amzn-ErrorType": error.code}
        return HttpResponse(error.status, headers, _dumps(body))

    def _headers(self) -> dict[str, str]:
        content = (
            f"application/x-amz-json-{self._json_version}" if self._routes is None else "application/json"
        )
        return {"Content-Type": content, "x-amzn-RequestId": str(uuid.uuid4())}


def _json_body(body: bytes) -> Any:
    if not body:
        return {}
    try:
        value = json.loads(body)
    except ValueError as error:
        raise ServiceError("SerializationException", f"The request body is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise ServiceError("SerializationException", "The request body must be a JSON object.")
    return value


def _dumps(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


@cache
def load(service: str) -> Protocol:
    """The protocol of a service by its botocore name. The model is loaded once, on first use."""
    loader = botocore.loaders.Loader()
    return Protocol(ServiceModel(loader.load_service_model(service, "service-2"), service_name=service))
