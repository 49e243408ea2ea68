"""rest-json: which operation a method and path call, and the members outside the body."""

import re
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, unquote

from botocore.model import OperationModel, ServiceModel

from local_cloud.errors import ServiceError
from local_cloud.protocol.parse import timestamp as parse_time
from local_cloud.protocol.serialize import timestamp as write_time
from local_cloud.protocol.shapes import Shape

LOCATED = ("uri", "querystring", "header", "headers", "statusCode")


class Routes:
    """The request templates of a rest-json service."""

    def __init__(self, model: ServiceModel) -> None:
        self._model = model
        self._table = [(*_template(model.operation_model(name).http), name) for name in model.operation_names]
        # The most literal template wins: /v1/tags/{arn} before /v1/{name}/{key}.
        self._table.sort(key=lambda row: (-row[3], row[4]))

    def match(self, method: str, path: str, query: str) -> tuple[OperationModel, dict[str, str]]:
        """The operation and its path labels.

        Raises:
            ServiceError: UnknownOperationException.
        """
        given = parse_qs(query, keep_blank_values=True)
        for wanted, pattern, fixed_query, _, name in self._table:
            found = pattern.fullmatch(path) if method == wanted else None
            if found and all(given.get(key) == value for key, value in fixed_query.items()):
                return self._model.operation_model(name), {
                    k: unquote(v) for k, v in found.groupdict().items()
                }
        raise ServiceError(
            "UnknownOperationException",
            f"{method} {path} is no operation of {self._model.service_name}.",
            404,
        )


def _template(http: dict[str, Any]) -> tuple[str, re.Pattern[str], dict[str, list[str]], int]:
    path, _, query = http["requestUri"].partition("?")
    pattern = ""
    for part in re.split(r"(\{[^}]+\})", path.rstrip("/") or "/"):
        label = part[1:-1] if part.startswith("{") else ""
        if not label:
            pattern += re.escape(part)
        elif label.endswith("+"):
            pattern += f"(?P<{label[:-1]}>.+)"
        else:
            pattern += f"(?P<{label}>[^/]+)"
    literal = len(re.sub(r"\{[^}]+\}", "", path))
    return http["method"], re.compile(pattern + "/?"), parse_qs(query, keep_blank_values=True), literal


def located_params(
    shape: Shape, labels: dict[str, str], query: str, headers: dict[str, str]
) -> dict[str, Any]:
    """The members of an input that lie outside the body."""
    given = parse_qs(query, keep_blank_values=True)
    result: dict[str, Any] = {}
    for name, member in shape.members.items():
        location, wire = member.serialization.get("location"), member.serialization.get("name", name)
        if location == "uri" and wire in labels:
            result[name] = _from_text(member, labels[wire], name)
        elif location == "querystring" and member.type_name == "map":
            result[name] = {
                key: values if member.value.type_name == "list" else values[0]
                for key, values in given.items()
            }
        elif location == "querystring" and wire in given:
            result[name] = _from_query(member, given[wire], name)
        elif location == "header" and wire.lower() in headers:
            result[name] = _from_text(member, headers[wire.lower()], name)
        elif location == "headers":
            prefix = wire.lower()
            result[name] = {k[len(prefix) :]: v for k, v in headers.items() if k.startswith(prefix)}
    return result


def body_shape_members(shape: Shape) -> list[str]:
    """The members that travel in the JSON body."""
    return [
        name for name, member in shape.members.items() if member.serialization.get("location") not in LOCATED
    ]


def split_located(shape: Shape, result: dict[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """A result's headers (with the status under ``:status``), and what is left for the body."""
    headers: dict[str, str] = {}
    body: dict[str, Any] = {}
    for name, value in result.items():
        member = shape.members.get(name)
        location = member.serialization.get("location") if member is not None else None
        if member is None or location is None:
            body[name] = value
        elif value is None:
            continue
        elif location == "statusCode":
            headers[":status"] = str(value)
        elif location == "headers":
            prefix = member.serialization.get("name", "")
            headers |= {prefix + key: str(item) for key, item in value.items()}
        elif isinstance(value, datetime):
            headers[member.serialization.get("name", name)] = str(write_time(member, value, name, "rfc822"))
        else:
            headers[member.serialization.get("name", name)] = str(value)
    return headers, body


def _from_query(member: Shape, values: list[str], path: str) -> Any:
    if member.type_name == "list":
        return [_from_text(member.member, value, path) for value in values]
    return _from_text(member, values[0], path)


def _from_text(member: Shape, text: str, path: str) -> Any:
    try:
        match member.type_name:
            case "integer" | "long":
                return int(text)
            case "float" | "double":
                return float(text)
            case "boolean":
                return {"true": True, "false": False}[text.lower()]
            case "timestamp":
                return parse_time(text, path)
            case "string":
                return text
    except (ValueError, KeyError) as error:
        raise ServiceError(
            "SerializationException", f"{path} must be a {member.type_name}, not {text!r}."
        ) from error
    raise NotImplementedError(f"{path}: {member.type_name} outside the body is not spoken here.")
