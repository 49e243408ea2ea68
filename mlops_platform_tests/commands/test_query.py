"""``mlops query``: rows as a table, CSV or Parquet; what the query cost goes to standard error."""

import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from mlops_platform.commands.query import query
from mlops_platform.resources.session import AwsSession

VALUES = "SELECT * FROM (VALUES (1, 'a,\"b\"', DATE '2026-01-31'), (2, NULL, NULL)) AS t(id, name, day)"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(query, ["--database", "support_desk", *arguments])


def test_a_table_is_printed_and_the_cost_goes_to_standard_error(provisioned: AwsSession) -> None:
    done = run(VALUES)
    assert done.exit_code == 0, done.output
    assert re.search(r"┃ id +┃ name +┃ day", done.stdout)
    assert "integer" in done.stdout
    assert "NULL" in done.stdout
    assert re.search(r"2 rows; 0 bytes scanned, [\d.]+ s, s3://", done.stderr)
    assert "scanned" not in done.stdout


def test_csv_is_printed_or_written_by_the_files_ending(provisioned: AwsSession, tmp_path: Path) -> None:
    expected = 'id,name,day\n1,"a,""b""",2026-01-31\n2,,\n'
    assert run(VALUES, "--format", "csv").stdout.replace("\r\n", "\n") == expected
    file = tmp_path / "rows.csv"
    done = run(VALUES, "--output", str(file))
    assert (done.stdout, file.read_text().replace("\r\n", "\n")) == ("", expected)
    assert f"written to {file}" in done.stderr
    assert run(VALUES, "--format", "csv", "--rows", "1").stdout.count("\n") == 2


def test_parquet_keeps_athenas_types(provisioned: AwsSession, tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    done = run(VALUES + ";", "-o", str(file))
    assert done.exit_code == 0, done.output
    found = pq.read_table(file)
    assert [str(t) for t in found.schema.types] == ["int32", "string", "date32[day]"]
    assert found.column("name").to_pylist() == ['a,"b"', None]
    bucket = provisioned.contract().artifacts_bucket
    left = provisioned.client("s3").list_objects_v2(Bucket=bucket, Prefix="athena/exports/")
    assert left["KeyCount"] == 0


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["SELECT nope"], "Column 'nope' cannot be resolved"),
        ([VALUES, "--format", "parquet"], "name it with --output"),
        (
            ["SELECT * FROM nothing", "-o", "{}/none.parquet"],
            "Table 'awsdatacatalog.support_desk.nothing' does not exist",
        ),
    ],
)
def test_what_is_wrong_is_one_line(
    provisioned: AwsSession, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    done = run(*[a.format(tmp_path) for a in arguments])
    assert done.exit_code != 0
    assert reason in done.stderr
    assert "Traceback" not in done.output


def test_help_shows_how() -> None:
    shown = run("--help").stdout
    assert "mlops query" in shown
    assert "tickets.parquet" in shown
    for option in ("--database", "--rows", "--format", "--output"):
        assert option in shown
