"""Errors of queries, in Athena's words."""

import re


class QueryError(Exception):
    """A query failed; the text becomes the execution's ``StateChangeReason``.

    Args:
        name: Trino's error name, e.g. ``SYNTAX_ERROR``, ``TABLE_NOT_FOUND``.
        message: what is wrong.
        position: ``(line, column)`` in the statement, both from 1.
    """

    def __init__(self, name: str, message: str, position: tuple[int, int] | None = None) -> None:
        self.name = name
        self.message = message
        self.position = position
        super().__init__(self.reason)

    @property
    def reason(self) -> str:
        """``NAME: line L:C: message``, as Athena writes it."""
        where = f"line {self.position[0]}:{self.position[1]}: " if self.position else ""
        return f"{self.name}: {where}{self.message}"

    @property
    def category(self) -> int:
        """``ErrorCategory`` of AthenaError: 1 system, 2 user."""
        return 1 if self.name in SYSTEM_ERRORS else 2

    @property
    def error_type(self) -> int:
        """``ErrorType`` of AthenaError, from Athena's error reference."""
        return ERROR_TYPES.get(self.name, 1 if self.category == 1 else 1006)


SYSTEM_ERRORS = {"GENERIC_INTERNAL_ERROR", "SERVER_RESTARTED"}

# https://docs.aws.amazon.com/athena/latest/ug/error-reference.html
ERROR_TYPES = {
    "GENERIC_INTERNAL_ERROR": 401,
    "SERVER_RESTARTED": 401,
    "EXCEEDED_MEMORY_LIMIT": 1002,
    "BYTES_SCANNED_LIMIT_EXCEEDED": 1005,
    "TABLE_NOT_FOUND": 1301,
    "SCHEMA_NOT_FOUND": 1301,
    "HIVE_BAD_DATA": 1106,
    "HIVE_PATH_ALREADY_EXISTS": 1108,
}


def syntax(message: str, position: tuple[int, int] | None = None) -> QueryError:
    """Trino's semantic and grammatical errors, which Athena shows as ``SYNTAX_ERROR``."""
    return QueryError("SYNTAX_ERROR", message, position)


def unsupported(what: str, position: tuple[int, int] | None = None) -> QueryError:
    """Something that Trino has and this engine refuses rather than gets wrong."""
    return QueryError("NOT_SUPPORTED", f"{what} is not supported by the local Athena engine", position)


# What DuckDB says, and the name and text Trino has for it.
_RUNTIME: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(pattern, re.S), name, text)
    for pattern, name, text in (
        (r"@@(?P<n>[A-Z_]+): (?P<m>.*?)@@", "{n}", "{m}"),
        (r"Invalid unicode|not utf-8|invalid UTF-?8", "HIVE_BAD_DATA", "A file is not valid UTF-8"),
        (
            r"CSV Parser state machine reached an invalid state",
            "NOT_SUPPORTED",
            "A text file whose lines end in both \\n and \\r\\n is not supported by the local Athena engine",
        ),
        (
            r"Binder Error: [^\n]*\bTRY\b|not allowed in try",
            "NOT_SUPPORTED",
            "TRY around an aggregate, a window function or a subquery is not supported by the local Athena engine",
        ),
        (
            r"Binder Error: [^\n]*must be a constant expression",
            "NOT_SUPPORTED",
            "An argument that must be constant and is not is not supported by the local Athena engine",
        ),
        (r"Invalid escape string", "INVALID_FUNCTION_ARGUMENT", "Escape string must be a single character"),
        (r"Division by zero", "DIVISION_BY_ZERO", "Division by zero"),
        (r"More than one row returned by a subquery", "SUBQUERY_MULTIPLE_ROWS",
         "Scalar sub-query has returned multiple rows"),
        (r"Out of Range Error: (?P<m>Overflow[^\n]*)", "NUMERIC_VALUE_OUT_OF_RANGE", "{m}"),
        (r"Conversion Error: (?P<m>Type [^\n]* (?:out of range|can't be cast)[^\n]*)",
         "NUMERIC_VALUE_OUT_OF_RANGE", "{m}"),
        (r"Conversion Error: (?P<m>Could not cast value [^\n]*)", "NUMERIC_VALUE_OUT_OF_RANGE", "{m}"),
        (r"Conversion Error: (?P<m>[^\n]*)", "INVALID_CAST_ARGUMENT", "{m}"),
        (r"Out of Range Error: (?P<m>[^\n]*)", "NUMERIC_VALUE_OUT_OF_RANGE", "{m}"),
        (r"Out of Memory Error", "EXCEEDED_MEMORY_LIMIT", "Query exceeded the local engine's memory limit"),
        (r"Malformed JSON[^\n]*", "INVALID_FUNCTION_ARGUMENT", "Cannot convert value to JSON"),
        (r"Map keys must be unique", "INVALID_FUNCTION_ARGUMENT", "Duplicate map keys are not allowed"),
        (r"Map keys can not be NULL", "INVALID_FUNCTION_ARGUMENT", "map key cannot be null"),
        (r"Invalid Input Error: (?P<m>[^\n]*)", "INVALID_FUNCTION_ARGUMENT", "{m}"),
        (r"(?:No magic bytes|not a parquet file|Parquet)[^\n]*", "HIVE_BAD_DATA", "{0}"),
    )
)  # fmt: skip


def from_duckdb(error: Exception) -> QueryError:
    """A DuckDB exception as the error a query ends with; what has no known meaning keeps DuckDB's text."""
    text = str(error)
    for pattern, name, message in _RUNTIME:
        found = pattern.search(text)
        if found:
            groups = found.groupdict()
            return QueryError(name.format(**groups), message.format(found.group(0), **groups))
    return QueryError("GENERIC_INTERNAL_ERROR", text.split("\n\nLINE ", maxsplit=1)[0])
