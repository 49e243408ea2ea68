"""The dashboard's page in Chromium, opened as a file with every other request refused."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from mlops_platform.resources.session import AwsSession
from mlops_platform_tests.components.dashboards import (
    HOSTILE,
    HOSTILE_DASHBOARD,
    HOSTILE_FILES,
    materialize,
    save,
)
from mlops_platform_tests.fixtures_project import Project

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
LATEST = "dashboards/support_desk/support_dashboard/latest.html"


class Offline:
    """A page that may read one file and nothing else, and what it complained about or asked for."""

    def __init__(self, browser: Browser, url: str, **options: str) -> None:
        self.asked: list[str] = []
        self.said: list[str] = []
        self.page: Page = browser.new_page(viewport={"width": 1440, "height": 1000}, **options)  # type: ignore[arg-type]
        self.page.set_default_timeout(20_000)
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", self._asked)
        self.page.route(re.compile("^(?!file:)"), lambda route: route.abort())
        self.page.goto(url)
        self.page.wait_for_selector("body[data-drawn]")

    def _asked(self, request: Request) -> None:
        self.asked.append(request.url)

    def panel(self, title: str) -> str:
        """The selector of a panel."""
        return f'section[aria-label="{title}"]'


@pytest.fixture(scope="module")
def example(demo_project: Project, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page that the demo made, on disk."""
    s3 = demo_project.cloud.client("s3")
    body = s3.get_object(Bucket="mlops-artifacts", Key=LATEST)["Body"].read()
    return save(body, tmp_path_factory.mktemp("dashboard"))


@pytest.fixture
def opened(browser: Browser, example: str, request: pytest.FixtureRequest) -> Iterator[Offline]:
    """The example, freshly opened; afterwards nothing may have been asked for or complained about."""
    offline = Offline(browser, example)
    yield offline
    pictures = Path("artifacts/browser")
    pictures.mkdir(parents=True, exist_ok=True)
    offline.page.screenshot(path=pictures / f"{request.node.name}.png", full_page=True)
    offline.page.close()
    assert offline.asked == [example]
    assert offline.said == []


def test_the_demo_says_where_to_open_it(browser: Browser, demo_project: Project) -> None:
    log = (demo_project.folder / "demo.log").read_text()
    (line,) = [line for line in log.splitlines() if line.startswith("See it:")]
    assert line.split()[-1] == f"{demo_project.cloud.endpoint_url}/mlops-artifacts/{LATEST}"
    page = browser.new_page()
    page.goto(line.split()[-1])
    page.wait_for_selector("body[data-drawn]")
    page.close()


def figure(opened: Offline, title: str = "Tickets") -> str:
    return opened.page.locator(f"{opened.panel(title)} .figure").first.inner_text()


def test_every_panel_is_drawn_and_has_words_for_who_cannot_see_it(
    opened: Offline, demo_project: Project
) -> None:
    page = opened.page
    sections = page.locator("main > section")
    assert sections.count() == 15
    charts = page.locator("main > section:not(.number):not(.table)")
    for n in range(charts.count()):
        chart = charts.nth(n)
        assert chart.locator("svg .mark-symbol path, svg .mark-rect path").count() > 3, chart.inner_text()
        assert ": " in (
            chart.locator("svg").get_attribute("aria-label") or chart.locator(".chart").inner_html()
        )
    assert page.locator("section.table tbody tr").count() == 24
    first, last = (page.locator("input[type=date]").nth(n).input_value() for n in (0, 1))
    asked = demo_project.mlops("query", TICKETS.format(first, last), "--format", "csv").stdout.split()[-1]
    assert figure(opened) == f"{int(asked):,}"
    assert re.fullmatch(r"\d\d\.\d%", figure(opened, "Resolved"))


# The page's own days: other tests drop later ones, before the page was made again or after.
TICKETS = "SELECT count(*) FROM current_tickets WHERE opened_on BETWEEN DATE '{}' AND DATE '{}'"


def test_hovering_tells_the_values(opened: Offline) -> None:
    bars = opened.page.locator(f"{opened.panel('Tickets per day')} .mark-rect path")
    bars.nth(4).hover()
    tooltip = opened.page.locator("#vg-tooltip-element")
    expect(tooltip).to_be_visible()
    for word in ("day", "channel", "tickets", "2026"):
        expect(tooltip).to_contain_text(word)


def test_the_legend_shows_and_hides_series(opened: Offline) -> None:
    panel = opened.page.locator(opened.panel("Tickets per day"))
    bars = panel.locator(".mark-rect.marks path")
    before = bars.count()
    panel.locator(".role-legend-label text").filter(has_text="phone").click()
    expect(bars).not_to_have_count(before)
    assert 0 < bars.count() <= before / 3
    panel.locator(".role-legend-label text").filter(has_text="phone").click()
    expect(bars).to_have_count(before)


def test_filters_change_every_panel_that_can_follow_and_say_which_cannot(opened: Offline) -> None:
    page = opened.page
    everything = int(figure(opened).replace(",", ""))
    parts = []
    for channel in ("email", "web", "chat", "phone"):
        page.locator("select[name=channel]").select_option(label=channel)
        page.wait_for_function(f"document.querySelector('.number .figure').textContent !== '{everything:,}'")
        parts.append(int(figure(opened).replace(",", "")))
    assert sum(parts) == everything
    expect(page.locator(f"{opened.panel('Agents')} .unfiltered")).to_have_text("Not filtered by channel.")
    expect(page.locator(f"{opened.panel('Satisfaction by plan')} .unfiltered")).to_be_hidden()
    page.get_by_role("button", name="Reset").click()
    assert figure(opened) == f"{everything:,}"
    expect(page.locator(f"{opened.panel('Agents')} .unfiltered")).to_be_hidden()


def test_a_range_drawn_over_days_becomes_the_pages_days(opened: Offline) -> None:
    page = opened.page
    before = figure(opened)
    chart = page.locator(f"{opened.panel('First response')} svg")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.5, steps=4)
    page.mouse.up()
    first, last = page.locator("input[name=day-from]"), page.locator("input[name=day-to]")
    assert first.get_attribute("min") < first.input_value() < last.input_value() < last.get_attribute("max")  # type: ignore[operator]
    assert figure(opened) != before
    page.get_by_role("button", name="Reset").click()
    assert figure(opened) == before


def test_the_data_of_a_chart_and_the_order_of_a_table_can_be_asked_for(opened: Offline) -> None:
    page = opened.page
    panel = page.locator(opened.panel("Why rows were refused"))
    panel.get_by_text("Show the data").click()
    expect(panel.locator("tbody tr").first).to_be_visible()
    agents = page.locator(opened.panel("Agents"))
    agents.get_by_role("button", name="satisfaction").click()
    cells = agents.locator("tbody td:nth-child(6)").all_inner_texts()
    assert cells == sorted(cells, reverse=True)
    assert agents.locator("th[aria-sort=descending]").inner_text().startswith("satisfaction")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_readers_colours(browser: Browser, example: str, scheme: str) -> None:
    offline = Offline(browser, example, color_scheme=scheme)
    paper = offline.page.evaluate("getComputedStyle(document.body).backgroundColor")
    label = offline.page.locator(".role-axis-label text").first.get_attribute("fill")
    offline.page.close()
    assert (sum(map(int, re.findall(r"\d+", paper))) < 150) == (scheme == "dark")
    assert label == {"light": "#667085", "dark": "#98a1b3"}[scheme]


def test_hostile_text_stays_text(browser: Browser, provisioned: AwsSession, tmp_path: Path) -> None:
    made = materialize(HOSTILE_DASHBOARD, HOSTILE_FILES)
    bucket, _, key = made.metadata["dagster/uri"].removeprefix("s3://").partition("/")
    body = provisioned.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    offline = Offline(browser, save(body, tmp_path))
    page = offline.page
    assert page.title() == "A </title><b>title</b>"
    assert page.locator("img, b, i").count() == 0
    assert HOSTILE in page.locator("section.table").inner_text()
    expect(page.get_by_text("No rows.")).to_be_visible()
    page.locator(".horizontal_bar .mark-rect path").first.hover()
    expect(page.locator("#vg-tooltip-element")).to_be_visible()
    page.locator("select[name=who]").select_option(label="(none)")
    expect(page.locator(".number .figure").first).to_have_text("4")
    page.locator("select[name=who]").select_option(label=HOSTILE)
    expect(page.locator(".number .figure").first).to_have_text("3")
    page.locator("select[name=who]").select_option(label="__proto__")
    expect(page.locator(".number .figure").first).to_have_text("–")  # noqa: RUF001 - the dash of an empty cell
    page.close()
    assert offline.said == []
    assert len(offline.asked) == 1
