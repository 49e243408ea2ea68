"""``AthenaDashboard``: what it refuses, and what its page holds; Athena is the local cloud's."""

import base64
import json
import re
import urllib.request
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from mlops_platform.resources.session import AwsSession
from mlops_platform_tests.components.dashboards import (
    HOSTILE,
    HOSTILE_DASHBOARD,
    HOSTILE_FILES,
    Outcome,
    materialize,
)
from mlops_platform_tests.components.test_bad_declarations import error_text

TWO_AT_ONE = "SELECT 1 AS day, n FROM (VALUES 1, 2) AS t (n)"
MANY_SERIES = "SELECT 1 AS day, n, CAST(n AS varchar) AS who FROM UNNEST(sequence(1, 21)) AS t (n)"


@pytest.mark.parametrize(
    ("panel", "says"),
    [
        ("{title: P, chart: pie, query: q}", "chart"),
        ("{title: P, chart: line, query: q, x: day}", "panel 'P': `y` is missing: a line needs `x`, `y`"),
        ("{title: P, chart: line, x: day, y: n}", "panel 'P': give either `query`"),
        ("{title: P, chart: line, query: gone, x: day, y: n}", "there is no gone.sql beside it (there: q)"),
        ("{title: P, chart: line, query: ../q, x: day, y: n}", "there is no q.sql beside it"),
        ("{title: P, chart: line, query: q, x: day, y: tickts}", "`y: tickts` is not a column of its query"),
        ("{title: P, chart: bar, query: q, x: day, y: n, format: wide}", "`format: wide` is unknown. Write ,.0f"),
        ("{title: P, chart: bar, query: q, x: day, y: [n, n]}", "`y` may be a list only in a line chart"),
        ("{title: P, chart: bar, query: q, x: day, y: n, per: n, aggregate: mean}", "`per` divides one measure's sum"),
        ("{title: P, chart: bar, query: q, x: day, y: n, color: who, colors: {a: red}}", "'red' is no colour. Write"),
        ("{title: P, chart: table, query: q, x: day}", "`x` has no place in a table"),
        ("{title: P, chart: line, query: q, x: day, y: n, colour: who}", "colour"),
        ("{title: P, chart: table, sql: DROP TABLE q}", "panel 'P': `sql`: not a SELECT in Athena's SQL"),
    ],
)  # fmt: skip
def test_a_bad_panel_is_named_with_its_key_and_the_cure(tmp_path: Path, panel: str, says: str) -> None:
    (tmp_path / "q.sql").write_text("SELECT day, who, count(*) AS n FROM t GROUP BY 1, 2;\n")
    text = error_text(
        tmp_path,
        f"""
        type: mlops_platform.components.AthenaDashboard
        attributes: {{database: support_desk, title: T, panels: [{panel}]}}
        """,
    )
    assert says in text
    assert "defs.yaml" in text or "mlops_platform.components" in text


@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        ("panels: []", "`panels` is empty"),
        ("panels: [{title: P, chart: table, query: q}], filters: [plan]", "`filters: plan` is a column of no panel"),
        ("panels: [{title: P, chart: table, query: broken}]", "broken.sql: not a SELECT in Athena's SQL"),
    ],
)  # fmt: skip
def test_a_bad_dashboard_is_refused(tmp_path: Path, attributes: str, says: str) -> None:
    (tmp_path / "q.sql").write_text("SELECT day FROM t")
    (tmp_path / "broken.sql").write_text("SELECT FROM WHERE")
    text = error_text(
        tmp_path,
        f"""
        type: mlops_platform.components.AthenaDashboard
        attributes: {{database: support_desk, title: T, {attributes}}}
        """,
    )
    assert says in text


@pytest.mark.parametrize(
    ("panel", "says"),
    [
        (
            {"title": "Big", "chart": "table", "sql": "SELECT n FROM UNNEST(sequence(1, 11)) AS t (n)"},
            "panel 'Big': query 'panel_1' returned more than 10 rows. Aggregate in SQL",
        ),
        (
            {"title": "Broken", "chart": "table", "sql": "SELECT gone FROM nowhere"},
            "panel 'Broken': query 'panel_1' FAILED: ",
        ),
        (
            {"title": "Star", "chart": "bar", "sql": "SELECT * FROM (VALUES 1) AS t (n)", "x": "day", "y": "n"},
            "panel 'Star': `x: day` is not a column of its query, which returns n",
        ),
        (
            {"title": "Text", "chart": "bar", "sql": "SELECT 'a' AS who, 'b' AS n", "x": "who", "y": "n"},
            "panel 'Text': the measure 'n' is text, not a number. CAST it in SQL",
        ),
        (
            {"title": "Meet", "chart": "line", "sql": TWO_AT_ONE, "x": "day", "y": "n", "aggregate": "none"},
            "panel 'Meet': `aggregate: none`, but several rows meet in one point",
        ),
        (
            {"title": "Many", "chart": "line", "sql": MANY_SERIES, "x": "day", "y": "n", "color": "who"},
            "panel 'Many': `color: who` has 21 values; more than 20 cannot be told apart",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_fails_and_says_why(
    provisioned: AwsSession, panel: dict[str, str], says: str
) -> None:
    most = 10 if panel["title"] == "Big" else 100
    outcome = materialize({"database": "support_desk", "title": "T", "max_rows": most, "panels": [panel]})
    assert says in outcome.why
    assert "defs.yaml" in outcome.why
    assert outcome.metadata == {}


@pytest.fixture(scope="module")
def hostile(provisioned: AwsSession) -> Outcome:
    return materialize(HOSTILE_DASHBOARD, HOSTILE_FILES)


class Parsed(HTMLParser):
    """The elements of a page, the text of its data element, and whatever refers to another place."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.data = self.policy = ""
        self._in_data = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tags.append(tag)
        self.links += [v or "" for k, v in attrs if k in ("src", "href", "action")]
        self._in_data = named.get("id") == "data"
        if named.get("http-equiv") == "Content-Security-Policy":
            self.policy = named["content"] or ""

    def handle_data(self, data: str) -> None:
        if self._in_data:
            self.data += data

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - html.parser's signature
        self._in_data = False


def fetched(outcome: Outcome, name: str = "page") -> str:
    """The page, as a browser gets it from the link in the metadata."""
    with urllib.request.urlopen(outcome.metadata[name]) as answer:  # noqa: S310 - the local cloud's address
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        return str(answer.read().decode())


def test_text_of_the_data_cannot_become_markup(hostile: Outcome) -> None:
    assert hostile.why == ""
    page = fetched(hostile)
    parsed = Parsed(page)
    assert parsed.tags.count("script") == 3
    assert not {"img", "b", "i", "link", "iframe"} & set(parsed.tags)
    assert parsed.links == []
    assert "default-src 'none'" in parsed.policy
    assert "unsafe" not in parsed.policy
    data: dict[str, Any] = json.loads(parsed.data)
    rows = data["queries"]["all"]["rows"]
    assert [r[1] for r in rows] == [HOSTILE, None, 'a "quoted" & \\ name', "__proto__"]
    assert [r[2] for r in rows] == [3, 4, 5, None]
    assert [r[3] for r in rows] == [2.5, None, None, None], "JSON has no NaN and no infinity"
    assert {r[0] for r in rows} == {"2026-01-05", "2026-01-06"}


def test_the_metadata_tells_what_was_asked_and_shows_it(hostile: Outcome) -> None:
    made = hostile.metadata
    assert fetched(hostile, "latest_page") == fetched(hostile)
    assert made["dagster/uri"] == "s3://mlops-artifacts/dashboards/support_desk/thing/latest.html"
    assert "| all | 4 |" in made["queries"]
    assert "| none | 0 |" in made["queries"]
    assert made["data_through"] == "2026-01-06"
    assert "**12**" in made["preview"], "the number panel, in Markdown"
    picture = re.search(r"data:image/png;base64,([\w+/=]+)\)", made["preview"])
    assert picture is not None
    assert base64.b64decode(picture[1]).startswith(b"\x89PNG")


def test_an_empty_panel_fails_the_check_unless_it_may_be_empty(hostile: Outcome) -> None:
    check = hostile.checks["no_empty_panel"]
    assert not check.passed
    assert check.description == "Without rows: Nothing"


def test_panels_that_share_a_query_share_its_run_and_its_rows(hostile: Outcome) -> None:
    assert hostile.metadata["queries"].count("| all |") == 1
    assert list(json.loads(Parsed(fetched(hostile)).data)["queries"]) == ["all", "none"]
