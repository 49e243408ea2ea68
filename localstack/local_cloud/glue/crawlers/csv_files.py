"""The built-in CSV classifier, and custom ones.

Rules: https://docs.aws.amazon.com/glue/latest/dg/add-classifier.html#classifier-built-in ("Built-in CSV
classifier") and https://docs.aws.amazon.com/glue/latest/dg/custom-classifier.html#custom-classifier-csv.
"""

import csv
import re
from typing import Any

from local_cloud.glue.crawlers.schema import Schema, Type, unify

DELIMITERS = (",", "|", "\t", ";", "\x01")
ROWS = 1000
HEADER_CHARACTERS = 150
_INTEGER = re.compile(r"[+-]?\d{1,19}")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
Rows = list[list[str]]


def classify(text: str, classifier: dict[str, Any] | None = None) -> tuple[Schema, int] | None:
    """The schema of CSV text and the number of rows looked at; ``None`` if it is none.

    Args:
        text: whole lines from the beginning of a file.
        classifier: a ``CsvClassifier``; without one the built-in rules hold.
    """
    rules = classifier or {}
    quote = rules.get("QuoteSymbol") or '"'
    width_least = 1 if rules.get("AllowSingleColumn") else 2
    best: tuple[int, str, Rows] | None = None
    for delimiter in [rules["Delimiter"]] if rules.get("Delimiter") else DELIMITERS:
        rows = _rows(text, delimiter, quote)
        width = max((len(row) for row in rows), default=0)
        # A trailing delimiter or a short last column is forgiven; other widths are another format.
        if len(rows) < (1 if classifier else 2) or width < width_least:
            continue
        if any(len(row) < max(width_least, width - 1) for row in rows):
            continue
        if best is None or width > best[0]:
            best = width, delimiter, rows
    if best is None:
        return None
    width, delimiter, rows = best
    return _schema(text, rows, width, delimiter, quote, rules), len(rows)


def _rows(text: str, delimiter: str, quote: str) -> Rows:
    try:
        reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, quotechar=quote, strict=True)
        return [row for row, _ in zip((row for row in reader if row), range(ROWS), strict=False)]
    except csv.Error:
        return []


def _schema(text: str, rows: Rows, width: int, delimiter: str, quote: str, rules: dict[str, Any]) -> Schema:
    trim = not rules.get("DisableValueTrimming", bool(rules))
    header = _has_header(rows, width, trim, rules)
    data = rows[1:] if header else rows
    names = rules.get("Header") or (rows[0] if header else [])
    columns = list(zip(_names(names, width), _types(data, width, trim), strict=True))
    quoted = _quoted(text, delimiter, quote)
    serde = rules.get("Serde")
    opened = serde == "OpenCSVSerDe" or (quoted and serde != "LazySimpleSerDe")
    parameters = {"areColumnsQuoted": str(quoted).lower(), "columnsOrdered": "true", "delimiter": delimiter}
    if header:
        parameters["skip.header.line.count"] = "1"
    properties = {"quoteChar": quote, "separatorChar": delimiter} if opened else {"field.delim": delimiter}
    return Schema("csv", tuple(columns), tuple(properties.items()), tuple(parameters.items()))


def _has_header(rows: Rows, width: int, trim: bool, rules: dict[str, Any]) -> bool:
    """AWS's heuristics: all strings, shorter than 150 characters, and unlike the rows below."""
    wanted = rules.get("ContainsHeader", "UNKNOWN")
    if wanted != "UNKNOWN":
        return bool(wanted == "PRESENT")
    first = rows[0]
    if len(rows) < 2 or len(first) < width - 1:
        return False
    for number, cell in enumerate(first):
        last = number == len(first) - 1
        if (not cell.strip() and not last) or (len(cell) >= HEADER_CHARACTERS and not last):
            return False
        if _type(cell, trim) not in (None, "string"):
            return False
    return any(kind != "string" for kind in _types(rows[1:], width, trim) if kind is not None)


def _types(rows: Rows, width: int, trim: bool) -> list[Type]:
    kinds: list[Type] = [None] * width
    for row in rows:
        for position, cell in enumerate(row):
            if kinds[position] != "string":
                kinds[position] = unify(kinds[position], _type(cell, trim))
    return kinds


def _type(cell: str, trim: bool) -> Type:
    """bigint, double, boolean or string; dates stay strings, an empty cell tells nothing."""
    value = cell.strip() if trim else cell
    if not value:
        return None
    if _INTEGER.fullmatch(value) and -(2**63) <= int(value) < 2**63:
        return "bigint"
    if _NUMBER.fullmatch(value) and not value.lstrip("+-").isdecimal():
        return "double"
    return "boolean" if value.lower() in ("true", "false") else "string"


def _names(names: list[str], width: int) -> list[str]:
    """Column names in lower case; ``col<n>`` where there is none, a number after one that is taken."""
    found: list[str] = []
    for position in range(width):
        name = names[position].strip().lower() if position < len(names) else ""
        name = name or f"col{position}"
        taken, number = name, 0
        while taken in found:
            number += 1
            taken = f"{name}_{number}"
        found.append(taken)
    return found


def _quoted(text: str, delimiter: str, quote: str) -> bool:
    between, mark = re.escape(delimiter), re.escape(quote)
    return re.search(rf"(?:^|{between}){mark}[^\n]*?{mark}(?:{between}|\r?$)", text, re.MULTILINE) is not None
