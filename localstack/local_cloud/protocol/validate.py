"""Checks parameters against the service model, in the words AWS's front ends use."""

import re
from functools import lru_cache
from typing import Any

from local_cloud.protocol.shapes import Shape

SHOWN_VALUE = 200
"""Characters of a wrong value repeated in an error."""


def validation_errors(shape: Shape | None, params: dict[str, Any]) -> list[str]:
    """Every way ``params`` breaks the model: missing members, enums, ranges, lengths, patterns."""
    errors: list[str] = []
    if shape is not None:
        _structure(shape, params, "", errors)
    return errors


def _structure(shape: Shape, value: dict[str, Any], path: str, errors: list[str]) -> None:
    for name in shape.metadata.get("required", ()):
        if value.get(name) is None:
            errors.append(_failed("null", _join(path, name), "Member must not be null"))
    for name, item in value.items():
        _value(shape.members[name], item, _join(path, name), errors)


def _value(shape: Shape, value: Any, path: str, errors: list[str]) -> None:
    kind = shape.type_name
    if kind == "structure":
        if not getattr(shape, "is_document_type", False):
            _structure(shape, value, path, errors)
        return
    if kind == "list":
        _length(shape, len(value), value, path, errors)
        for index, item in enumerate(value):
            _value(shape.member, item, f"{path}.{index + 1}.member", errors)
    elif kind == "map":
        _length(shape, len(value), value, path, errors)
        for key, item in value.items():
            _value(shape.key, key, path, errors)
            _value(shape.value, item, f"{path}.{key}.member", errors)
    elif kind in ("string", "blob"):
        _length(shape, len(value), value, path, errors)
        if kind == "string":
            _text(shape, value, path, errors)
    elif kind in ("integer", "long", "float", "double"):
        _range(shape, value, path, errors)


def _text(shape: Shape, value: str, path: str, errors: list[str]) -> None:
    enum = shape.metadata.get("enum")
    if enum and value not in enum:
        errors.append(_failed(value, path, f"Member must satisfy enum value set: [{', '.join(enum)}]"))
    source = shape.metadata.get("pattern")
    pattern = _pattern(source) if source else None
    if pattern is not None and not pattern.fullmatch(value):
        errors.append(_failed(value, path, f"Member must satisfy regular expression pattern: {source}"))


def _length(shape: Shape, size: int, value: Any, path: str, errors: list[str]) -> None:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        errors.append(_failed(value, path, f"Member must have length greater than or equal to {low}"))
    if high is not None and size > high:
        errors.append(_failed(value, path, f"Member must have length less than or equal to {high}"))


def _range(shape: Shape, value: float, path: str, errors: list[str]) -> None:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and value < low:
        errors.append(_failed(value, path, f"Member must have value greater than or equal to {low}"))
    if high is not None and value > high:
        errors.append(_failed(value, path, f"Member must have value less than or equal to {high}"))


@lru_cache(maxsize=4096)
def _pattern(source: str) -> re.Pattern[str] | None:
    """The model's Java pattern for Python; None (not checked) where Python lacks a class, as ``\\p{L}``.

    Java counts UTF-16 units, so models spell the supplementary planes as surrogate pairs.
    """
    text = re.sub(
        r"\\[uU][dD]800\\[uU][dD][cC]00-\\[uU][dD][bB][fF]{2}\\[uU][dD][fF]{3}",
        r"\\U00010000-\\U0010ffff",
        source,
    )
    if r"\p{" in text:
        return None
    try:
        return re.compile(text)
    except re.error:
        return None


def _join(path: str, name: str) -> str:
    camel = name[:1].lower() + name[1:]
    return f"{path}.{camel}" if path else camel


def _failed(value: Any, path: str, constraint: str) -> str:
    shown = str(value)
    if len(shown) > SHOWN_VALUE:
        shown = shown[:SHOWN_VALUE] + "..."
    quoted = "null" if shown == "null" else f"'{shown}'"
    return f"Value {quoted} at '{path}' failed to satisfy constraint: {constraint}"
