"""JSON values to boto3's: timestamps to datetimes, base64 to bytes, by the service model's shapes."""

import base64
import binascii
import math
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from botocore.utils import parse_timestamp

from local_cloud.errors import ServiceError
from local_cloud.protocol.shapes import Shape


def parse_members(
    shape: Shape, raw: dict[str, Any], path: str = "", only: Collection[str] | None = None
) -> dict[str, Any]:
    """A structure's members under their boto3 names; JSON nulls are absent members.

    Raises:
        ServiceError: SerializationException for a value of the wrong type or a member the model lacks.
    """
    names = {
        member.serialization.get("name", name): name
        for name, member in shape.members.items()
        if only is None or name in only
    }
    result: dict[str, Any] = {}
    for wire_name, value in raw.items():
        name = names.get(wire_name)
        if name is None:
            if wire_name == "__type":
                continue
            raise _wrong(f"{path}{wire_name} is not a member of {shape.name}")
        if value is not None:
            result[name] = parse_value(shape.members[name], value, f"{path}{name}")
    return result


def parse_value(shape: Shape, value: Any, path: str) -> Any:
    """One JSON value as boto3 passes it."""
    kind = shape.type_name
    if kind == "structure":
        if getattr(shape, "is_document_type", False):
            return value
        return parse_members(shape, _typed(value, dict, path, "an object"), path + ".")
    if kind == "list":
        items = _typed(value, list, path, "a list")
        return [
            parse_value(shape.member, item, f"{path}.{index + 1}.member") for index, item in enumerate(items)
        ]
    if kind == "map":
        entries = _typed(value, dict, path, "an object")
        return {key: parse_value(shape.value, item, f"{path}.{key}") for key, item in entries.items()}
    return _scalar(kind, value, path)


def _scalar(kind: str, value: Any, path: str) -> Any:
    match kind:
        case "string" | "character":
            return _typed(value, str, path, "a string")
        case "boolean":
            return _typed(value, bool, path, "a boolean")
        case "integer" | "long":
            return _integer(value, path)
        case "float" | "double":
            return _double(value, path)
        case "blob":
            return _blob(_typed(value, str, path, "a base64 string"), path)
        case "timestamp":
            return timestamp(value, path)
    raise NotImplementedError(
        f"The model types {path} as {kind}, which the json protocols here do not speak."
    )


def timestamp(value: Any, path: str) -> datetime:
    """Seconds since the epoch or an ISO 8601 / RFC 822 text as an aware datetime."""
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        parsed = parse_timestamp(_typed(value, str, path, "a timestamp"))
    except (ValueError, OverflowError, OSError) as error:
        raise _wrong(f"{path} is not a timestamp: {value!r}") from error
    return parsed.astimezone(UTC)


def _integer(value: Any, path: str) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(f"{path} must be an integer, not {value!r}")
    return value


def _double(value: Any, path: str) -> float:
    if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        raise _wrong(f"{path} must be a number, not {value!r}")
    return float(value)


def _blob(value: str, path: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _wrong(f"{path} is not base64") from error


def _typed(value: Any, kind: type, path: str, words: str) -> Any:
    if not isinstance(value, kind):
        raise _wrong(f"{path} must be {words}, not {value!r}")
    return value


def _wrong(message: str) -> ServiceError:
    return ServiceError("SerializationException", message + ".")
