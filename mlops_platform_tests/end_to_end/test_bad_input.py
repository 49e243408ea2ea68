"""Bad input ends in one clear error that names thing and cure, or in quarantined rows that are counted."""

import gzip
import json

import dagster as dg
import pytest

from mlops_platform.definitions import defs
from mlops_platform.resources import resources
from mlops_platform.resources.postgres import PostgresConnectionError
from mlops_platform_tests.end_to_end.test_demo import ask
from mlops_platform_tests.fixtures_platform import settings
from mlops_platform_tests.fixtures_project import Project

DAY = "2026-01-25"
HEADER = (
    "ticket_id,customer_id,agent_id,opened_at,first_response_at,resolved_at,channel,priority,service,subject,"
    "request,feedback,satisfaction\n"
)
GOOD = "T-{n},C-1,A-1,2026-01-25 08:00:00,2026-01-25 08:05:00,,web,high,s3,Subject,Request,fine,5\n"
FILES = {
    "good.csv": (HEADER + GOOD.format(n=1) + GOOD.format(n=2)).encode(),
    "latin.csv": (HEADER + GOOD.format(n=3).replace("Request", "Größe")).encode("cp1252"),
    "lacks_a_column.csv": (HEADER + GOOD.format(n=4)).replace("priority,", "", 1).encode(),
    "broken_quotes.csv": (HEADER + GOOD.format(n=5) + 'T-6,"C-1,never closed\n').encode(),
    "utf16.csv": (HEADER + GOOD.format(n=7)).encode("utf-16"),
    "zipped.csv": gzip.compress((HEADER + GOOD.format(n=8)).encode()),
    "binary.csv": bytes(range(256)) * 8,
    "empty.csv": b"",
}


def materialize_day(project: Project) -> dg.ExecuteInProcessResult:
    key = dg.AssetKey(["support_desk", "clean_tickets"])
    keys = {key, dg.AssetKey(["support_desk", "clean_tickets_quarantine"])}
    repository = defs().get_repository_def()
    with settings(project.cloud), dg.DagsterInstance.ephemeral() as instance:
        return (
            repository.get_implicit_global_asset_job_def()
            .get_subset(asset_selection=keys)
            .execute_in_process(instance=instance, partition_key=DAY, raise_on_error=False)
        )


@pytest.mark.timeout(300)
def test_bad_files_are_quarantined_and_counted_and_good_ones_get_through(demo_project: Project) -> None:
    s3 = demo_project.cloud.client("s3")
    for name, body in FILES.items():
        s3.put_object(Bucket="mlops-raw", Key=f"tickets/day={DAY}/{name}", Body=body)
    result = materialize_day(demo_project)
    checks = {e.check_name: e for e in result.get_asset_check_evaluations()}
    assert not checks["quarantined"].passed, "more than 5 % are bad: what follows is blocked"
    assert checks["unique"].passed

    good = ask(demo_project, f"SELECT ticket_id, request FROM clean_tickets WHERE day = '{DAY}'")
    assert {r["ticket_id"] for r in good} == {"T-1", "T-2", "T-3", "T-5", "T-7", "T-8"}
    assert "Größe" in {r["request"] for r in good}
    bad = ask(
        demo_project,
        f"SELECT source_file, reason FROM clean_tickets_quarantine WHERE day = '{DAY}' ORDER BY source_file",
    )
    reasons = {r["source_file"].rpartition("/")[2]: r["reason"] for r in bad}
    assert "priority" in reasons["lacks_a_column.csv"]
    assert reasons.keys() == {"lacks_a_column.csv", "broken_quotes.csv", "binary.csv", "empty.csv"}


def test_the_header_check_names_the_files(demo_project: Project) -> None:
    s3 = demo_project.cloud.client("s3")
    day = "2026-01-26"
    s3.put_object(Bucket="mlops-raw", Key=f"tickets/day={day}/short.csv", Body=FILES["lacks_a_column.csv"])
    s3.put_object(Bucket="mlops-raw", Key=f"tickets/day={day}/good.csv", Body=FILES["good.csv"])
    repository = defs().get_repository_def()
    check = dg.AssetCheckKey(dg.AssetKey(["tickets"]), "headers")
    job = repository.get_implicit_global_asset_job_def().get_subset(
        asset_selection=set(), asset_check_selection={check}
    )
    with settings(demo_project.cloud), dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance, partition_key=day)
    (evaluation,) = result.get_asset_check_evaluations()
    assert not evaluation.passed
    assert "short.csv lacks the column priority" in (evaluation.description or "")


def test_a_day_without_a_drop_says_where_to_put_one(demo_project: Project) -> None:
    repository = defs().get_repository_def()
    keys = {dg.AssetKey(["support_desk", n]) for n in ("clean_tickets", "clean_tickets_quarantine")}
    job = repository.get_implicit_global_asset_job_def().get_subset(asset_selection=keys)
    with settings(demo_project.cloud), dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance, partition_key="2026-03-01", raise_on_error=False)
    (failure,) = [e for e in result.all_events if e.is_step_failure]
    assert "Put CSV files under s3://mlops-raw/tickets/day=2026-03-01/" in str(failure.event_specific_data)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"port": 1}, "does not answer. Start it"),
        ({"password": "wrong"}, "refused the password of user"),
        ({"dbname": "nowhere"}, "does not have that database"),
        ({"host": None}, "lacks ['host']"),
    ],
)
def test_postgres_that_cannot_be_used(demo_project: Project, change: dict[str, object], says: str) -> None:
    secrets = demo_project.cloud.client("secretsmanager")
    before = secrets.get_secret_value(SecretId="mlops/postgres/support")["SecretString"]
    changed = {k: v for k, v in (json.loads(before) | change).items() if v is not None}
    secrets.put_secret_value(SecretId="mlops/postgres/support", SecretString=json.dumps(changed))
    try:
        with (
            settings(demo_project.cloud),
            pytest.raises(PostgresConnectionError) as caught,
            resources()["postgres"].connect("support"),
        ):
            pass
    finally:
        secrets.put_secret_value(SecretId="mlops/postgres/support", SecretString=before)
    assert says in str(caught.value)
    assert "support" in str(caught.value)
