"""The committed reference page is the one the code gives."""

from pathlib import Path

from local_cloud.reference import page

COMMITTED = Path(__file__).parents[2] / "docs" / "reference.md"


def test_the_reference_page_is_current() -> None:
    assert COMMITTED.read_text() == page(), "docs/reference.md is not current: run `make reference`"


def test_the_page_says_what_there_is_and_what_not() -> None:
    shown = page()
    assert len(shown.encode()) < 60_000
    for text in (
        "`StartQueryExecution`",
        "`GetPartitions`",
        "`date_trunc(varchar, date)`",
        "OpenCSVSerde",
        "`MERGE INTO`",
    ):
        assert text in shown
    assert "Not there: `CancelCapacityReservation`" in shown
    assert "`to_char`" in shown.partition("### Refused")[2].partition("##")[0]
