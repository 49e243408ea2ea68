"""Functions whose DuckDB text depends on types or literal arguments: the registry; the handlers register themselves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local_cloud.athena.errors import unsupported
from local_cloud.athena.trino.signatures import Rule
from local_cloud.athena.trino.typed import Typed
from local_cloud.athena.trino.types import (
    Type,
)  # fmt: skip

if TYPE_CHECKING:
    from local_cloud.athena.trino.calls import Calls


class NullArgument(Exception):
    """An argument that must be literal is NULL, and so is the result."""


@dataclass(frozen=True)
class Call:
    """One call: its rule, the fitted arguments, the result type and what follows the handler's name in the table."""

    rule: Rule
    args: list[Typed]
    result: Type
    rest: str
    compiler: "Calls"

    def constant(self, place: int, what: str) -> Any:
        """The literal value of an argument.

        Raises:
            QueryError: NOT_SUPPORTED where it is no literal.
        """
        value = self.args[place]
        if not value.constant:
            raise unsupported(f"{self.rule.name}() with a {what} that is no literal")
        if value.literal is None:
            raise NullArgument
        return value.literal


SPECIAL: dict[str, Callable[[Call], Typed]] = {}


def special(name: str) -> Callable[[Callable[[Call], Typed]], Callable[[Call], Typed]]:
    """Registers a handler under the name the tables use."""

    def register(handler: Callable[[Call], Typed]) -> Callable[[Call], Typed]:
        SPECIAL[name] = handler
        return handler

    return register
