"""Functions inside functions: the innermost are corrected first, so that the outer ones see corrected types."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from local_glue.corrections.rules import COMPARISONS, Function, Operand, corrected

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
        for one, kinds in _typed(level, types_of):
            operands = [
                Operand(node, kind, literal)
                for node, kind, literal in zip(one.operands, kinds, one.literals, strict=True)
            ]
            result = corrected(Function(one.name, operands, one.text(), one.target, one.over))
            if result is not None:
                one.replace(result)
                changed = True
    return changed


def _typed(level: list[Found], types_of: Types) -> Iterator[tuple[Found, list[Any]]]:
    """Each function with its operands' types, in the order given.

    A comparison whose operands cannot be typed on their own (with columns of the query around it, say) is left out:
    it stays as it is.
    """
    needed = [one for one in level if one.name not in COMPARISONS]
    kinds = iter(types_of([probe for one in needed for probe in one.probes]))
    comparisons = [one for one in level if one.name in COMPARISONS]
    found = iter(_comparisons(comparisons, types_of))
    for one in level:
        source = found if one.name in COMPARISONS else None
        types = next(source) if source else [next(kinds) for _ in one.probes]
        if types is not None:
            yield one, types


def _comparisons(level: list[Found], types_of: Types) -> list[list[Any] | None]:
    if not level:
        return []
    try:
        kinds = iter(types_of([probe for one in level for probe in one.probes]))
        return [[next(kinds) for _ in one.probes] for one in level]
    except Exception:  # noqa: BLE001 - which error, depends on the engine and its version
        if len(level) == 1:
            return [None]
        return [found for one in level for found in _comparisons([one], types_of)]
