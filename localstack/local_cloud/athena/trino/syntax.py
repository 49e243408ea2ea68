"""The parser: sqlglot's Trino grammar with every function left under its own name, for the rules to resolve."""

import re
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.parsers.trino import TrinoParser

from local_cloud.athena.errors import QueryError, syntax

MAX_QUERY_BYTES = 262_144  # https://docs.aws.amazon.com/athena/latest/ug/service-limits.html


class TypedLiteral(exp.Expression):
    """``DATE '2020-01-01'``, ``DECIMAL '1.5'``: ``this`` the text, ``to`` the type."""

    arg_types = {"this": True, "to": True}


def _typed_literal(parser: Any, this: Any, kind: exp.DataType) -> exp.Expr:
    del parser
    return TypedLiteral(this=this, to=kind)


_KEPT_PARSERS = ("CAST", "TRY_CAST", "EXTRACT", "TRIM", "POSITION", "SUBSTRING", "LISTAGG")


class Raw(Trino):  # type: ignore[misc, unused-ignore]
    """Trino's grammar without sqlglot's own view of functions, subscripts and literals."""

    INDEX_OFFSET = 0

    class Parser(TrinoParser):
        FUNCTIONS: ClassVar[Any] = {}
        FUNCTION_PARSERS = {k: v for k, v in TrinoParser.FUNCTION_PARSERS.items() if k in _KEPT_PARSERS}
        FUNCTION_PARSERS.pop("LISTAGG", None)
        TYPE_LITERAL_PARSERS = dict.fromkeys(exp.DType, _typed_literal)
        VALUES_FOLLOWED_BY_PAREN = True


_RAW = Raw()


def position_at(sql: str, offset: int) -> tuple[int, int]:
    """Line and column, both from 1, of a character offset."""
    before = sql[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def position(node: exp.Expr | None, sql: str) -> tuple[int, int] | None:
    """Where ``node`` starts in the statement, if its tokens say."""
    if node is None:
        return None
    starts = [n.meta["start"] for n in node.walk() if "start" in n.meta]
    return position_at(sql, min(starts)) if starts else None


def parse(sql: str) -> exp.Expr:
    """The statement's tree.

    Raises:
        QueryError: SYNTAX_ERROR with line and column.
    """
    if len(sql.encode()) > MAX_QUERY_BYTES:
        raise QueryError("INVALID_INPUT", "The query string exceeds the maximum length of 262144 bytes")
    try:
        trees = _RAW.parse(sql)
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        column = max(1, int(first.get("col") or 1) - len(str(first.get("highlight") or "x")) + 1)
        said = re.sub(
            r"Required keyword: '\w+' missing for <class '[\w.]*\.(\w+)'>",
            r"incomplete \1",
            str(first.get("description", error)),
        )
        raise syntax(
            f"mismatched input '{first.get('highlight', '')}'. {said}",
            (int(first.get("line") or 1), column),
        ) from error
    except (
        SqlglotError,
        RecursionError,
        ValueError,
        TypeError,
        AttributeError,
        IndexError,
        KeyError,
    ) as error:
        # sqlglot breaks in several ways on text that is no SQL; whatever it says, the statement is at fault.
        raise syntax(
            f"mismatched input: {str(error).splitlines()[0] if str(error) else 'statement'}", (1, 1)
        ) from error
    found = [t for t in trees if t is not None]
    if not found:
        raise syntax("mismatched input '<EOF>'", (1, 1))
    if len(found) > 1:
        raise QueryError("INVALID_INPUT", "Only one sql statement is allowed. Got: " + sql)
    return found[0]
