"""The clean_tickets job in the local Glue, against a computation of its own in pandas over the same files."""

import csv
import io
import json
import re
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pytest

from mlops_platform.declaration import CsvSourceNeeds, Declaration, GlueJobNeeds, PostgresNeeds
from mlops_platform_tests.fixtures_cloud import RunningCloud

SCRIPT = Path(__file__).parents[2] / "mlops_platform/defs/etl/clean_tickets/clean_tickets.py"
JOB = "support_desk-clean_tickets"
DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")
DECLARATION = Declaration(
    csv_sources=(CsvSourceNeeds(name="tickets", prefix="tickets/"),),
    postgres=(PostgresNeeds(name="support", secret_id="mlops/postgres/support", database="support"),),
    databases=("support_desk",),
    glue_jobs=(GlueJobNeeds(name=JOB, script=str(SCRIPT), connections=("support",)),),
)


@pytest.fixture(scope="module")
def cloud(local_cloud: RunningCloud, tmp_path_factory: pytest.TempPathFactory) -> RunningCloud:
    """The local cloud, provisioned and seeded with 6,000 tickets over three days."""
    path = tmp_path_factory.mktemp("declaration") / "declaration.json"
    path.write_text(DECLARATION.model_dump_json())
    local_cloud.command("provision", str(path))
    local_cloud.command("seed", "--rows", "6000", "--days", "3")
    return local_cloud


def run_job(cloud: RunningCloud, days: str, **arguments: str) -> dict[str, Any]:
    glue = cloud.client("glue")
    args = {
        "--database": "support_desk",
        "--table": "clean_tickets",
        "--lake_path": "s3://mlops-lake",
        "--source_path": "s3://mlops-raw/tickets/",
        "--partitions": days,
        "--quarantine_table": "clean_tickets_quarantine",
        "--connection": "support",
    } | {f"--{name}": value for name, value in arguments.items()}
    run = glue.start_job_run(JobName=f"mlops-{JOB}", Arguments=args)["JobRunId"]
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        state = glue.get_job_run(JobName=f"mlops-{JOB}", RunId=run)["JobRun"]
        if state["JobRunState"] not in ("STARTING", "WAITING", "RUNNING", "STOPPING"):
            return dict(state)
        time.sleep(0.1)
    raise AssertionError(f"job run {run} did not end: {state}")


def read_table(cloud: RunningCloud, table: str) -> pd.DataFrame:
    """The rows the catalog points at, `day` from the partition."""
    s3, frames = cloud.client("s3"), []
    pages = cloud.client("glue").get_paginator("get_partitions")
    for page in pages.paginate(DatabaseName="support_desk", TableName=table):
        for partition in page["Partitions"]:
            bucket, _, prefix = partition["StorageDescriptor"]["Location"][5:].partition("/")
            rows = 0
            for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
                if item["Key"].endswith(".parquet"):
                    body = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
                    frames.append(pd.read_parquet(io.BytesIO(body)).assign(day=partition["Values"][0]))
                    rows += len(frames[-1])
            assert partition["Parameters"]["numRows"] == str(rows)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def raw_records(cloud: RunningCloud) -> pd.DataFrame:
    """The drops by Python's csv and pandas: sound records in file order, broken quotes counted and cut out
    first.
    """
    s3, records = cloud.client("s3"), []
    for item in s3.list_objects_v2(Bucket="mlops-raw", Prefix="tickets/")["Contents"]:
        content = s3.get_object(Bucket="mlops-raw", Key=item["Key"])["Body"].read()
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("cp1252")
        lines = [line for line in text.replace("\r\n", "\n").split("\n") if "never closed" not in line]
        header, *rows = csv.reader(io.StringIO("\n".join(lines), newline=""))
        source = {"source_file": f"s3://mlops-raw/{item['Key']}", "day": item["Key"].split("/")[1][4:]}
        records += [dict(zip(header, row, strict=True)) | source for row in rows if len(row) == len(header)]
    return pd.DataFrame(records).replace("", None)


def expected_tickets(cloud: RunningCloud) -> pd.DataFrame:
    """What the job must write, computed without Spark."""
    raw = raw_records(cloud)
    sound = raw[raw.apply(_is_sound, axis=1)].copy()
    sound = sound.groupby(["day", "ticket_id"], sort=False).tail(1)
    for name in ("opened_at", "first_response_at", "resolved_at"):
        sound[name] = pd.to_datetime(sound[name])
    secret = json.loads(
        cloud.client("secretsmanager").get_secret_value(SecretId="mlops/postgres/support")["SecretString"]
    )
    with psycopg.connect(
        host=secret["host"], port=secret["port"], dbname=secret["dbname"], user=secret["username"],
        password=secret["password"],
    ) as connection:  # fmt: skip
        people = pd.DataFrame(
            connection.execute(
                "SELECT customer_id, c.name, p.name, response_target_minutes, segment, country "
                "FROM customers c JOIN plans p USING (plan_id)"
            ).fetchall(),
            columns=["customer_id", "customer_name", "plan", "target", "segment", "country"],
        )
        agents = pd.DataFrame(
            connection.execute("SELECT agent_id, name, team FROM agents").fetchall(),
            columns=["agent_id", "agent_name", "agent_team"],
        )
    joined = sound.merge(people, how="left", on="customer_id").merge(agents, how="left", on="agent_id")
    minutes = (joined.first_response_at - joined.opened_at).dt.total_seconds() / 60
    joined["first_response_minutes"] = minutes.round(2)
    joined["resolution_hours"] = ((joined.resolved_at - joined.opened_at).dt.total_seconds() / 3600).round(2)
    joined["within_target"] = (joined.first_response_minutes <= joined.target).where(
        minutes.notna() & joined.target.notna(), None
    )
    joined["known_customer"] = joined.customer_name.notna()
    moods = {"1": "negative", "2": "negative", "3": "neutral", "4": "positive", "5": "positive"}
    joined["sentiment"] = joined.satisfaction.map(moods)
    joined["late"] = joined.opened_at.dt.strftime("%Y-%m-%d") < joined.day
    return joined.drop(columns="target")


def _is_sound(row: "pd.Series[Any]") -> bool:
    try:
        for name in ("opened_at", "first_response_at", "resolved_at"):
            if row[name]:
                datetime.strptime(row[name], "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return False
    return row["satisfaction"] is None or bool(re.fullmatch("[1-5]", row["satisfaction"]))


def comparable(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Rows as sorted tuples; times as text, missing values as None."""

    def plain(value: Any) -> Any:
        if value is None or pd.isna(value):
            return None
        if hasattr(value, "strftime"):
            return value.strftime("%Y-%m-%d %H:%M:%S")
        if isinstance(value, bool) or str(type(value)).endswith("bool_'>"):
            return bool(value)
        return float(value) if isinstance(value, float) else str(value)

    rows = [tuple(plain(value) for value in row) for row in frame.itertuples(index=False)]
    return sorted(rows, key=repr)


def test_the_table_equals_a_computation_of_its_own_and_no_row_is_lost(
    cloud: RunningCloud,
) -> None:
    assert run_job(cloud, ",".join(DAYS))["JobRunState"] == "SUCCEEDED"
    found = read_table(cloud, "clean_tickets")
    expected = expected_tickets(cloud)[list(found.columns)]
    found["satisfaction"] = found.satisfaction.astype("Int64").astype(object)
    derived = [
        "first_response_minutes",
        "resolution_hours",
    ]  # rounded half up in Spark, half to even in pandas
    ordered = [frame.sort_values(["day", "ticket_id"]).reset_index(drop=True) for frame in (found, expected)]
    assert comparable(ordered[0].drop(columns=derived)) == comparable(ordered[1].drop(columns=derived))
    differences = (ordered[0][derived] - ordered[1][derived]).abs()
    assert differences.max().max() < 0.0101
    assert ordered[0][derived].isna().equals(ordered[1][derived].isna())

    manifest = json.loads(cloud.command("seed", "--rows", "6000", "--days", "3").stdout)["tickets"]
    quarantined = read_table(cloud, "clean_tickets_quarantine")
    assert len(quarantined) == manifest["malformed"] > 0
    assert found.late.sum() <= manifest["late"]
    duplicates = manifest["exact_duplicates"] + manifest["same_day_updates"]
    assert manifest["rows"] == len(found) + duplicates + len(quarantined)
    reasons = Counter(re.sub(r" \(.*|^\w+_at ", "", reason) for reason in quarantined.reason)
    assert reasons == {
        "is no timestamp": manifest["bad_date"],
        "satisfaction is no number from 1 to 5": manifest["wrong_number"],
        "too few fields": manifest["too_few_fields"],
        "too many fields": manifest["too_many_fields"],
        "broken quoting": manifest["broken_quote"],
    }


def test_quarantined_rows_are_where_they_say(cloud: RunningCloud) -> None:
    run_job(cloud, DAYS[0])
    refused = read_table(cloud, "clean_tickets_quarantine")
    refused = refused[refused.reason.str.startswith(("too", "broken")) & (refused.day == DAYS[0])]
    assert len(refused) > 0
    for row in refused.itertuples():
        bucket, _, key = str(row.source_file)[5:].partition("/")
        content = cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        line = content.decode("cp1252" if b"\xff" in content else "utf-8", "replace").split("\n")
        assert line[int(row.row_number) - 1][:25] == str(row.raw)[:25]


def test_running_a_day_again_gives_the_same_rows_and_leaves_the_others(cloud: RunningCloud) -> None:
    run_job(cloud, ",".join(DAYS))
    before, refused = (read_table(cloud, t) for t in ("clean_tickets", "clean_tickets_quarantine"))
    assert run_job(cloud, DAYS[1])["JobRunState"] == "SUCCEEDED"
    assert comparable(read_table(cloud, "clean_tickets")) == comparable(before)
    assert comparable(read_table(cloud, "clean_tickets_quarantine")) == comparable(refused)
    listing = cloud.client("s3").list_objects_v2(
        Bucket="mlops-lake", Prefix="support_desk/clean_tickets/_staging"
    )
    assert listing["KeyCount"] == 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"ticket_id,customer_id\nT1,C1\n", "file lacks column agent_id, opened_at"),
        (b"", "file is empty: it has no header"),
    ],
)
def test_an_unreadable_file_is_quarantined_whole(cloud: RunningCloud, content: bytes, reason: str) -> None:
    s3, key = cloud.client("s3"), "tickets/day=2026-01-03/zz-bad.csv"
    s3.put_object(Bucket="mlops-raw", Key=key, Body=content)
    try:
        assert run_job(cloud, DAYS[2])["JobRunState"] == "SUCCEEDED"
        refused = read_table(cloud, "clean_tickets_quarantine")
        (row,) = refused[refused.source_file == f"s3://mlops-raw/{key}"].itertuples()
        assert str(row.reason).startswith(reason)
    finally:
        s3.delete_object(Bucket="mlops-raw", Key=key)
        run_job(cloud, DAYS[2])


def test_a_day_without_a_drop_fails_and_says_so(cloud: RunningCloud) -> None:
    state = run_job(cloud, "2026-02-01")
    assert state["JobRunState"] == "FAILED"
    assert "There is no object under s3://mlops-raw/tickets/day=2026-02-01/" in state["ErrorMessage"]


def test_a_connection_nobody_made_fails_and_names_it(cloud: RunningCloud) -> None:
    state = run_job(cloud, DAYS[0], connection="no_such_connection")
    assert state["JobRunState"] == "FAILED"
    assert "no_such_connection" in state["ErrorMessage"]
