"""Workgroups, tokens, reuse, result settings, listings, pages, saved queries, metadata."""

import uuid
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from mlops_platform_tests.athena.conftest import BUCKET, Athena


@pytest.fixture
def group(athena: Athena) -> Iterator[str]:
    name = f"wg-{athena.database}"
    athena.client.create_work_group(
        Name=name,
        Description="tests",
        Configuration={
            "ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/enforced/"},
            "EnforceWorkGroupConfiguration": True,
        },
        Tags=[{"Key": "k", "Value": "v"}],
    )
    yield name
    athena.client.delete_work_group(WorkGroup=name, RecursiveDeleteOption=True)


def test_a_workgroup_enforces_its_place_for_results(athena: Athena, group: str) -> None:
    answer = athena("SELECT 1", WorkGroup=group)
    assert (
        answer.execution["ResultConfiguration"]["OutputLocation"] == f"s3://{BUCKET}/enforced/{answer.id}.csv"
    )
    assert answer.execution["WorkGroup"] == group
    assert athena.client.list_query_executions(WorkGroup=group)["QueryExecutionIds"] == [answer.id]


def test_workgroups_are_listed_updated_and_disabled(athena: Athena, group: str) -> None:
    names = [w["Name"] for w in athena.client.list_work_groups()["WorkGroups"]]
    assert {"primary", group} <= set(names)
    athena.client.update_work_group(
        WorkGroup=group, State="DISABLED", ConfigurationUpdates={"EnforceWorkGroupConfiguration": False}
    )
    found = athena.client.get_work_group(WorkGroup=group)["WorkGroup"]
    assert (found["State"], found["Configuration"]["EnforceWorkGroupConfiguration"]) == ("DISABLED", False)
    with pytest.raises(ClientError, match="is disabled"):
        athena.start("SELECT 1", WorkGroup=group)
    with pytest.raises(ClientError, match="cannot be deleted"):
        athena.client.delete_work_group(WorkGroup="primary")
    with pytest.raises(ClientError, match="already created"):
        athena.client.create_work_group(Name=group)


def test_tags(athena: Athena, group: str) -> None:
    arn = f"arn:aws:athena:us-east-1:000000000000:workgroup/{group}"
    athena.client.tag_resource(ResourceARN=arn, Tags=[{"Key": "b", "Value": "2"}])
    athena.client.untag_resource(ResourceARN=arn, TagKeys=["k"])
    assert athena.client.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "2"}]


def test_the_same_token_starts_one_query(athena: Athena) -> None:
    token = uuid.uuid4().hex + uuid.uuid4().hex[:8]
    first = athena.start("SELECT 1", ClientRequestToken=token)
    assert athena.start("SELECT 1", ClientRequestToken=token) == first
    with pytest.raises(ClientError, match="Idempotent parameters do not match"):
        athena.start("SELECT 2", ClientRequestToken=token)
    athena.wait(first)


def test_executions_are_read_in_batches_with_statistics(athena: Athena) -> None:
    answer = athena("SELECT 1")
    found = athena.client.batch_get_query_execution(QueryExecutionIds=[answer.id, "nope"])
    assert [q["QueryExecutionId"] for q in found["QueryExecutions"]] == [answer.id]
    assert [q["QueryExecutionId"] for q in found["UnprocessedQueryExecutionIds"]] == ["nope"]
    statistics = answer.execution["Statistics"]
    assert statistics["TotalExecutionTimeInMillis"] >= statistics["EngineExecutionTimeInMillis"] > 0
    timeline = athena.client.get_query_runtime_statistics(QueryExecutionId=answer.id)[
        "QueryRuntimeStatistics"
    ]["Timeline"]
    assert timeline["TotalExecutionTimeInMillis"] == statistics["TotalExecutionTimeInMillis"]
    with pytest.raises(ClientError, match="was not found"):
        athena.client.get_query_execution(QueryExecutionId="nope")


def test_named_queries(athena: Athena) -> None:
    id_ = athena.client.create_named_query(Name="n", Database="d", QueryString="SELECT 1")["NamedQueryId"]
    athena.client.update_named_query(NamedQueryId=id_, Name="m", QueryString="SELECT 2")
    assert athena.client.get_named_query(NamedQueryId=id_)["NamedQuery"]["QueryString"] == "SELECT 2"
    assert id_ in athena.client.list_named_queries()["NamedQueryIds"]
    assert athena.client.batch_get_named_query(NamedQueryIds=[id_, "x"])["NamedQueries"][0]["Name"] == "m"
    athena.client.delete_named_query(NamedQueryId=id_)
    with pytest.raises(ClientError, match="was not found"):
        athena.client.get_named_query(NamedQueryId=id_)


def test_metadata_shows_the_catalog(sales: Athena) -> None:
    client = sales.client
    assert client.list_data_catalogs()["DataCatalogsSummary"] == [
        {"CatalogName": "AwsDataCatalog", "Type": "GLUE"}
    ]
    assert client.get_data_catalog(Name="AwsDataCatalog")["DataCatalog"]["Type"] == "GLUE"
    listed = client.get_paginator("list_databases").paginate(CatalogName="AwsDataCatalog")
    assert sales.database in [d["Name"] for page in listed for d in page["DatabaseList"]]
    table = client.get_table_metadata(
        CatalogName="AwsDataCatalog", DatabaseName=sales.database, TableName="sales"
    )["TableMetadata"]
    assert [c["Name"] for c in table["Columns"]] == ["id", "name", "amount", "price", "missing"]
    assert table["PartitionKeys"] == [{"Name": "day", "Type": "string"}]
    names = client.list_table_metadata(
        CatalogName="AwsDataCatalog", DatabaseName=sales.database, Expression="sal.*"
    )["TableMetadataList"]
    assert [t["Name"] for t in names] == ["sales"]
    with pytest.raises(ClientError, match="MetadataException"):
        client.get_table_metadata(CatalogName="AwsDataCatalog", DatabaseName=sales.database, TableName="nope")
