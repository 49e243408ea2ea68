"""boto3's values to JSON's, by the service model's shapes; a value that does not fit raises."""

import base64
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

from local_cloud.protocol.shapes import Shape


def serialize(shape: Shape, value: Any, path: str) -> Any:
    """``value`` as JSON carries it; ``None`` members are left out.

    Raises:
        TypeError: a value of the wrong type or a member the model lacks, with its path.
    """
    kind = shape.type_name
    if kind == "structure":
        if getattr(shape, "is_document_type", False):
            return value
        return _structure(shape, _typed(value, dict, path), path)
    if kind == "list":
        return [
            serialize(shape.member, item, f"{path}[{index}]")
            for index, item in enumerate(_items(value, path))
        ]
    if kind == "map":
        entries = _typed(value, dict, path)
        return {str(key): serialize(shape.value, item, f"{path}.{key}") for key, item in entries.items()}
    return _scalar(kind, shape, value, path)


def _structure(shape: Shape, value: dict[str, Any], path: str) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, item in value.items():
        member = shape.members.get(name)
        if member is None:
            raise TypeError(f"{path}: {shape.name} has no member {name}.")
        if item is not None:
            result[member.serialization.get("name", name)] = serialize(member, item, f"{path}.{name}")
    return result


def _scalar(kind: str, shape: Shape, value: Any, path: str) -> Any:
    match kind:
        case "string" | "character":
            return _typed(value, str, path)
        case "boolean":
            return _typed(value, bool, path)
        case "integer" | "long":
            if isinstance(value, bool):
                raise TypeError(f"{path}: a boolean where an integer belongs.")
            return _typed(value, int, path)
        case "float" | "double":
            if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
                raise TypeError(f"{path}: {value!r} is not a number.")
            return float(value)
        case "blob":
            return base64.b64encode(_typed(value, (bytes, bytearray), path)).decode()
        case "timestamp":
            return timestamp(shape, value, path)
    raise TypeError(f"{path}: the model types it as {kind}, which JSON does not carry.")


def timestamp(shape: Shape, value: Any, path: str, default: str = "unixTimestamp") -> Any:
    """A datetime in the format the shape asks for; milliseconds are kept."""
    moment = _typed(value, datetime, path)
    if moment.tzinfo is None:
        raise TypeError(f"{path}: {value!r} has no time zone; use UTC.")
    match shape.serialization.get("timestampFormat", default):
        case "iso8601":
            return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case "rfc822":
            return format_datetime(moment.astimezone(UTC), usegmt=True)
    return round(moment.timestamp(), 3)


def _items(value: Any, path: str) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{path}: {value!r} is not a list.")
    return list(value)


def _typed(value: Any, kind: type | tuple[type, ...], path: str) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{path}: {value!r} is not a {kind}.")
    return value
