"""Unchanged clients of the Data Catalog: awswrangler's catalog module and PyIceberg's Glue catalog."""

import uuid
from collections.abc import Iterator
from typing import Any

import awswrangler as wr
import boto3
import pandas as pd
import pyarrow as pa
import pytest
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NamespaceNotEmptyError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import DayTransform
from pyiceberg.types import LongType, NestedField, StringType, TimestampType

from mlops_platform_tests.fixtures_cloud import RunningCloud
from mlops_platform_tests.glue.conftest import BUCKET, Jobs

C = wr.catalog


@pytest.fixture
def session(local_cloud: RunningCloud, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ENDPOINT_URL", local_cloud.endpoint_url)
    return boto3.Session("test", "test", region_name="us-east-1")


@pytest.fixture
def wrangled(session: Any) -> Iterator[dict[str, Any]]:
    database = f"wr_{uuid.uuid4().hex[:8]}"
    C.create_database(database, description="for wrangler", boto3_session=session)
    yield {"database": database, "boto3_session": session}
    C.delete_database(database, boto3_session=session)


def test_awswrangler_databases(session: Any) -> None:
    name = f"wr_{uuid.uuid4().hex[:8]}"
    C.create_database(name, description="one", boto3_session=session)
    with pytest.raises(wr.exceptions.AlreadyExists):
        C.create_database(name, boto3_session=session)
    C.create_database(name, description="two", exist_ok=True, boto3_session=session)
    assert {d["Name"]: d.get("Description") for d in C.get_databases(boto3_session=session)}[name] == "two"
    listed = C.databases(limit=1000, boto3_session=session)
    assert name in list(listed["Database"])
    C.delete_database(name, boto3_session=session)


def test_awswrangler_tables(wrangled: dict[str, Any]) -> None:
    path = f"s3://{BUCKET}/{wrangled['database']}/"
    types = {"id": "bigint", "price": "double"}
    keys = {"year": "int", "month": "string"}
    C.create_parquet_table(
        table="p", path=path + "p/", columns_types=types, partitions_types=keys, description="d",
        parameters={"owner": "me"}, columns_comments={"id": "the id"}, **wrangled,
    )  # fmt: skip
    C.create_csv_table(table="c", path=path + "c/", columns_types=types, sep="|", **wrangled)
    C.create_json_table(table="j", path=path + "j/", columns_types=types, **wrangled)
    C.create_orc_table(table="o", path=path + "o/", columns_types=types, **wrangled)
    assert C.does_table_exist(table="p", **wrangled)
    assert not C.does_table_exist(table="nope", **wrangled)
    assert C.get_table_types(table="p", **wrangled) == {**types, **keys}
    assert C.get_table_location(table="p", **wrangled) == path + "p/"
    assert C.get_table_number_of_versions(table="p", **wrangled) == 1
    assert C.get_table_parameters(table="p", **wrangled)["owner"] == "me"
    C.upsert_table_parameters(parameters={"more": "1"}, table="p", catalog_versioning=True, **wrangled)
    C.overwrite_table_parameters(parameters={"only": "1", "classification": "parquet"}, table="p", **wrangled)
    assert C.get_table_parameters(table="p", **wrangled) == {"only": "1", "classification": "parquet"}
    assert C.get_table_number_of_versions(table="p", **wrangled) == 2
    assert C.get_table_description(table="p", **wrangled) == "d"
    assert C.get_columns_comments(table="p", **wrangled)["id"] == "the id"
    assert set(C.get_columns_parameters(table="p", **wrangled)) == {"id", "price", "year", "month"}
    C.add_column(table="p", column_name="note", column_type="string", column_comment="new", **wrangled)
    C.delete_column(table="p", column_name="price", **wrangled)
    assert list(C.get_table_types(table="p", **wrangled) or {}) == ["id", "note", "year", "month"]
    assert [t["Name"] for t in C.get_tables(**wrangled)] == ["c", "j", "o", "p"]
    assert [t["Name"] for t in C.get_tables(name_prefix="p", **wrangled)] == ["p"]
    session = wrangled["boto3_session"]
    found = list(C.search_tables(text="note", boto3_session=session))
    assert ("p", wrangled["database"]) in {(t["Name"], t["DatabaseName"]) for t in found}
    frame = C.table(table="p", **wrangled)
    assert list(frame["Partition"]) == [False, False, True, True]
    assert set(C.tables(**wrangled)["Table"]) == {"c", "j", "o", "p"}
    assert C.delete_table_if_exists(table="o", **wrangled)
    assert not C.delete_table_if_exists(table="o", **wrangled)
    C.delete_all_partitions(table="p", **wrangled)


def test_awswrangler_partitions(wrangled: dict[str, Any]) -> None:
    path = f"s3://{BUCKET}/{wrangled['database']}/p/"
    keys = {"year": "int", "month": "string"}
    C.create_parquet_table(
        table="p", path=path, columns_types={"id": "bigint"}, partitions_types=keys, **wrangled
    )
    values = {
        f"{path}year={year}/month={month}/": [str(year), f"{month:02}"]
        for year in range(2020, 2030)
        for month in range(1, 13)
    }
    C.add_parquet_partitions(table="p", partitions_values=values, **wrangled)
    C.add_parquet_partitions(table="p", partitions_values=values, **wrangled)
    assert C.get_parquet_partitions(table="p", **wrangled) == values
    chosen = C.get_partitions(table="p", expression="year > 2027 AND month IN ('01', '02')", **wrangled)
    assert sorted(chosen.values()) == [["2028", "01"], ["2028", "02"], ["2029", "01"], ["2029", "02"]]
    C.delete_partitions(table="p", partitions_values=[["2020", "01"]], **wrangled)
    assert len(C.get_partitions(table="p", **wrangled)) == 119
    assert len(C.delete_all_partitions(table="p", **wrangled)) == 119
    assert C.get_partitions(table="p", **wrangled) == {}


def test_awswrangler_writes_and_overwrites_partitions(wrangled: dict[str, Any]) -> None:
    path = f"s3://{BUCKET}/{wrangled['database']}/w/"
    frame = pd.DataFrame({"id": [1, 2, 3], "day": ["a", "a", "b"]})
    written = {"path": path, "dataset": True, "table": "w", "partition_cols": ["day"], **wrangled}
    wr.s3.to_parquet(frame, mode="overwrite", **written)
    more = pd.DataFrame({"id": [9], "name": ["x"], "day": ["b"]})
    wr.s3.to_parquet(more, mode="overwrite_partitions", schema_evolution=True, **written)
    read = wr.s3.read_parquet_table(table="w", validate_schema=False, **wrangled).sort_values("id")
    assert list(read["id"]) == [1, 2, 9]
    assert list((C.get_table_types(table="w", **wrangled) or {}).items()) == [
        ("id", "bigint"), ("name", "string"), ("day", "string"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def iceberg(local_cloud: RunningCloud, jobs: Jobs) -> Any:
    endpoint = local_cloud.endpoint_url
    keys = {
        f"{kind}.{key}": "test" for kind in ("glue", "s3") for key in ("access-key-id", "secret-access-key")
    }
    return GlueCatalog(
        "glue",
        **{
            "glue.endpoint": endpoint,
            "s3.endpoint": endpoint,
            "glue.region": "us-east-1",
            "s3.region": "us-east-1",
        },
        **keys,
    )


@pytest.fixture
def namespace(iceberg: Any) -> str:
    name = f"ice_{uuid.uuid4().hex[:8]}"
    iceberg.create_namespace(name, {"location": f"s3://{BUCKET}/{name}", "comment": "cold"})
    return name


SCHEMA = Schema(
    NestedField(1, "id", LongType(), required=True),
    NestedField(2, "name", StringType()),
    NestedField(3, "at", TimestampType()),
    identifier_field_ids=[1],
)


def rows(*ids: int) -> pa.Table:
    at = pa.array([n * 86_400_000_000 for n in ids], pa.timestamp("us"))
    schema = pa.schema(
        [pa.field("id", pa.int64(), nullable=False), ("name", pa.string()), ("at", pa.timestamp("us"))]
    )
    return pa.table([pa.array(ids, pa.int64()), pa.array([f"n{n}" for n in ids]), at], schema=schema)


def test_pyiceberg_namespaces(iceberg: Any, namespace: str) -> None:
    with pytest.raises(NamespaceAlreadyExistsError):
        iceberg.create_namespace(namespace)
    assert (namespace,) in iceberg.list_namespaces()
    iceberg.update_namespace_properties(namespace, removals={"comment"}, updates={"team": "ice"})
    assert iceberg.load_namespace_properties(namespace) == {
        "location": f"s3://{BUCKET}/{namespace}",
        "team": "ice",
    }
    iceberg.create_table((namespace, "t"), SCHEMA)
    with pytest.raises(NamespaceNotEmptyError):
        iceberg.drop_namespace(namespace)
    iceberg.drop_table((namespace, "t"))
    iceberg.drop_namespace(namespace)
    assert not iceberg.namespace_exists(namespace)


def test_pyiceberg_tables(iceberg: Any, namespace: str) -> None:
    spec = PartitionSpec(PartitionField(3, 1000, DayTransform(), "day"))
    table = iceberg.create_table((namespace, "t"), SCHEMA, partition_spec=spec)
    with pytest.raises(TableAlreadyExistsError):
        iceberg.create_table((namespace, "t"), SCHEMA)
    table.append(rows(1, 2, 3))
    first = table.current_snapshot().snapshot_id
    table.delete("id = 2")
    table.upsert(rows(3, 4))
    with table.update_schema() as update:
        update.add_column("note", StringType())
    again = iceberg.load_table((namespace, "t"))
    assert sorted(again.scan().to_arrow()["id"].to_pylist()) == [1, 3, 4]
    assert sorted(again.scan(snapshot_id=first).to_arrow()["id"].to_pylist()) == [1, 2, 3]
    assert again.schema().find_field("note").field_type == StringType()
    assert iceberg.list_tables(namespace) == [(namespace, "t")]
    renamed = iceberg.rename_table((namespace, "t"), (namespace, "u"))
    assert renamed.scan().to_arrow().num_rows == 3
    with pytest.raises(NoSuchTableError):
        iceberg.load_table((namespace, "t"))
    iceberg.drop_table((namespace, "u"))
    found = iceberg.register_table((namespace, "v"), renamed.metadata_location)
    assert found.scan().to_arrow().num_rows == 3


def test_pyiceberg_notices_a_rival_commit(iceberg: Any, namespace: str) -> None:
    """Of two writers that began at one version the catalog refuses the second, which tries again or gives up."""
    iceberg.create_table((namespace, "t"), SCHEMA)
    one, other = (iceberg.load_table((namespace, "t")) for _ in range(2))
    one.append(rows(1))
    other.append(rows(2))
    with iceberg.load_table((namespace, "t")).transaction() as change:
        change.set_properties(**{"commit.retry.num-retries": "0"})
    one, other = (iceberg.load_table((namespace, "t")) for _ in range(2))
    one.append(rows(3))
    with pytest.raises(CommitFailedException):
        other.append(rows(4))
    assert sorted(iceberg.load_table((namespace, "t")).scan().to_arrow()["id"].to_pylist()) == [1, 2, 3]


def test_update_table_with_a_stale_version_is_refused(jobs: Jobs, database: str) -> None:
    glue = jobs.glue
    glue.create_table(DatabaseName=database, TableInput={"Name": "t"})
    version = glue.get_table(DatabaseName=database, Name="t")["Table"]["VersionId"]
    glue.update_table(DatabaseName=database, TableInput={"Name": "t"}, VersionId=version, SkipArchive=True)
    with pytest.raises(glue.exceptions.ConcurrentModificationException):
        glue.update_table(DatabaseName=database, TableInput={"Name": "t"}, VersionId=version)
    assert len(glue.get_table_versions(DatabaseName=database, TableName="t")["TableVersions"]) == 1
