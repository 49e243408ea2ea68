"""AWS's cron expressions, and a clock that never fires twice."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from local_cloud.errors import ServiceError
from local_cloud.glue import GlueEngine
from local_cloud.glue.clock import Clock
from local_cloud.glue.cron import parse
from local_cloud.glue.store import Store

from mlops_platform_tests.glue.conftest import ROLE, new_engine

START = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)  # a Sunday


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # The examples of https://docs.aws.amazon.com/glue/latest/dg/monitor-data-warehouse-schedule.html
        ("cron(0 10 * * ? *)", ["2026-11-23 10:00", "2026-11-24 10:00"]),
        ("cron(15 12 * * ? *)", ["2026-11-23 12:15", "2026-11-24 12:15"]),
        ("cron(0 18 ? * MON-FRI *)", ["2026-11-23 18:00", "2026-11-24 18:00"]),
        ("cron(0 8 1 * ? *)", ["2026-12-01 08:00", "2027-01-01 08:00"]),
        ("cron(0/15 * * * ? *)", ["2026-11-22 20:15", "2026-11-22 20:30"]),
        ("cron(0/10 * ? * MON-FRI *)", ["2026-11-23 00:00", "2026-11-23 00:10"]),
        ("cron(0/5 8-17 ? * MON-FRI *)", ["2026-11-23 08:00", "2026-11-23 08:05"]),
        # Sunday is 1.
        ("cron(0 0 ? * 1 *)", ["2026-11-29 00:00", "2026-12-06 00:00"]),
        ("cron(0 0 ? * L *)", ["2026-11-28 00:00", "2026-12-05 00:00"]),
        ("cron(0 0 ? * FRI-SUN *)", ["2026-11-27 00:00", "2026-11-28 00:00"]),
        ("cron(0 0 ? * 3#2 *)", ["2026-12-08 00:00", "2027-01-12 00:00"]),
        ("cron(0 0 ? * 6L *)", ["2026-11-27 00:00", "2026-12-25 00:00"]),
        ("cron(0 0 L * ? *)", ["2026-11-30 00:00", "2026-12-31 00:00"]),
        ("cron(0 0 LW * ? *)", ["2026-11-30 00:00", "2026-12-31 00:00"]),
        ("cron(0 0 LW 1-2 ? 2027)", ["2027-01-29 00:00", "2027-02-26 00:00"]),
        ("cron(0 0 1W 8 ? 2026-2028)", ["2027-08-02 00:00", "2028-08-01 00:00"]),
        ("cron(0 0 29 2 ? *)", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("cron(30 6,18 1 JAN,JUL ? 2027/2)", ["2027-01-01 06:30", "2027-01-01 18:30"]),
    ],
)
def test_times(expression: str, expected: list[str]) -> None:
    schedule = parse(expression)
    first = schedule.after(START)
    assert first is not None
    second = schedule.after(first)
    assert [f"{moment:%Y-%m-%d %H:%M}" for moment in (first, second)] == expected


def test_a_schedule_may_end() -> None:
    assert parse("cron(0 0 1 1 ? 2020)").after(START) is None


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1 day)", "cron(0 10 * * *)", "cron(0 10 * * * *)", "cron(0 10 ? * ? *)", "cron(60 10 * * ? *)",
        "cron(0 24 * * ? *)", "cron(0 10 32 * ? *)", "cron(0 10 ? * 8 *)", "cron(0 10 * 13 ? *)",
        "cron(* * * * ? *)", "cron(0/4 * * * ? *)", "cron(0/0 * * * ? *)", "cron(0 10 ? * MON#6 *)",
        "cron(,0 1 * * ? *)",
    ],
)  # fmt: skip
def test_refused(expression: str) -> None:
    with pytest.raises(ServiceError, match="Invalid schedule"):
        parse(expression)


@given(st.integers(0, 59), st.integers(0, 23), st.integers(1, 28), st.integers(0, 10**6))
def test_the_next_time_is_later_and_on_the_schedule(minute: int, hour: int, day: int, later: int) -> None:
    start = START + timedelta(minutes=later)
    found = parse(f"cron({minute} {hour} {day} * ? *)").after(start)
    assert found is not None
    assert found > start
    assert (found.minute, found.hour, found.day) == (minute, hour, day)
    assert found - start <= timedelta(days=31)


def test_no_time_fires_twice(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.sqlite")
    fired: list[tuple[str, str]] = []
    clock = Clock(store, lambda kind, name: [lambda: fired.append((kind, name))])
    clock.set("trigger", "t", "cron(0/5 * * * ? *)")
    (due,) = store.one("SELECT due FROM schedules") or (0,)
    moment = datetime.fromtimestamp(due, UTC)
    clock.tick(moment - timedelta(seconds=1))
    assert fired == []
    clock.tick(moment)
    clock.tick(moment + timedelta(seconds=30))
    assert fired == [("trigger", "t")]
    # What failed to be recorded is due again; what was missed for long fires once.
    clock.tick(moment + timedelta(hours=3))
    assert len(fired) == 2
    clock.set("trigger", "t", None)
    clock.tick(moment + timedelta(hours=9))
    assert len(fired) == 2
    store.close()


def test_a_firing_that_fails_stays_due(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.sqlite")

    def fail(kind: str, name: str) -> list[object]:
        raise RuntimeError(kind + name)

    clock = Clock(store, fail)  # type: ignore[arg-type]
    clock.set("trigger", "t", "cron(0/5 * * * ? *)")
    before = store.one("SELECT due FROM schedules")
    with pytest.raises(RuntimeError):
        clock.tick(datetime(2027, 1, 1, tzinfo=UTC))
    assert store.one("SELECT due FROM schedules") == before
    store.close()


def test_schedules_outlive_the_engine_and_skip_what_was_missed(tmp_path: Path) -> None:
    engine = new_engine(tmp_path)
    engine.create_job(
        Name="j", Role=ROLE, Command={"Name": "pythonshell", "ScriptLocation": "s3://nowhere/j.py"}
    )
    engine.create_trigger(
        Name="t",
        Type="SCHEDULED",
        Schedule="cron(0 3 * * ? *)",
        Actions=[{"JobName": "j"}],
        StartOnCreation=True,
    )
    engine.close()
    # Only now: the engine's own clock would fire what is due.
    store = Store(tmp_path / "glue" / "catalog.sqlite")
    with store.write() as db:
        db.execute("UPDATE schedules SET due = 1")
    store.close()
    again: GlueEngine = new_engine(tmp_path)
    assert again.get_trigger(Name="t")["Trigger"]["State"] == "ACTIVATED"
    (due,) = again.store.one("SELECT due FROM schedules") or (0,)
    assert due > datetime.now(UTC).timestamp()
    again.clock.tick(datetime.fromtimestamp(due, UTC))
    (run,) = again.get_job_runs(JobName="j")["JobRuns"]
    assert run["TriggerName"] == "t"
    again.stop_trigger(Name="t")
    assert again.store.one("SELECT * FROM schedules") is None
    again.close()
