"""Databases, tables, versions and the rest of the catalog, through boto3."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from mlops_platform_tests.glue.conftest import table_input


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_database_life(glue: Any) -> None:
    glue.create_database(
        DatabaseInput={"Name": "Mixed_Case", "LocationUri": "s3://b/x/", "Parameters": {"a": "1"}}
    )
    try:
        found = glue.get_database(Name="MIXED_case")["Database"]
        assert (found["Name"], found["LocationUri"], found["CatalogId"]) == (
            "mixed_case",
            "s3://b/x/",
            "000000000000",
        )
        assert abs((datetime.now(UTC) - found["CreateTime"]).total_seconds()) < 60
        with pytest.raises(ClientError) as taken:
            glue.create_database(DatabaseInput={"Name": "mixed_case"})
        assert code(taken) == "AlreadyExistsException"
        glue.update_database(Name="mixed_case", DatabaseInput={"Name": "mixed_case", "Description": "new"})
        changed = glue.get_database(Name="mixed_case")["Database"]
        assert changed["Description"] == "new"
        assert "LocationUri" not in changed
    finally:
        glue.delete_database(Name="mixed_case")
    with pytest.raises(ClientError, match="Database mixed_case not found"):
        glue.get_database(Name="mixed_case")


def test_deleting_a_database_deletes_its_tables(glue: Any, database: str) -> None:
    glue.create_database(DatabaseInput={"Name": f"{database}_x"})
    glue.create_table(DatabaseName=f"{database}_x", TableInput=table_input("t", keys={"day": "string"}))
    glue.delete_database(Name=f"{database}_x")
    glue.create_database(DatabaseInput={"Name": f"{database}_x"})
    assert glue.get_tables(DatabaseName=f"{database}_x")["TableList"] == []
    glue.delete_database(Name=f"{database}_x")


def test_table_names_are_lower_case_and_messages_are_glues(glue: Any, database: str) -> None:
    glue.create_table(
        DatabaseName=database.upper(), TableInput=table_input("TiCKets", keys={"Day": "string"})
    )
    table = glue.get_table(DatabaseName=database, Name="TICKETS")["Table"]
    assert (table["Name"], table["PartitionKeys"][0]["Name"], table["VersionId"]) == ("tickets", "day", "0")
    with pytest.raises(ClientError, match="Table already exists"):
        glue.create_table(DatabaseName=database, TableInput=table_input("tickets"))
    with pytest.raises(ClientError, match=rf"Table nope not found in database {database}") as missing:
        glue.get_table(DatabaseName=database, Name="nope")
    assert code(missing) == "EntityNotFoundException"
    with pytest.raises(ClientError, match="Database nowhere not found"):
        glue.get_table(DatabaseName="nowhere", Name="nope")


def test_versions_and_optimistic_locking(glue: Any, database: str) -> None:
    glue.create_table(DatabaseName=database, TableInput=table_input("t", Description="0"))
    glue.update_table(DatabaseName=database, TableInput=table_input("t", Description="1"), VersionId="0")
    with pytest.raises(ClientError) as stale:
        glue.update_table(
            DatabaseName=database, TableInput=table_input("t", Description="lost"), VersionId="0"
        )
    assert code(stale) == "ConcurrentModificationException"
    glue.update_table(DatabaseName=database, TableInput=table_input("t", Description="2"), SkipArchive=True)
    versions = glue.get_table_versions(DatabaseName=database, TableName="t")["TableVersions"]
    assert [(v["VersionId"], v["Table"]["Description"]) for v in versions] == [("2", "2"), ("0", "0")]
    assert glue.get_table_version(DatabaseName=database, TableName="t")["TableVersion"]["VersionId"] == "2"
    glue.delete_table_version(DatabaseName=database, TableName="t", VersionId="0")
    errors = glue.batch_delete_table_version(DatabaseName=database, TableName="t", VersionIds=["0", "2"])[
        "Errors"
    ]
    assert [error["ErrorDetail"]["ErrorCode"] for error in errors] == [
        "EntityNotFoundException",
        "InvalidInputException",
    ]


def test_tables_page_and_filter(glue: Any, database: str) -> None:
    for name in ("alpha", "beta_1", "beta_2", "gamma"):
        glue.create_table(DatabaseName=database, TableInput=table_input(name))
    pages = list(
        glue.get_paginator("get_tables").paginate(DatabaseName=database, PaginationConfig={"PageSize": 3})
    )
    assert [[t["Name"] for t in page["TableList"]] for page in pages] == [
        ["alpha", "beta_1", "beta_2"],
        ["gamma"],
    ]
    for expression, expected in {"beta.*": 2, "*a": 2, "beta_[12]": 2, "ALPHA": 1, "bet": 0}.items():
        found = glue.get_tables(DatabaseName=database, Expression=expression)["TableList"]
        assert len(found) == expected, expression
    with pytest.raises(ClientError, match="Invalid pagination token"):
        glue.get_tables(DatabaseName=database, NextToken="not-a-token")


def test_batch_delete_table_tells_what_failed(glue: Any, database: str) -> None:
    glue.create_table(DatabaseName=database, TableInput=table_input("a"))
    errors = glue.batch_delete_table(DatabaseName=database, TablesToDelete=["a", "b"])["Errors"]
    assert [(e["TableName"], e["ErrorDetail"]["ErrorCode"]) for e in errors] == [
        ("b", "EntityNotFoundException")
    ]


def test_search_tables(glue: Any, database: str) -> None:
    glue.create_table(DatabaseName=database, TableInput=table_input("orders", Description="Everything sold"))
    glue.create_table(DatabaseName=database, TableInput=table_input("refunds", Description="Money back"))

    def search(**request: Any) -> list[str]:
        mine = {"Key": "databaseName", "Value": database}
        request["Filters"] = [mine, *request.get("Filters", [])]
        return [table["Name"] for table in glue.search_tables(**request)["TableList"]]

    assert search(SearchText="sold") == ["orders"]
    assert search(SearchText='"refunds"') == ["refunds"]
    assert search(SearchText='"refund"') == []
    assert search(SortCriteria=[{"FieldName": "name", "Sort": "DESC"}]) == ["refunds", "orders"]


def test_connections_hide_passwords(glue: Any) -> None:
    properties = {"JDBC_CONNECTION_URL": "jdbc:postgresql://h:1/d", "USERNAME": "u", "PASSWORD": "p"}
    given = {"Name": "c1", "ConnectionType": "JDBC", "ConnectionProperties": properties}
    glue.create_connection(ConnectionInput=given)
    try:
        assert glue.get_connection(Name="c1")["Connection"]["ConnectionProperties"] == properties
        hidden = glue.get_connections(Filter={"ConnectionType": "JDBC"}, HidePassword=True)["ConnectionList"]
        mine = next(connection for connection in hidden if connection["Name"] == "c1")
        assert "PASSWORD" not in mine["ConnectionProperties"]
        with pytest.raises(ClientError, match="JDBC_CONNECTION_URL"):
            glue.update_connection(
                Name="c1", ConnectionInput={**given, "ConnectionProperties": {"USERNAME": "u"}}
            )
    finally:
        answer = glue.batch_delete_connection(ConnectionNameList=["c1", "c2"])
    assert answer["Succeeded"] == ["c1"]
    assert answer["Errors"]["c2"]["ErrorCode"] == "EntityNotFoundException"


def test_functions_statistics_tags_indexes(glue: Any, database: str) -> None:
    glue.create_table(DatabaseName=database, TableInput=table_input("t", keys={"day": "string"}))
    function = {
        "FunctionName": "Mask",
        "ClassName": "com.example.Mask",
        "OwnerName": "o",
        "OwnerType": "USER",
    }
    glue.create_user_defined_function(DatabaseName=database, FunctionInput=function)
    listed = glue.get_user_defined_functions(DatabaseName=database, Pattern="ma.*")["UserDefinedFunctions"]
    assert [f["FunctionName"] for f in listed] == ["mask"]
    numbers = {"MinimumValue": 1, "MaximumValue": 9, "NumberOfNulls": 0, "NumberOfDistinctValues": 9}
    entry = {
        "ColumnName": "id",
        "ColumnType": "int",
        "AnalyzedTime": datetime(2026, 1, 1, tzinfo=UTC),
        "StatisticsData": {"Type": "LONG", "LongColumnStatisticsData": numbers},
    }
    unknown = {**entry, "ColumnName": "nope"}
    answer = glue.update_column_statistics_for_table(
        DatabaseName=database, TableName="t", ColumnStatisticsList=[entry, unknown]
    )
    assert [e["ColumnStatistics"]["ColumnName"] for e in answer["Errors"]] == ["nope"]
    read = glue.get_column_statistics_for_table(
        DatabaseName=database, TableName="t", ColumnNames=["id", "name"]
    )
    assert read["ColumnStatisticsList"][0]["StatisticsData"]["LongColumnStatisticsData"] == numbers
    assert [e["ColumnName"] for e in read["Errors"]] == ["name"]
    glue.create_partition_index(
        DatabaseName=database, TableName="t", PartitionIndex={"Keys": ["day"], "IndexName": "by_day"}
    )
    indexes = glue.get_partition_indexes(DatabaseName=database, TableName="t")["PartitionIndexDescriptorList"]
    assert indexes[0]["IndexStatus"] == "ACTIVE"
    arn = f"arn:aws:glue:us-east-1:000000000000:database/{database}"
    glue.tag_resource(ResourceArn=arn, TagsToAdd={"a": "1", "b": "2"})
    glue.untag_resource(ResourceArn=arn, TagsToRemove=["a"])
    assert glue.get_tags(ResourceArn=arn)["Tags"] == {"b": "2"}
    assert glue.get_catalog_import_status()["ImportStatus"]["ImportCompleted"] is True


def test_what_is_not_implemented_says_so(glue: Any) -> None:
    with pytest.raises(ClientError, match="does not implement glue:ListBlueprints"):
        glue.list_blueprints()


def test_tags_belong_to_what_is_there(glue: Any, database: str) -> None:
    arn = f"arn:aws:glue:us-east-1:000000000000:database/{database}"
    glue.tag_resource(ResourceArn=arn, TagsToAdd={"a": "1", "b": "2"})
    glue.untag_resource(ResourceArn=arn, TagsToRemove=["a", "never"])
    assert glue.get_tags(ResourceArn=arn)["Tags"] == {"b": "2"}
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.tag_resource(ResourceArn=arn + "x", TagsToAdd={"a": "1"})
    with pytest.raises(glue.exceptions.InvalidInputException):
        glue.get_tags(ResourceArn="arn:aws:glue:us-east-1:000000000000:nonsense/x")
    settings = glue.get_data_catalog_encryption_settings()["DataCatalogEncryptionSettings"]
    assert settings["EncryptionAtRest"]["CatalogEncryptionMode"] == "DISABLED"
