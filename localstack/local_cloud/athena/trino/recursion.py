# ruff: noqa: S608 - the text is SQL by purpose; names and values in it pass typed.identifier() and typed.quote()
"""WITH RECURSIVE, unrolled as Trino does: https://trino.io/docs/current/sql/select.html#with-recursive-clause

Athena allows ten steps (https://docs.aws.amazon.com/athena/latest/ug/select.html). Steps of a shape that Trino refuses,
or may refuse, are refused here: only plain selections over inner joins may refer to themselves, once.
"""

from itertools import pairwise

from sqlglot import exp

from local_cloud.athena.errors import QueryError, unsupported
from local_cloud.athena.trino.functions import AGGREGATE_RULES
from local_cloud.athena.trino.typed import quote

MAX_DEPTH = 10
_EXCEEDED = (
    f"NOT_SUPPORTED: Recursion depth limit exceeded ({MAX_DEPTH}). Use 'max_recursion_depth' session property to "
    "modify the limit."
)
_PLAIN = {"expressions", "from_", "joins", "where"}


def _references(node: exp.Expr, name: str) -> list[exp.Table]:
    return [t for t in node.find_all(exp.Table) if not t.args.get("db") and t.name.lower() == name]


def _aggregates(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and str(node.this).lower() in AGGREGATE_RULES


def base_and_step(query: exp.Expr, name: str) -> tuple[exp.Expr, exp.Expr] | None:
    """The two sides of a WITH query that refers to itself; None where it does not.

    Raises:
        QueryError: INVALID_RECURSIVE_REFERENCE, NOT_SUPPORTED.
    """
    if not _references(query, name):
        return None
    if not isinstance(query, exp.Union) or query.args.get("distinct"):
        raise unsupported("A recursive query that is no UNION ALL of a base and a step")
    if any(query.args.get(k) for k in ("order", "limit", "offset", "with_")):
        raise unsupported("WITH, ORDER BY, OFFSET or LIMIT in a recursive query")
    base, step = query.this, query.expression
    if _references(base, name):
        raise QueryError(
            "INVALID_RECURSIVE_REFERENCE", "WITH table name is referenced in the base relation of recursion"
        )
    found = _references(step, name)
    if len(found) > 1:
        raise QueryError(
            "INVALID_RECURSIVE_REFERENCE",
            "multiple recursive references in the step relation of recursion are not supported",
        )
    joins = step.args.get("joins") or []
    sources = [step.args["from_"].this, *(j.this for j in joins)] if step.args.get("from_") else []
    plain = isinstance(step, exp.Select) and not {k for k, v in step.args.items() if v} - _PLAIN
    if not plain or not any(found[0] is s for s in sources) or any(j.args.get("side") for j in joins):
        raise unsupported("A recursive step other than a plain SELECT over inner joins")
    if any(isinstance(n, exp.Window) or _aggregates(n) for n in step.walk()):
        raise unsupported("An aggregate or a window function in a recursive step")
    return base, step


def unrolled(base: str, step: str, mark: str, columns: int, names: list[str]) -> str:
    """The union of the base and every step; ``mark`` in ``step`` stands for the step before it.

    Rows of one step more than allowed raise. ``names``: ``MAX_DEPTH + 2`` fresh relation names.
    """
    listed = ", ".join(f"c{i}" for i in range(columns))
    parts = [f"{names[0]} AS MATERIALIZED ({base})"]
    parts += [f"{name} AS MATERIALIZED ({step.replace(mark, before)})" for before, name in pairwise(names)]
    reads = [f"SELECT {listed} FROM {name}" for name in names]
    # The text depends on a row, so that nothing fails before there is one.
    reads[-1] += f" WHERE t_fail({quote(_EXCEEDED)} || left(coalesce(CAST(c0 AS VARCHAR), ''), 0)) IS NULL"
    return f"WITH {', '.join(parts)} {' UNION ALL '.join(reads)}"
