"""The conformance corpus: one case a line - a statement, the rows and types Trino's documentation gives, the page.

``python -m mlops_platform_tests.athena.conformance_cases`` prints pass / refused / wrong per family, and runs all
TPC-H and TPC-DS queries (families ``tpch``, ``tpcds``) against a local cloud of its own.
"""

import json
import math
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_cloud.athena import connections, results
from local_cloud.athena.catalog import Catalog
from local_cloud.athena.compiled import bind, compile_query
from local_cloud.athena.errors import QueryError, from_duckdb

if TYPE_CHECKING:
    from mlops_platform_tests.athena.tpc_cases import Verdict

FOLDER = Path(__file__).parent / "conformance"


@dataclass(frozen=True)
class Case:
    """``rows`` as Athena's CSV shows them, ``types`` as typeof() does; or the ``error``'s name."""

    family: str
    line: int
    sql: str
    doc: str
    types: tuple[str, ...] = ()
    rows: tuple[tuple[str | None, ...], ...] = ()
    error: str | None = None
    approximate: bool = False

    @property
    def id(self) -> str:
        return f"{self.family}:{self.line}"


def cases() -> list[Case]:
    """Every case of the corpus."""
    found = []
    for path in sorted(FOLDER.glob("*.jsonl")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            case = json.loads(line)
            rows = tuple(tuple(row) for row in case.get("rows", ()))
            found.append(
                Case(
                    path.stem,
                    number,
                    case["sql"],
                    case["doc"],
                    tuple(case.get("types", ())),
                    rows,
                    case.get("error"),
                    case.get("approximate", False),
                )
            )
    return found


def answer(sql: str, glue: Any = None) -> tuple[tuple[str, ...], list[tuple[str | None, ...]]]:
    """Types and rows of a statement without tables, as the engine computes and shows them.

    ``glue``: a catalog for the statement that names a table nevertheless.

    Raises:
        QueryError.
    """
    import duckdb

    catalog = Catalog(glue)
    compiled = compile_query(catalog, sql, "default", [])
    connection = connections.connect(Path("/nonexistent"), 512, 1)
    try:
        bound = bind(compiled, catalog, None, connection)
        shown = [results.rendered(f, "q") for f in bound.fields]
        bound.lock(*shown)
        rows = connection.execute(
            f"SELECT {', '.join(f'CAST({s} AS VARCHAR)' for s in shown)} FROM ({bound.sql}) AS q"
        ).fetchall()
    except duckdb.Error as error:
        raise from_duckdb(error) from error
    finally:
        connection.close()
    return tuple(str(f.type) for f in compiled.fields), rows


def _close(case: Case, rows: list[tuple[str | None, ...]]) -> bool:
    if not case.approximate:
        return rows == [tuple(r) for r in case.rows]
    pairs = [(a, b) for x, y in zip(rows, case.rows, strict=True) for a, b in zip(x, y, strict=True)]
    return all(math.isclose(float(a or "nan"), float(b or "nan"), rel_tol=1e-12) for a, b in pairs)


def judge(case: Case) -> tuple[str, Any]:
    """``pass``, ``refused`` or ``wrong``, and what came instead."""
    try:
        types, rows = answer(case.sql)
    except QueryError as error:
        if case.error == error.name:
            return "pass", None
        return ("refused" if error.name == "NOT_SUPPORTED" else "wrong"), error.reason
    if case.error is None and types == case.types and _close(case, rows):
        return "pass", None
    return "wrong", (types, rows)


TPC_SCALES = {"tpch": 0.1, "tpcds": 0.2}


def tpc() -> "Iterator[Verdict]":
    """The TPC queries' outcomes."""
    from mlops_platform_tests.athena.tpc_cases import Suite
    from mlops_platform_tests.fixtures_cloud import free_port, running

    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder) / "cloud", postgres_port=free_port()) as cloud,
    ):
        for name, scale in TPC_SCALES.items():
            suite = Suite(name, scale, Path(folder) / name, cloud.client)
            suite.register()
            yield from suite.verdicts()


def main() -> int:
    """Prints the table; 1 where anything is wrong."""
    counts: dict[str, Counter[str]] = {}
    for case in cases():
        verdict, instead = judge(case)
        counts.setdefault(case.family, Counter())[verdict] += 1
        if verdict != "pass":
            print(
                f"{verdict:8} {case.id:16} {case.sql}\n         expected "
                f"{case.error or (case.types, case.rows)}\n         got      {instead}"
            )
    documented = sum(counts.values(), Counter())
    for found in tpc():
        counts.setdefault(found.suite, Counter())[found.outcome] += 1
        if found.outcome != "pass":
            print(f"{found.outcome:8} {found.suite}:{found.number:<10} {found.instead}")
    print(f"\n{'family':14}{'pass':>6}{'refused':>9}{'wrong':>7}")
    counts["all"] = sum(counts.values(), Counter())
    for family, count in counts.items():
        print(f"{family:14}{count['pass']:>6}{count['refused']:>9}{count['wrong']:>7}")
    share = documented["pass"] / documented.total()
    print(f"{documented['pass']} of {documented.total()} documented cases ({share:.1%}) pass")
    return 1 if counts["all"]["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
