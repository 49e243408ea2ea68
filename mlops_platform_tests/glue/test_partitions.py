"""Partitions: single, in batches, filtered, in pages."""

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from local_cloud.errors import ServiceError
from local_cloud.glue import GlueEngine

from mlops_platform_tests.glue.conftest import PARQUET, table_input


def partition(*values: str) -> dict[str, Any]:
    location = f"s3://glue-tests/{'/'.join(values)}/"
    return {"Values": list(values), "StorageDescriptor": {"Columns": [], "Location": location, **PARQUET}}


@pytest.fixture
def table(glue: Any, database: str) -> dict[str, str]:
    glue.create_table(DatabaseName=database, TableInput=table_input("t", keys={"day": "date", "hour": "int"}))
    return {"DatabaseName": database, "TableName": "t"}


def test_life_of_a_partition(glue: Any, table: dict[str, str]) -> None:
    glue.create_partition(**table, PartitionInput=partition("2026-01-01", "5"))
    with pytest.raises(ClientError, match="Partition already exists"):
        glue.create_partition(**table, PartitionInput=partition("2026-01-01", "5"))
    with pytest.raises(ClientError, match="number of partition keys do not match"):
        glue.create_partition(**table, PartitionInput=partition("2026-01-01"))
    made = glue.get_partition(**table, PartitionValues=["2026-01-01", "5"])["Partition"]
    assert made["StorageDescriptor"]["Location"] == "s3://glue-tests/2026-01-01/5/"
    glue.update_partition(
        **table, PartitionValueList=["2026-01-01", "5"], PartitionInput=partition("2026-01-02", "6")
    )
    moved = glue.get_partition(**table, PartitionValues=["2026-01-02", "6"])["Partition"]
    assert moved["CreationTime"] == made["CreationTime"]
    glue.delete_partition(**table, PartitionValues=["2026-01-02", "6"])
    with pytest.raises(ClientError, match="Partition not found"):
        glue.get_partition(**table, PartitionValues=["2026-01-02", "6"])


def test_batches_do_what_they_can_and_tell_the_rest(glue: Any, table: dict[str, str]) -> None:
    first = [partition("2026-01-01", str(hour)) for hour in range(3)]
    assert glue.batch_create_partition(**table, PartitionInputList=first)["Errors"] == []
    again = [partition("2026-01-01", "2"), partition("2026-01-01", "3"), partition("2026-01-01", "3")]
    errors = glue.batch_create_partition(**table, PartitionInputList=again)["Errors"]
    assert [(e["PartitionValues"], e["ErrorDetail"]["ErrorCode"]) for e in errors] == [
        (["2026-01-01", "2"], "AlreadyExistsException"),
        (["2026-01-01", "3"], "AlreadyExistsException"),
    ]
    wanted = [{"Values": ["2026-01-01", hour]} for hour in ("0", "3", "9")]
    got = glue.batch_get_partition(**table, PartitionsToGet=wanted)["Partitions"]
    assert [p["Values"][1] for p in got] == ["0", "3"]
    entries = [
        {"PartitionValueList": ["2026-01-01", hour], "PartitionInput": partition("2026-01-01", f"1{hour}")}
        for hour in ("0", "9")
    ]
    failed = glue.batch_update_partition(**table, Entries=entries)["Errors"]
    assert [e["PartitionValueList"] for e in failed] == [["2026-01-01", "9"]]
    errors = glue.batch_delete_partition(**table, PartitionsToDelete=wanted)["Errors"]
    assert [e["PartitionValues"][1] for e in errors] == ["0", "9"]
    left = glue.get_partitions(**table)["Partitions"]
    assert sorted(p["Values"][1] for p in left) == ["1", "10", "2"]


@pytest.mark.parametrize(
    ("operation", "member", "limit", "entry"),
    [
        ("batch_create_partition", "PartitionInputList", 100, partition("2026-01-01", "1")),
        ("batch_get_partition", "PartitionsToGet", 1000, {"Values": ["2026-01-01", "1"]}),
        ("batch_delete_partition", "PartitionsToDelete", 25, {"Values": ["2026-01-01", "1"]}),
    ],
)
def test_batches_have_limits(
    glue: Any, table: dict[str, str], operation: str, member: str, limit: int, entry: Any
) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(glue, operation)(**table, **{member: [entry] * (limit + 1)})
    assert refused.value.response["Error"]["Code"] in ("InvalidInputException", "ValidationException")


def test_pages_and_segments_hold_every_partition_once(glue: Any, table: dict[str, str]) -> None:
    values = [(f"2026-01-{day:02}", str(hour)) for day in range(1, 11) for hour in range(7)]
    for start in range(0, len(values), 100):
        glue.batch_create_partition(
            **table, PartitionInputList=[partition(*v) for v in values[start : start + 100]]
        )
    paginator = glue.get_paginator("get_partitions")
    pages = list(paginator.paginate(**table, Expression="hour >= 2", PaginationConfig={"PageSize": 9}))
    seen = [tuple(p["Values"]) for page in pages for p in page["Partitions"]]
    assert len(pages) == 6
    assert sorted(seen) == sorted(v for v in values if int(v[1]) >= 2)
    segments = [
        glue.get_partitions(**table, Segment={"SegmentNumber": n, "TotalSegments": 3})["Partitions"]
        for n in range(3)
    ]
    assert sorted(tuple(p["Values"]) for segment in segments for p in segment) == sorted(values)
    bare = glue.get_partitions(**table, ExcludeColumnSchema=True, MaxResults=1)["Partitions"][0]
    assert "Columns" not in bare["StorageDescriptor"]


def test_one_partition_of_ten_thousand_is_found_in_milliseconds(engine: GlueEngine) -> None:
    engine.create_database(DatabaseInput={"Name": "big"})
    engine.create_table(DatabaseName="big", TableInput=table_input("t", keys={"day": "string", "n": "int"}))
    for start in range(0, 10_000, 100):
        batch = [partition(f"d{number:05}", str(number)) for number in range(start, start + 100)]
        assert (
            engine.batch_create_partition(DatabaseName="big", TableName="t", PartitionInputList=batch)[
                "Errors"
            ]
            == []
        )
    for expression in ("day = 'd04321'", "n = 4321", "day BETWEEN 'd04321' AND 'd04321' AND n > 0"):
        times = []
        for _ in range(20):
            started = time.perf_counter()
            found = engine.get_partitions(DatabaseName="big", TableName="t", Expression=expression)[
                "Partitions"
            ]
            times.append(time.perf_counter() - started)
            assert [p["Values"] for p in found] == [["d04321", "4321"]]
        assert min(times) < 0.005, (expression, min(times))


def test_values_follow_a_key_whose_type_changes(engine: GlueEngine) -> None:
    engine.create_database(DatabaseInput={"Name": "d"})
    engine.create_table(DatabaseName="d", TableInput=table_input("t", keys={"n": "string"}))
    for value in ("2", "10"):
        engine.create_partition(DatabaseName="d", TableName="t", PartitionInput=partition(value))

    def above_five() -> list[str]:
        found = engine.get_partitions(DatabaseName="d", TableName="t", Expression="n > '5'")["Partitions"]
        return [p["Values"][0] for p in found]

    assert above_five() == []
    engine.update_table(DatabaseName="d", TableInput=table_input("t", keys={"n": "int"}))
    assert above_five() == ["10"]


def test_a_batch_is_one_transaction(engine: GlueEngine) -> None:
    engine.create_database(DatabaseInput={"Name": "d"})
    engine.create_table(DatabaseName="d", TableInput=table_input("t", keys={"n": "string"}))
    with pytest.raises(ServiceError, match="at most 25"):
        engine.batch_delete_partition(
            DatabaseName="d", TableName="t", PartitionsToDelete=[{"Values": [str(n)]} for n in range(26)]
        )
