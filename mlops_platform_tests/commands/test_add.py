"""`mlops add`: what is inferred, and what is said when it cannot be."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from mlops_platform.cli import cli
from mlops_platform.commands.add.csv_files import infer_columns


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_types_are_the_widest_over_the_files(tmp_path: Path) -> None:
    one = write(tmp_path, "a.csv", "id,amount,flag,day,at,note\n1,2,true,2026-01-01,2026-01-01 10:00:00,x\n")
    two = write(
        tmp_path, "b.csv", "id,amount,flag,day,at,note\n2,2.5,false,2026-01-02,2026-01-02 10:00:00,7\n"
    )
    assert {c["name"]: c["type"] for c in infer_columns([one, two])} == {
        "id": "bigint",
        "amount": "double",
        "flag": "boolean",
        "day": "date",
        "at": "timestamp",
        "note": "string",
    }


@pytest.mark.parametrize(
    ("name", "file", "says"),
    [
        ("Orders", "orders-2026-01-01.csv", "use lower-case letters"),
        ("orders", "orders.csv", "No day in the name of"),
        ("orders", "orders-2026-13-41.csv", "No day in the name of"),
        ("tickets", "tickets-2026-01-01.csv", "is there already. Edit it, or write it anew with --force"),
    ],
)
def test_what_cannot_be_added_says_why(tmp_path: Path, name: str, file: str, says: str) -> None:
    path = write(tmp_path, file, "id,amount\n1,2\n")
    done = CliRunner().invoke(cli, ["add", "csv", name, str(path)])
    assert done.exit_code != 0
    assert says in done.output


def test_files_that_differ_are_two_sources(tmp_path: Path) -> None:
    write(tmp_path, "orders-2026-01-01.csv", "id,amount\n1,2\n")
    write(tmp_path, "orders-2026-01-02.csv", "id,price\n1,2\n")
    done = CliRunner().invoke(cli, ["add", "csv", "orders", str(tmp_path)])
    assert done.exit_code != 0
    assert "differ in columns ['amount', 'price']" in done.output


def test_a_folder_without_csv(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["add", "csv", "orders", str(tmp_path)])
    assert "No .csv files under" in done.output


def test_a_database_that_does_not_answer() -> None:
    done = CliRunner().invoke(cli, ["add", "postgres", "shop", "postgresql://me:secret@127.0.0.1:1/shop"])
    assert done.exit_code != 0
    assert "does not accept the connection" in done.output
    assert "secret" not in done.output


@pytest.mark.parametrize(
    "command", [[], ["add"], ["add", "csv"], ["demo"], ["query"], ["doctor"], ["materialize"]]
)
def test_every_command_has_help(command: list[str]) -> None:
    done = CliRunner().invoke(cli, [*command, "--help"])
    assert done.exit_code == 0
    assert len(done.output.splitlines()) >= 5


def test_an_unknown_deployment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_DEPLOYMENT", "azure")
    done = CliRunner().invoke(cli, ["doctor"])
    assert "MLOPS_DEPLOYMENT='azure' is unknown. Set one of: local, localstack, aws" in str(done.exception)
