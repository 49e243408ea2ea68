"""PREPARE, EXECUTE and DEALLOCATE: https://docs.aws.amazon.com/athena/latest/ug/sql-prepare.html"""

from typing import TYPE_CHECKING

from local_cloud.athena.ddl.tokens import Reader
from local_cloud.athena.errors import QueryError
from local_cloud.athena.outcome import Outcome, text
from local_cloud.athena.trino.typed import quote

if TYPE_CHECKING:
    from local_cloud.athena.run import Run

__all__ = ["deallocate", "executed", "prepare", "quote"]


def prepare(run: "Run", sql: str) -> Outcome:
    """PREPARE name FROM statement."""
    reader = Reader(sql)
    reader.expect("PREPARE")
    name = reader.name()
    reader.expect("FROM")
    run.prepared.put(name, reader.rest())
    return text([])


def deallocate(run: "Run", sql: str) -> Outcome:
    """DEALLOCATE PREPARE name."""
    reader = Reader(sql)
    reader.expect("DEALLOCATE", "PREPARE")
    name = reader.name()
    reader.end()
    if not run.prepared.delete(name):
        raise QueryError("NOT_FOUND", f"Prepared statement not found: {name}")
    return text([])


def executed(sql: str) -> tuple[str, list[str]]:
    """``EXECUTE name [USING a, b]`` as (name, parameters)."""
    reader = Reader(sql)
    reader.expect("EXECUTE")
    name = reader.name()
    parameters: list[str] = []
    if reader.words("USING"):
        start, depth = reader.peek().start, 0
        while not reader.ended:
            token = reader.next()
            if token.kind == "symbol":
                depth += (token.text in "([") - (token.text in ")]")
                if token.text == "," and depth == 0:
                    parameters.append(reader.sql[start : token.start].strip())
                    start = token.end
        parameters.append(reader.sql[start : reader.tokens[-1].end].strip())
    reader.end()
    return name, parameters
