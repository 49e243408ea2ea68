"""Days, spans and cursors of the S3 sensor."""

import pytest

from mlops_platform.components.csv_drops import day_of, day_prefix
from mlops_platform.components.drop_runs import spans
from mlops_platform.components.s3_event_sensor import EventCursor


def test_a_days_prefix_and_the_day_of_a_key_agree() -> None:
    prefix = day_prefix("tickets/", "2026-01-31")
    assert prefix == "tickets/day=2026-01-31/"
    assert day_of("tickets/", prefix + "a b.csv") == "2026-01-31"


@pytest.mark.parametrize(
    "key",
    ["tickets/readme.txt", "tickets/day=2026-13-01/a.csv", "other/day=2026-01-01/a.csv", "tickets/day=x/"],
)
def test_keys_outside_a_day(key: str) -> None:
    assert day_of("tickets/", key) is None


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ([], []),
        (["2026-01-01"], [("2026-01-01", "2026-01-01")]),
        (
            ["2026-01-02", "2026-01-01", "2026-01-04"],
            [("2026-01-01", "2026-01-02"), ("2026-01-04", "2026-01-04")],
        ),
        (["2025-12-31", "2026-01-01"], [("2025-12-31", "2026-01-01")]),
    ],
)
def test_spans_are_runs_of_consecutive_days(days: list[str], expected: list[tuple[str, str]]) -> None:
    assert list(spans(days, longest=100)) == expected


def test_spans_are_cut_at_the_longest() -> None:
    days = [f"2026-01-{n:02}" for n in range(1, 6)]
    assert list(spans(days, longest=2)) == [
        ("2026-01-01", "2026-01-02"),
        ("2026-01-03", "2026-01-04"),
        ("2026-01-05", "2026-01-05"),
    ]


@pytest.mark.parametrize("text", [None, "", "not json", "[]", '{"receipts": 3}', '"x"'])
def test_an_unreadable_cursor_counts_as_none(text: str | None) -> None:
    assert EventCursor.parse(text) == EventCursor()


def test_the_cursor_keeps_the_newest_thousand_versions() -> None:
    cursor = EventCursor(["r"], {str(n): "v" for n in range(1500)})
    again = EventCursor.parse(cursor.dump())
    assert again.receipts == ["r"]
    assert list(again.asked) == [str(n) for n in range(500, 1500)]
