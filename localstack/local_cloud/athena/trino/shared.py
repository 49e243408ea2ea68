"""WITH queries read more than once: each reference is compiled by itself; those that came out alike are computed once.

Trino plans every reference anew, and so do the scans here, for pruning and the count of bytes. What DuckDB runs can be
shared where nothing tells the difference: https://trino.io/docs/current/sql/select.html#with-clause
"""

import re

from sqlglot import exp

_RELATION = re.compile(r"\br\d+\b")
_VOLATILE = re.compile(r"\brandom\(|\bTABLESAMPLE\b")


class Shared:
    """The texts of the references to each WITH query, in the order in which their first one was complete."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[exp.Expr, list[str]]] = {}

    def add(self, query: exp.Expr, text: str) -> None:
        """Notes a reference to ``query``, whose text refers to nothing around it."""
        self._found.setdefault(id(query), (query, []))[1].append(text)

    @property
    def groups(self) -> list[list[str]]:
        """The texts by WITH query, of those read more than once."""
        return [texts for _, texts in self._found.values() if len(texts) > 1]


def hoisted(text: str, groups: list[list[str]]) -> str:
    """``text`` with the references that are alike moved into a WITH clause; inner queries come first in ``groups``."""
    if text.lstrip().upper().startswith("WITH"):
        return text
    clauses: list[str] = []
    remaining = [list(dict.fromkeys(group)) for group in groups]
    for place, group in enumerate(remaining):
        alike: dict[str, list[str]] = {}
        for reference in group:
            if f"({reference}) AS r" in text and not _VOLATILE.search(reference):
                alike.setdefault(_renamed(reference), []).append(reference)
        for references in alike.values():
            if len(references) < 2:
                continue
            name = f"shared{len(clauses) + 1}"
            clauses.append(f"{name} AS ({references[0]})")
            for reference in references:
                text = text.replace(f"({reference}) AS r", f"{name} AS r")
                for later in remaining[place + 1 :]:
                    later[:] = [t.replace(f"({reference}) AS r", f"{name} AS r") for t in later]
    return f"WITH {', '.join(clauses)} {text}" if clauses else text


def _renamed(text: str) -> str:
    """The text with its relations numbered by their first use: two readings of a query come out the same."""
    names: dict[str, str] = {}
    return _RELATION.sub(lambda found: names.setdefault(found[0], f"r#{len(names)}"), text)
