"""`mlops demo` as a newcomer runs it, and what can be asked of the platform afterwards."""

import csv
import io

import pytest

from mlops_platform_tests.fixtures_project import Project


def ask(project: Project, sql: str, **env: str) -> list[dict[str, str]]:
    """The rows of a query."""
    done = project.mlops("query", sql, "--format", "csv", **env)
    return list(csv.DictReader(io.StringIO(done.stdout)))


@pytest.mark.timeout(400)
def test_the_demo_says_what_it_made(demo_project: Project) -> None:
    log = (demo_project.folder / "demo.log").read_text()
    for asset in (
        "tickets",
        "support/customers",
        "support_desk/clean_tickets",
        "support_desk/agent_performance",
    ):
        assert asset in log
    assert "make dev" in log


def test_doctor_finds_everything_in_order(demo_project: Project) -> None:
    assert "Everything is in order." in demo_project.mlops("doctor").stdout


def test_every_row_of_the_drops_is_accounted_for(demo_project: Project) -> None:
    seeded = "WHERE day <= '2026-01-14'"
    (clean,) = ask(
        demo_project, f"SELECT count(*) AS n, count(DISTINCT day) AS days FROM clean_tickets {seeded}"
    )
    (bad,) = ask(demo_project, "SELECT count(*) AS n FROM clean_tickets_quarantine WHERE reason IS NOT NULL")
    assert int(clean["days"]) == 14
    assert int(clean["n"]) > 1500
    assert int(bad["n"]) > 0
    groups = "SELECT day, ticket_id FROM clean_tickets GROUP BY day, ticket_id HAVING count(*) > 1"
    assert ask(demo_project, f"SELECT count(*) AS n FROM ({groups})") == [{"n": "0"}]


def test_joins_aggregates_and_windows_over_the_catalog(demo_project: Project) -> None:
    rows = ask(
        demo_project,
        """
        WITH per_day AS (SELECT day, plan, count(*) AS n FROM clean_tickets GROUP BY day, plan)
        SELECT p.day, p.plan, p.n, sum(p.n) OVER (PARTITION BY p.plan ORDER BY p.day) AS running
        FROM per_day p JOIN (SELECT DISTINCT plan FROM daily_service_levels) v ON v.plan = p.plan
        ORDER BY p.plan, p.day
        """,
    )
    running: dict[str, int] = {}
    assert rows
    for row in rows:
        running[row["plan"]] = running.get(row["plan"], 0) + int(row["n"])
        assert int(row["running"]) == running[row["plan"]]


def test_one_day_scans_less_than_all(demo_project: Project) -> None:
    def scanned(where: str) -> int:
        printed = demo_project.mlops(
            "query", f"SELECT sum(length(request)) FROM clean_tickets {where}"
        ).stderr
        return int(printed.rpartition(" bytes scanned")[0].rpartition(" ")[2].replace(",", ""))

    everything, one_day = scanned(""), scanned("WHERE day = '2026-01-03'")
    assert 0 < one_day < everything / 5


@pytest.mark.timeout(400)
def test_a_second_demo_is_safe(demo_project: Project) -> None:
    seeded = "WHERE day <= '2026-01-14'"
    sql = f"SELECT day, count(*) AS n FROM clean_tickets {seeded} GROUP BY day ORDER BY day"
    before = ask(demo_project, sql)
    demo_project.mlops("demo", "--rows", "2000")
    assert ask(demo_project, sql) == before
