"""Result reuse: https://docs.aws.amazon.com/athena/latest/ug/reusing-query-results.html"""

from datetime import timedelta

from sqlglot import exp

from local_cloud.athena.api.base import Shape
from local_cloud.athena.errors import QueryError
from local_cloud.athena.state import State, now
from local_cloud.athena.trino.syntax import parse

DEFAULT_MINUTES = 60
PAGE = 200
_CHANGING = {
    "rand", "random", "shuffle", "uuid", "now", "current_date", "current_time", "current_timestamp", "localtime",
    "localtimestamp", "current_user",
}  # fmt: skip


def wanted(configuration: Shape | None) -> timedelta | None:
    """The age up to which the client takes an earlier result; None where it wants none."""
    given = (configuration or {}).get("ResultReuseByAgeConfiguration") or {}
    if not given.get("Enabled"):
        return None
    return timedelta(minutes=given.get("MaxAgeInMinutes", DEFAULT_MINUTES))


def deterministic(sql: str) -> bool:
    """Whether the same data gives the same rows: no random or current values, no LIMIT without ORDER BY."""
    try:
        tree = parse(sql)
    except QueryError:
        return False  # the query will say so itself
    for node in tree.walk():
        if isinstance(node, exp.Func):
            name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
            if name.lower() in _CHANGING or isinstance(node, exp.Rand):
                return False
        cut = isinstance(node, exp.Query) and (node.args.get("limit") or node.args.get("offset"))
        if cut and not node.args.get("order"):
            return False
    return True


def earlier(state: State, body: Shape, age: timedelta) -> Shape | None:
    """The newest execution of the same query, database, parameters and result configuration, if young enough."""
    oldest = now() - age
    before: int | None = None
    while page := state.page("execution", body["WorkGroup"], PAGE, before, newest_first=True):
        for _, found in page:
            if found["Status"]["SubmissionDateTime"] < oldest:
                return None
            if found["Status"]["State"] == "SUCCEEDED" and _same(found, body):
                return found
        before = page[-1][0]
    return None


def _same(found: Shape, body: Shape) -> bool:
    members = ("Query", "_sql", "QueryExecutionContext", "ExecutionParameters", "_configured")
    return (
        found["Statistics"].get("ResultReuseInformation") == {"ReusedPreviousResult": False}
        and "_columns" in found
        and all(found.get(m) == body.get(m) for m in members)
    )
