"""EXPLAIN: https://docs.aws.amazon.com/athena/latest/ug/athena-explain-statement.html

``TYPE VALIDATE`` answers as Athena does. The text of a plan is the local engine's own, and says so in its first line.
What only Trino's planner or its cluster could tell (distributed plans, graphs, JSON, IO estimates, ANALYZE) is refused.
"""

import re
from typing import TYPE_CHECKING

from local_cloud.athena import results
from local_cloud.athena.compiled import compile_query
from local_cloud.athena.errors import syntax, unsupported
from local_cloud.athena.outcome import Outcome
from local_cloud.athena.statements import bare, kind_of
from local_cloud.athena.trino.types import BOOLEAN, VARCHAR

if TYPE_CHECKING:
    from local_cloud.athena.run import Run

HEADER = "Plan of the local engine (DuckDB); Athena's own differs"
_HEAD = re.compile(
    r"EXPLAIN\s+(?P<analyze>ANALYZE\b(?:\s+VERBOSE\b)?)?\s*(?:\((?P<options>[^()]*)\)\s*(?=\w))?", re.I
)
_VALUES = {
    "TYPE": ("LOGICAL", "DISTRIBUTED", "VALIDATE", "IO"),
    "FORMAT": ("TEXT", "GRAPHVIZ", "JSON"),
}


def parse(sql: str) -> tuple[dict[str, str], str]:
    """The options, upper case, and the statement that is explained.

    Raises:
        QueryError: SYNTAX_ERROR; NOT_SUPPORTED for ANALYZE.
    """
    found = _HEAD.match(bare(sql))
    if found is None:
        raise syntax("mismatched input 'EXPLAIN'", (1, 1))
    if found["analyze"]:
        raise unsupported("EXPLAIN ANALYZE")
    options: dict[str, str] = {}
    for option in filter(None, (o.strip() for o in (found["options"] or "").split(","))):
        name, _, value = (part.upper() for part in re.sub(r"\s+", " ", option).partition(" "))
        if value not in _VALUES.get(name, ()):
            raise syntax(f"mismatched input '{option}'. Expecting: 'FORMAT', 'TYPE'")
        options[name] = value
    return options, bare(sql)[found.end() :]


def explain(run: "Run", sql: str) -> Outcome:
    """Runs EXPLAIN: one column, ``Valid`` or ``Query Plan``, as text.

    Raises:
        QueryError.
    """
    options, statement = parse(sql)
    kind = kind_of(statement)
    if kind.handler != "query":
        raise unsupported(f"EXPLAIN of {kind.substatement.replace('_', ' ')}")
    shown, written = options.get("TYPE", "LOGICAL"), options.get("FORMAT", "TEXT")
    if shown == "VALIDATE" and written == "TEXT":
        compile_query(run.catalog, statement, run.database, run.parameters)
        return Outcome([results.column_info("Valid", BOOLEAN)], ["true"])
    if (shown, written) != ("LOGICAL", "TEXT"):
        raise unsupported(f"EXPLAIN (TYPE {shown}, FORMAT {written})")
    with run.bound(statement) as bound:
        bound.lock()
        plan = bound.connection.execute(f"EXPLAIN {bound.sql}").fetchall()[0][1]
    run.bytes = 0  # EXPLAIN scans no data
    lines = [HEADER, *str(plan).rstrip().splitlines()]
    return Outcome([results.column_info("Query Plan", VARCHAR)], lines)
