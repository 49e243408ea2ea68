"""Partitions are published whole, stale folders go, columns change only compatibly."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mlops_platform.payloads.glue.platform_glue.publish import PublishError, TableWriter
from mlops_platform.payloads.glue.platform_glue.schema import merged_columns
from mlops_platform_tests.fixtures_cloud import RunningCloud


def columns(**types: str) -> list[dict[str, str]]:
    return [{"Name": name, "Type": kind} for name, kind in types.items()]


@pytest.mark.parametrize(
    ("found", "new", "expected"),
    [
        (columns(a="int"), columns(a="int"), columns(a="int")),
        (columns(a="int"), columns(a="bigint"), columns(a="bigint")),
        (columns(a="bigint"), columns(a="int"), columns(a="bigint")),
        (columns(a="int", b="string"), columns(c="date", a="int"), columns(a="int", b="string", c="date")),
    ],
)
def test_compatible_columns(found: Any, new: Any, expected: Any) -> None:
    assert merged_columns("db.t", found, new) == expected


@pytest.mark.parametrize(
    ("before", "after"), [("string", "int"), ("double", "bigint"), ("date", "timestamp")]
)
def test_incompatible_columns_are_refused_by_name(before: str, after: str) -> None:
    with pytest.raises(
        PublishError, match=f"Column a of db.t is {before} in the catalog, the job writes {after}"
    ):
        merged_columns("db.t", columns(a=before), columns(a=after))


@dataclass
class Written:
    """Stands for the frame that was written: all that publishing asks of one."""

    dtypes: list[tuple[str, str]]


@pytest.fixture
def lake(local_cloud: RunningCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningCloud]:
    """A lake bucket and database; boto3 finds the local cloud as it does in a job."""
    for name, value in {
        "AWS_ENDPOINT_URL": local_cloud.endpoint_url, "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    local_cloud.client("s3").create_bucket(Bucket="publish-lake")
    local_cloud.client("glue").create_database(DatabaseInput={"Name": "publish"})
    yield local_cloud
    local_cloud.client("glue").delete_database(Name="publish")


def put(lake: RunningCloud, writer: TableWriter, *days: str) -> None:
    for day in days:
        key = f"{writer.run_path}/day={day}/part.parquet".removeprefix("s3://publish-lake/")
        lake.client("s3").put_object(Bucket="publish-lake", Key=key, Body=b"x")


def test_partitions_move_to_the_new_run_and_stale_folders_go(lake: RunningCloud) -> None:
    place = {"lake_path": "s3://publish-lake", "database": "publish", "table": "t"}
    days = [(datetime(2026, 1, 1) + timedelta(days=i)).strftime("%Y-%m-%d") for i in range(120)]
    frame = Written([("a", "int"), ("day", "string")])
    first, second = (TableWriter(**place, run_id=run) for run in ("one", "two"))
    put(lake, first, *days[:3])
    first.publish(frame, dict.fromkeys(days, 1))  # type: ignore[arg-type]
    put(lake, second, days[0])
    second.publish(Written([("a", "bigint"), ("b", "string"), ("day", "string")]), {days[0]: 2})  # type: ignore[arg-type]

    glue = lake.client("glue")
    pages = glue.get_paginator("get_partitions").paginate(DatabaseName="publish", TableName="t")
    found = {p["Values"][0]: p["StorageDescriptor"]["Location"] for page in pages for p in page["Partitions"]}
    assert len(found) == 120
    assert found[days[0]] == f"{second.run_path}/day={days[0]}/"
    assert found[days[1]] == f"{first.run_path}/day={days[1]}/"
    table = glue.get_table(DatabaseName="publish", Name="t")["Table"]
    assert table["StorageDescriptor"]["Columns"] == columns(a="bigint", b="string")

    assert second.remove_stale() == 0, "a young folder may belong to a run that is about to publish it"
    abandoned = TableWriter(**place, run_id="abandoned")
    put(lake, abandoned, days[5])
    assert second.remove_stale(now=datetime.now(UTC) + timedelta(days=2)) == 2
    listing = lake.client("s3").list_objects_v2(Bucket="publish-lake")["Contents"]
    assert sorted(item["Key"] for item in listing) == [
        f"publish/t/run=one/day={days[1]}/part.parquet",
        f"publish/t/run=one/day={days[2]}/part.parquet",
        f"publish/t/run=two/day={days[0]}/part.parquet",
    ]
