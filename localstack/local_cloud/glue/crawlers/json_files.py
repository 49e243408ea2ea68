"""The built-in JSON classifier: objects one after the other, on one line or many; or one array of them."""

import json
from typing import Any

from local_cloud.glue.crawlers.schema import Array, Schema, Struct, Type, unify

DOCUMENTS = 1000
_INT = 2**31


def classify(text: str, complete: bool) -> tuple[Schema, int] | None:
    """The schema of JSON text and the number of documents looked at; ``None`` if it is none.

    A file that is one array becomes, as on AWS, a table of one column ``array``.

    Args:
        text: the beginning of a file.
        complete: whether it is the whole file; otherwise its last document may be cut.
    """
    start = text.lstrip()[:1]
    if start not in ("{", "["):
        return None
    documents = _documents(text, complete)
    if start == "[" and documents is None and not complete:
        documents = _cut_array(text)
    if not documents:
        return None
    if start == "[":
        kind: Type = None
        for document in documents:
            kind = unify(kind, kind_of(document))
        return Schema("json", (("array", kind),), paths=("array",)), len(documents)
    if not all(isinstance(document, dict) for document in documents):
        return None
    columns: dict[str, Type] = {}
    paths: dict[str, None] = {}
    for document in documents:
        for name, value in document.items():
            paths[name] = None
            lower = name.lower()
            columns[lower] = unify(columns.get(lower), kind_of(value))
    return Schema("json", tuple(columns.items()), paths=tuple(paths)), len(documents)


def _documents(text: str, complete: bool) -> list[Any] | None:
    decoder = json.JSONDecoder()
    found: list[Any] = []
    position = 0
    while len(found) < DOCUMENTS:
        while position < len(text) and text[position].isspace():
            position += 1
        if position == len(text):
            return found
        try:
            document, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            return None if complete or not found else found
        found.append(document)
    return found


def _cut_array(text: str) -> list[Any] | None:
    """The items of an array whose end is out of sight, as the array."""
    decoder = json.JSONDecoder()
    items: list[Any] = []
    position = text.index("[") + 1
    while len(items) < DOCUMENTS:
        while position < len(text) and (text[position].isspace() or text[position] == ","):
            position += 1
        try:
            item, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            break
        items.append(item)
    return [items] if items else None


def kind_of(value: Any) -> Type:  # noqa: PLR0911 - one return a JSON type
    """The type of a JSON value: whole numbers are ``int`` as long as they fit."""
    match value:
        case None:
            return None
        case bool():
            return "boolean"
        case int():
            if -(2**63) <= value < 2**63:
                return "int" if -_INT <= value < _INT else "bigint"
            return "double"
        case float():
            return "double"
        case dict():
            return Struct(tuple((name, kind_of(inner)) for name, inner in value.items()))
        case list():
            item: Type = None
            for inner in value:
                item = unify(item, kind_of(inner))
            return Array(item)
        case _:
            return "string"
