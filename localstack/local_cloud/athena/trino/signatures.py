# ruff: noqa: PLR0911 - one return a kind of type
"""Function rules: a one-line notation for Trino's signature and the DuckDB text that has its meaning.

``name|alias(varchar, T...) -> array(T) = template``: a single capital is a type variable (``N`` numeric, ``I``
integral, ``O`` orderable, ``X`` anything), ``...`` repeats the last parameter, ``T=>R`` is a
lambda, ``{0}`` the first argument.
Aggregates: ``{d}`` takes DISTINCT, ``{o}`` ORDER BY, ``{i}`` IGNORE NULLS, and ``@`` FILTER and OVER.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from local_cloud.athena.trino.types import Type, common, decimal, parse_type


@dataclass(frozen=True)
class Rule:
    """One overload of a function."""

    name: str
    parameters: tuple[Type, ...]
    variadic: bool
    result: Type
    template: str

    def signature(self) -> str:
        shown = ", ".join(map(_show, self.parameters)) + (", ..." if self.variadic else "")
        return f"{self.name}({shown})"


def _show(pattern: Type) -> str:
    if pattern.base == "function":
        return f"function({', '.join(map(_show, pattern.args))})"
    if pattern.base == "decimal":
        return "decimal(p,s)"
    return str(pattern)


_LINE = re.compile(r"^(?P<names>[\w|$]+)\((?P<parameters>.*?)\) -> (?P<result>.+?) = (?P<template>.+)$")


def rules(table: str) -> dict[str, list[Rule]]:
    """The rules of a table of lines, by function name."""
    found: dict[str, list[Rule]] = {}
    for line in table.strip().splitlines():
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _LINE.match(text)
        if not match:
            raise ValueError(f"not a function rule: {text}")
        parts = _split(match["parameters"])
        variadic = bool(parts) and parts[-1].endswith("...")
        parameters = tuple(_pattern(p.removesuffix("...")) for p in parts)
        for name in match["names"].split("|"):
            rule = Rule(name, parameters, variadic, _pattern(match["result"]), match["template"])
            found.setdefault(name, []).append(rule)
    return found


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for i, char in enumerate(text):
        depth += char == "("
        depth -= char == ")"
        if char == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    return [*parts, text[start:].strip()] if text.strip() else []


def _pattern(text: str) -> Type:
    if "=>" in text:
        before, after = text.split("=>")
        return Type("function", (*map(_pattern, _split(before.strip().strip("()"))), _pattern(after.strip())))
    if re.fullmatch(r"[A-Z]", text):
        return Type(text)
    found = re.fullmatch(r"(array|map)\((.*)\)", text)
    if found:
        return Type(found[1], tuple(_pattern(p) for p in _split(found[2])))
    if text in ("decimal", "timestamp", "timestamp with time zone", "time", "char", "row"):
        return Type(text)
    return parse_type(text)


Bindings = dict[str, Type]
_GENERIC = ("decimal", "timestamp", "timestamp with time zone", "time", "char", "row", "varchar")


def fit(pattern: Type, actual: Type, bound: Bindings, *, coerce: bool) -> bool:
    """Whether an argument of type ``actual`` fits ``pattern``; binds the pattern's variables."""
    if len(pattern.base) == 1:
        return _bind(pattern.base, actual, bound, coerce=coerce)
    if pattern.base == actual.base and pattern.base in _GENERIC:
        return True
    if pattern.base == actual.base and len(pattern.args) == len(actual.args):
        return all(fit(p, a, bound, coerce=coerce) for p, a in zip(pattern.args, actual.args, strict=True))
    if actual.base == "unknown":
        return coerce or not pattern.args
    if not coerce:
        return False
    target = _default(pattern)
    shared = common(actual, target) if target is not None else None
    return shared is not None and target is not None and shared.base == target.base


def _default(pattern: Type) -> Type | None:
    if pattern.base in ("array", "map", "row", "function"):
        return None
    return {
        "decimal": decimal(38, 0), "timestamp": Type("timestamp", (3,)), "time": Type("time", (3,)),
        "timestamp with time zone": Type("timestamp with time zone", (3,)), "char": Type("char", (1,)),
    }.get(pattern.base, pattern)  # fmt: skip


def _bind(name: str, actual: Type, bound: Bindings, *, coerce: bool) -> bool:
    if name == "N" and not (actual.numeric or actual.base == "unknown"):
        return False
    if name == "X":  # any type, each argument its own
        return True
    if name == "I" and not actual.integral:
        return False
    if name == "O" and actual.base in ("map", "json"):
        return False
    known = bound.get(name)
    if known is None or known == actual:
        bound[name] = actual
        return True
    shared = common(known, actual)
    if shared is None or not (coerce or "unknown" in (known.base, actual.base) or shared.text):
        return False
    bound[name] = shared
    return True


def substitute(pattern: Type, bound: Bindings, actual: Type | None = None) -> Type:
    """The type an argument is coerced to, or a result has."""
    if pattern.base == "X" and actual is not None:
        return actual
    if len(pattern.base) == 1:
        return bound.get(pattern.base, Type("unknown"))
    if pattern.base in _GENERIC and (actual is not None and actual.base == pattern.base):
        return actual
    if pattern.base in ("array", "map"):
        parts = (
            actual.args if actual is not None and actual.base == pattern.base else (None,) * len(pattern.args)
        )
        return Type(
            pattern.base, tuple(substitute(p, bound, a) for p, a in zip(pattern.args, parts, strict=True))
        )
    if pattern.base == "decimal" and actual is not None:
        return common(actual, decimal(1, 0)) or pattern
    return _default(pattern) or pattern


def candidates(overloads: Iterable[Rule], types: list[Type | None]) -> tuple[Rule, Bindings] | None:
    """The overload for arguments of ``types`` (None: a lambda, typed later): an exact fit first, then by coercion."""
    found = list(overloads)
    for coerce in (False, True):
        for rule in found:
            patterns = expand(rule, len(types))
            if patterns is None:
                continue
            bound: Bindings = {}
            pairs = list(zip(patterns, types, strict=True))
            lambdas_match = all((p.base == "function") == (t is None) for p, t in pairs)
            if lambdas_match and all(t is None or fit(p, t, bound, coerce=coerce) for p, t in pairs):
                return rule, bound
    return None


def expand(rule: Rule, count: int) -> list[Type] | None:
    """The rule's parameters for ``count`` arguments, or None."""
    parameters = list(rule.parameters)
    if rule.variadic:
        if count < len(parameters):
            return None
        return parameters + [parameters[-1]] * (count - len(parameters))
    return parameters if len(parameters) == count else None
