"""What a person sees in the Dagster UI after `make demo`: graph, metadata, the sensor at work."""

import time

import boto3
import pytest
from botocore.config import Config
from playwright.sync_api import Page, expect

from mlops_platform_tests.browser.conftest import Ui

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

DAY = "2026-01-20"
HEADER = (
    "ticket_id,customer_id,agent_id,opened_at,first_response_at,resolved_at,channel,priority,service,subject,"
    "request,feedback,satisfaction"
)
GOOD = 'T-browser-{n},C-1,A-1,{day} 08:00:00,{day} 08:05:00,,web,high,s3,One,"A\nquestion",fine,5\n'
BAD = "T-browser-bad,C-1,A-1,yesterday,,,web,high,s3,Two,Another,bad,1\n"
CSV = HEADER + "\n" + "".join(GOOD.format(n=n, day=DAY) for n in range(1, 41)) + BAD


def test_the_asset_graph_shows_every_declared_asset(ui: Ui, page: Page) -> None:
    page.goto(f"{ui.url}/asset-groups")
    expect(page.get_by_text("analytics", exact=True).first).to_be_visible(timeout=60_000)
    page.keyboard.press("Alt+e")  # expand all groups
    for name in ("tickets", "customers", "clean_tickets", "worst_weeks", "agent_performance"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible(timeout=60_000)


def test_a_materialised_table_shows_rows_schema_lineage_and_log(ui: Ui, page: Page) -> None:
    page.goto(f"{ui.url}/assets/support_desk/clean_tickets?view=partitions&partition=2026-01-05")
    expect(page.get_by_text("row_count").first).to_be_visible(timeout=60_000)
    expect(page.get_by_text("quarantined_rows").first).to_be_visible()
    page.goto(f"{ui.url}/assets/support_desk/clean_tickets?view=overview")
    expect(page.get_by_text("first_response_minutes").first).to_be_visible(timeout=60_000)
    page.goto(f"{ui.url}/assets/support_desk/clean_tickets?view=checks")
    for check in ("unique", "schema", "quarantined", "row_count"):
        expect(page.get_by_text(check, exact=True).first).to_be_visible(timeout=60_000)


def test_a_dropped_csv_makes_the_sensor_start_a_run(ui: Ui, page: Page) -> None:
    s3 = boto3.client(
        "s3",
        endpoint_url=ui.project.cloud.endpoint_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    )
    s3.put_object(Bucket="mlops-raw", Key=f"tickets/day={DAY}/new.csv", Body=CSV.encode())
    row = page.locator("div").filter(has_not_text="Manually launched")
    run = row.filter(has_text="tickets_events").filter(has_text="Success")
    deadline = time.monotonic() + 240
    while not run.count() and time.monotonic() < deadline:
        page.goto(f"{ui.url}/runs")
        page.wait_for_timeout(4000)
    expect(run.first).to_be_visible()
    page.goto(f"{ui.url}/locations/mlops-platform/sensors/tickets_events")
    expect(page.get_by_text("tickets_events").first).to_be_visible(timeout=60_000)
    expect(page.get_by_text("1 run requested").first).to_be_visible(timeout=60_000)
    page.goto(f"{ui.url}/assets/support_desk/clean_tickets?view=partitions&partition={DAY}")
    expect(page.get_by_text("row_count").first).to_be_visible(timeout=60_000)
    sql = f"SELECT count(*) AS n FROM clean_tickets WHERE day = '{DAY}'"
    assert ui.project.mlops("query", sql, "--format", "csv").stdout.split() == ["n", "40"]
