"""A bad defs.yaml ends in one error that names the file and the cure."""

import traceback
from pathlib import Path
from textwrap import dedent

import pytest

from mlops_platform.components.sql_lineage import column_sources, referenced_tables


def load(folder: Path, yaml: str) -> None:
    """Load one defs.yaml as Dagster does."""
    from dagster.components.testing import create_defs_folder_sandbox

    with create_defs_folder_sandbox() as sandbox:
        target = sandbox.defs_folder_path / "thing"
        target.mkdir()
        for file in folder.iterdir():
            (target / file.name).write_bytes(file.read_bytes())
        (target / "defs.yaml").write_text(dedent(yaml))
        with sandbox.build_all_defs() as built:
            built.get_repository_def()


def error_text(folder: Path, yaml: str) -> str:
    """What is said when the defs.yaml is loaded: the error and its causes."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - Dagster wraps some of them; the text is what counts
        load(folder, yaml)
    return "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("yaml", "says"),
    [
        (
            """
            type: mlops_platform.components.S3CsvSource
            attributes: {name: tickets, start_date: 2026-31-01, columns: [{name: a}]}
            """,
            "is not a date. Write YYYY-MM-DD",
        ),
        (
            """
            type: mlops_platform.components.S3CsvSource
            attributes: {name: tickets, start_date: "2026-01-01", columns: [{name: a}, {name: A}]}
            """,
            "are declared twice",
        ),
        (
            """
            type: mlops_platform.components.S3CsvSource
            attributes: {name: tickets, start_date: "2026-01-01"}
            """,
            "columns",
        ),
        (
            """
            type: mlops_platform.components.S3CsvSource
            attributes: {name: tickets, start_date: "2026-01-01", columns: [], colums: []}
            """,
            "colums",
        ),
        (
            """
            type: mlops_platform.components.S3CsvSources
            attributes: {name: tickets}
            """,
            "S3CsvSources",
        ),
        (
            """
            type: mlops_platform.components.GlueTable
            attributes: {database: d, table: t, script: gone.py}
            """,
            "there is no script 'gone.py' beside it",
        ),
        (
            """
            type: mlops_platform.components.GlueTable
            attributes: {database: d, table: t, script: job.py, csv_source: tickets}
            """,
            "csv_source needs start_date",
        ),
        (
            """
            type: mlops_platform.components.GlueTable
            attributes: {database: d, table: t, script: job.py, arguments: {table: x}}
            """,
            "the platform sets the arguments ['table'] itself",
        ),
        (
            """
            type: mlops_platform.components.GlueTable
            attributes: {database: d, table: t, script: job.py, columns: [{name: a, lineage: [nodot]}]}
            """,
            "must read `asset/key.column`",
        ),
        (
            """
            type: mlops_platform.components.AthenaViews
            attributes: {database: d}
            """,
            "there is no .sql file beside it",
        ),
    ],
)
def test_the_error_names_the_cure(tmp_path: Path, yaml: str, says: str) -> None:
    (tmp_path / "job.py").write_text("print('a job')\n")
    text = error_text(tmp_path, yaml)
    assert says in text
    assert "defs.yaml" in text or "mlops_platform.components" in text


def test_sql_that_does_not_parse_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "broken.sql").write_text("SELECT FROM WHERE")
    text = error_text(tmp_path, "type: mlops_platform.components.AthenaViews\nattributes: {database: d}\n")
    assert "broken.sql: not a SELECT in Athena's SQL" in text


def test_tables_of_a_statement() -> None:
    sql = "WITH x AS (SELECT * FROM T1) SELECT * FROM x JOIN other.t2 USING (a) WHERE b IN (SELECT b FROM t3)"
    assert referenced_tables(sql, "db") == [("db", "t1"), ("db", "t3"), ("other", "t2")]


def test_columns_of_a_statement() -> None:
    sql = "SELECT t.a AS key, count(*) AS n, max(u.c) AS latest FROM t JOIN u ON t.a = u.a GROUP BY t.a"
    schema = {("db", "t"): [("a", "int")], ("db", "u"): [("a", "int"), ("c", "date")]}
    assert column_sources(sql, "db", schema) == {"key": [("db", "t", "a")], "latest": [("db", "u", "c")]}
