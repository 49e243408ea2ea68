"""Functions inside functions: the innermost are corrected first, so that the outer ones see corrected types."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from local_glue.corrections.rules import Function, Operand, corrected

Types = Callable[[list[Any]], list[Any]]


@dataclass
class Found:
    """A function that a rule exists for, wherever it stands.

    Args:
        operands: its arguments as nodes of the tree.
        probes: the arguments as they can be typed outside of lambdas.
        replace: puts the rule's expression in the function's place.
    """

    name: str
    operands: list[Any]
    probes: list[Any]
    literals: list[Any]
    height: int
    text: Callable[[], str]
    replace: Callable[[Any], None]
    target: str = ""
    over: Callable[[str], Any] | None = None
    inside: list[int] = field(default_factory=list)


def correct(found: Iterable[Found], types_of: Types) -> bool:
    """Apply the rules, level by level; whether anything was changed.

    Args:
        types_of: the types of expressions, as the engine resolves them.
    """
    changed = False
    levels: dict[int, list[Found]] = {}
    for one in found:
        levels.setdefault(one.height, []).append(one)
    for _, level in sorted(levels.items()):
        kinds = iter(types_of([probe for one in level for probe in one.probes]))
        for one in level:
            operands = [
                Operand(node, next(kinds), literal)
                for node, literal in zip(one.operands, one.literals, strict=True)
            ]
            result = corrected(Function(one.name, operands, one.text(), one.target, one.over))
            if result is not None:
                one.replace(result)
                changed = True
    return changed
