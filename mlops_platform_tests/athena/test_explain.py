"""EXPLAIN: what can be told truthfully is told, the rest is refused."""

import pytest

from mlops_platform_tests.athena.conftest import Athena


def test_validate_says_whether_a_statement_is_valid(sales: Athena) -> None:
    answer = sales("EXPLAIN (TYPE VALIDATE) SELECT id FROM sales WHERE day = '2026-01-01'")
    assert answer.execution["StatementType"] == "UTILITY"
    assert [c["Name"] for c in answer.columns] == ["Valid"]
    assert answer.rows == [["true"]]
    assert answer.scanned == 0
    assert sales.failure("EXPLAIN (TYPE VALIDATE) SELECT nothing FROM sales") == (
        "COLUMN_NOT_FOUND: line 1:8: Column 'nothing' cannot be resolved"
    )


def test_the_plan_is_the_local_engines_and_says_so(sales: Athena) -> None:
    answer = sales("explain select count(*) from sales")
    assert [c["Name"] for c in answer.columns] == ["Query Plan"]
    lines = [row[0] or "" for row in answer.rows]
    assert "local engine (DuckDB)" in lines[0]
    assert len(lines) > 3
    assert answer.scanned == 0


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("EXPLAIN ANALYZE SELECT 1", "NOT_SUPPORTED"),
        ("EXPLAIN (TYPE DISTRIBUTED) SELECT 1", "NOT_SUPPORTED"),
        ("EXPLAIN (FORMAT JSON, TYPE IO) SELECT 1", "NOT_SUPPORTED"),
        ("EXPLAIN (FORMAT XML) SELECT 1", "SYNTAX_ERROR"),
        ("EXPLAIN SHOW TABLES", "NOT_SUPPORTED"),
        ("EXPLAIN (SELECT x)", "COLUMN_NOT_FOUND"),
    ],
)
def test_what_only_trino_could_tell_is_refused(athena: Athena, sql: str, error: str) -> None:
    assert athena.failure(sql).startswith(error)
