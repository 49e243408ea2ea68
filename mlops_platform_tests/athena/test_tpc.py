"""All 22 TPC-H and 99 TPC-DS queries at a tiny scale: the answers are DuckDB's own on the same files."""

from pathlib import Path

import pytest

from mlops_platform_tests.athena.tpc_cases import SUITES, Suite
from mlops_platform_tests.fixtures_cloud import RunningCloud


@pytest.mark.parametrize(("suite", "queries"), list(zip(SUITES, (22, 99), strict=True)))
def test_every_query_answers_as_duckdb_does(
    suite: str, queries: int, local_cloud: RunningCloud, tmp_path: Path
) -> None:
    tables = Suite(suite, 0.01, tmp_path, local_cloud.client)
    tables.register()
    verdicts = list(tables.verdicts())
    assert len(verdicts) == queries
    assert [v for v in verdicts if v.outcome != "pass"] == []
    assert sum(v.rows > 0 for v in verdicts) > queries // 2
