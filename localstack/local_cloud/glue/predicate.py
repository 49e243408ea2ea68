"""A partition expression as an SQL condition on ``partitions``, typed by the table's partition keys."""

from collections.abc import Sequence
from typing import Any

from local_cloud.glue import expression as ex
from local_cloud.glue.base import invalid
from local_cloud.glue.keys import HIVE_NULL, TEXT_TYPES, base_type, encode, supported

INDEXED_KEYS = 4


def compile_expression(text: str, keys: Sequence[dict[str, Any]]) -> tuple[str, list[Any]]:
    """``(condition, parameters)`` for SQLite.

    Args:
        text: the caller's expression; its words never reach the SQL, only parameters do.
        keys: the table's ``PartitionKeys`` (``Name``, ``Type``).

    Raises:
        ServiceError: ``InvalidInputException`` for an unknown column or type, a value that does not fit the
            column's type, or text outside the language.
    """
    try:
        tree = ex.parse(text)
    except (ex.ExpressionError, RecursionError) as error:
        raise invalid(f"Unsupported expression '{text}': {error}") from None
    compiler = _Compiler(text, keys)
    return compiler.condition(tree), compiler.parameters


class _Compiler:
    def __init__(self, text: str, keys: Sequence[dict[str, Any]]) -> None:
        self._text = text
        self._positions = {key["Name"].lower(): index for index, key in enumerate(keys)}
        self._types = [key.get("Type", "string") for key in keys]
        self.parameters: list[Any] = []

    def condition(self, test: ex.Test) -> str:  # noqa: PLR0911 - one return a kind of node
        match test:
            case ex.All(tests, any_of):
                return (
                    "(" + (" OR " if any_of else " AND ").join(self.condition(part) for part in tests) + ")"
                )
            case ex.Not(inner):
                return f"NOT {self.condition(inner)}"
            case ex.Compare(operator, left, right):
                kind = self._kind(left, right)
                return f"({self._sql(left, kind)} {operator} {self._sql(right, kind)})"
            case ex.In(value, options):
                kind = self._kind(value, *options)
                column = self._sql(value, kind)
                return f"({column} IN ({', '.join([self._sql(option, kind) for option in options])}))"
            case ex.Between(value, low, high):
                kind = self._kind(value, low, high)
                return (
                    f"({self._sql(value, kind)} BETWEEN {self._sql(low, kind)} AND {self._sql(high, kind)})"
                )
            case ex.Like(value, pattern):
                return self._like(value, pattern)
            case ex.IsNull(value):
                return self._is_null(value)

    def _kind(self, *values: ex.Value) -> str:
        """The type the values are compared as: that of the column among them."""
        kinds = {
            base_type(self._type(value)): self._type(value)
            for value in values
            if isinstance(value, ex.Column)
        }
        if len(kinds) != 1:
            reason = "compares columns of different types" if kinds else "names no partition key"
            raise invalid(f"Unsupported expression '{self._text}': a condition {reason}.")
        return next(iter(kinds.values()))

    def _type(self, column: ex.Column) -> str:
        position = self._positions.get(column.name)
        if position is None:
            raise invalid(f"Unknown column '{column.name}'")
        declared = str(self._types[position])
        if not supported(declared):
            raise invalid(f"Unknown type : '{declared}'")
        return declared

    def _sql(self, value: ex.Value, kind: str) -> str:
        if isinstance(value, ex.Column):
            position = self._positions[value.name]
            if position < INDEXED_KEYS:
                return f"k{position}"
            return f"json_extract(keys, '$[{position}]')"
        try:
            self.parameters.append(encode(kind, value.text))
        except ValueError as error:
            raise invalid(str(error)) from None
        return "?"

    def _like(self, value: ex.Value, pattern: ex.Literal) -> str:
        kind = self._kind(value)
        if base_type(kind) not in TEXT_TYPES or not isinstance(value, ex.Column):
            raise invalid(f"Unsupported expression '{self._text}': LIKE compares string columns only.")
        column = self._sql(value, kind)
        self.parameters.append(pattern.text)
        return rf"({column} LIKE ? ESCAPE '\')"

    def _is_null(self, value: ex.Value) -> str:
        kind = self._kind(value)
        column = self._sql(value, kind)
        if base_type(kind) not in TEXT_TYPES:
            return f"({column} IS NULL)"
        self.parameters.append(HIVE_NULL)
        return f"({column} IS NULL OR {column} = ?)"
