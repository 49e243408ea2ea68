"""Results: reused, paged, placed, encrypted; requests said twice; batches; engine versions."""

import uuid

import pytest
from botocore.exceptions import ClientError

from mlops_platform_tests.athena.conftest import BUCKET, Answer, Athena

REUSE = {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 60}}


def reused(answer: Answer) -> bool:
    return bool(answer.execution["Statistics"]["ResultReuseInformation"]["ReusedPreviousResult"])


def test_a_result_is_reused_where_athena_would(sales: Athena) -> None:
    sql = "SELECT sum(id) FROM sales"
    first = sales(sql, ResultReuseConfiguration=REUSE)
    assert not reused(first)
    assert first.scanned > 0
    second = sales(sql, ResultReuseConfiguration=REUSE)
    assert (reused(second), second.rows, second.scanned) == (True, first.rows, 0)
    place = "OutputLocation"
    assert second.execution["ResultConfiguration"][place] == first.execution["ResultConfiguration"][place]
    assert second.id != first.id
    assert second.execution["ResultReuseConfiguration"] == REUSE
    assert not reused(sales(sql)), "reuse was not asked for"
    other = {"OutputLocation": sales.output + "elsewhere/"}
    assert not reused(sales(sql, ResultReuseConfiguration=REUSE, ResultConfiguration=other))
    too_old = {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 0}}
    assert not reused(sales(sql, ResultReuseConfiguration=too_old))
    assert not reused(sales("SELECT sum(id)  FROM sales", ResultReuseConfiguration=REUSE)), "another text"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM sales LIMIT 1",
        "SELECT rand() < 2",
        "SELECT current_date",
        "SELECT count(now())",
        "SHOW TABLES",
    ],
)
def test_what_may_change_is_not_reused(sales: Athena, sql: str) -> None:
    sales(sql, ResultReuseConfiguration=REUSE)
    assert not sales(sql, ResultReuseConfiguration=REUSE).execution["Statistics"]["ResultReuseInformation"][
        "ReusedPreviousResult"
    ]


def test_a_limit_with_an_order_is_reused_with_its_parameters(sales: Athena) -> None:
    sql = "SELECT id FROM sales WHERE id > ? ORDER BY id LIMIT 1"
    sales(sql, ExecutionParameters=["11"])
    assert reused(sales(sql, ExecutionParameters=["11"], ResultReuseConfiguration=REUSE))
    assert sales(sql, ExecutionParameters=["12"], ResultReuseConfiguration=REUSE).rows == [["13"]]


def test_a_result_that_is_gone_is_not_reused(athena: Athena) -> None:
    first = athena("SELECT 7")
    bucket, _, key = (
        first.execution["ResultConfiguration"]["OutputLocation"].removeprefix("s3://").partition("/")
    )
    athena.s3.delete_object(Bucket=bucket, Key=key)
    with pytest.raises(ClientError, match=r"InvalidRequestException.*Could not find results"):
        athena.client.get_query_results(QueryExecutionId=first.id)
    assert not reused(athena("SELECT 7", ResultReuseConfiguration=REUSE))


def test_results_are_read_in_pages_with_the_header_in_the_first(athena: Athena) -> None:
    sql = "SELECT n, 'a\nb' AS t FROM UNNEST(sequence(1, 2500)) AS x(n) ORDER BY n"
    answer = athena(sql)
    pages = list(athena.client.get_paginator("get_query_results").paginate(QueryExecutionId=answer.id))
    sizes = [len(page["ResultSet"]["Rows"]) for page in pages]
    assert sizes == [1000, 1000, 501]
    rows = [[c["VarCharValue"] for c in r["Data"]] for page in pages for r in page["ResultSet"]["Rows"]]
    assert rows == [["n", "t"], *([str(n), "a\nb"] for n in range(1, 2501))]
    small = athena.client.get_query_results(QueryExecutionId=answer.id, MaxResults=1)
    assert small["ResultSet"]["Rows"][0]["Data"][0]["VarCharValue"] == "n"
    other = athena("SELECT 1")
    for token in (small["NextToken"], "bm9uc2Vuc2U=", "%%"):
        with pytest.raises(ClientError, match="Invalid NextToken"):
            athena.client.get_query_results(QueryExecutionId=other.id, NextToken=token)
    with pytest.raises(ClientError, match="maxResults"):
        athena.client.get_query_results(QueryExecutionId=answer.id, MaxResults=1001)


def test_result_files_lie_where_athena_puts_them(sales: Athena) -> None:
    for sql, names in (
        ("SELECT 1", ["{}.csv", "{}.csv.metadata"]),
        ("SHOW TABLES", ["{}.txt", "{}.txt.metadata"]),
        ("CREATE TABLE made AS SELECT 1 AS x", ["{}-manifest.csv"]),
    ):
        id_ = sales(sql).id
        listed = sales.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"results/{sales.database}/{id_}")["Contents"]
        found = sorted(o["Key"].rpartition("/")[2] for o in listed)
        assert found == sorted(n.format(id_) for n in names)


def test_settings_of_results_are_honoured_or_refused(athena: Athena) -> None:
    def settings(**more: object) -> dict[str, object]:
        return {"ResultConfiguration": {"OutputLocation": athena.output, **more}}

    encrypted = athena(
        "SELECT 1",
        **settings(
            EncryptionConfiguration={"EncryptionOption": "SSE_KMS", "KmsKey": "alias/k"},
            ExpectedBucketOwner="000000000000",
            AclConfiguration={"S3AclOption": "BUCKET_OWNER_FULL_CONTROL"},
        ),
    )
    place = encrypted.execution["ResultConfiguration"]
    assert place["EncryptionConfiguration"] == {"EncryptionOption": "SSE_KMS", "KmsKey": "alias/k"}
    key = place["OutputLocation"].removeprefix(f"s3://{BUCKET}/")
    head = athena.s3.head_object(Bucket=BUCKET, Key=key)
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "alias/k")
    refused = {
        "CSE_KMS": {"EncryptionConfiguration": {"EncryptionOption": "CSE_KMS", "KmsKey": "alias/k"}},
        "KmsKey is required": {"EncryptionConfiguration": {"EncryptionOption": "SSE_KMS"}},
        "expected owner 123456789012": {"ExpectedBucketOwner": "123456789012"},
        "not a valid S3 path": {"OutputLocation": "/somewhere"},
    }
    for reason, given in refused.items():
        with pytest.raises(ClientError, match=reason):
            athena.start("SELECT 1", **settings(**given))
        with pytest.raises(ClientError, match=reason):
            athena.client.create_work_group(Name="never", Configuration={"ResultConfiguration": given})


def test_a_named_query_is_created_once_for_a_token(athena: Athena) -> None:
    token = uuid.uuid4().hex
    request = {"Name": "n", "Database": "d", "QueryString": "SELECT 1", "ClientRequestToken": token}
    first = athena.client.create_named_query(**request)["NamedQueryId"]
    assert athena.client.create_named_query(**request)["NamedQueryId"] == first
    with pytest.raises(ClientError, match="Idempotent parameters do not match"):
        athena.client.create_named_query(**{**request, "QueryString": "SELECT 2"})
    athena.client.delete_named_query(NamedQueryId=first)


def test_prepared_statements_by_the_api(sales: Athena) -> None:
    client, group = sales.client, "primary"
    client.create_prepared_statement(
        StatementName="by_id", WorkGroup=group, QueryStatement="SELECT name FROM sales WHERE id = ?"
    )
    assert sales("EXECUTE by_id USING 12").rows == [["n2"]]
    assert sales("EXECUTE by_id", ExecutionParameters=["13"]).rows == [["n3"]]
    client.update_prepared_statement(StatementName="by_id", WorkGroup=group, QueryStatement="SELECT 5")
    assert sales("EXECUTE by_id").rows == [["5"]]
    found = client.batch_get_prepared_statement(PreparedStatementNames=["by_id", "nope"], WorkGroup=group)
    assert [p["QueryStatement"] for p in found["PreparedStatements"]] == ["SELECT 5"]
    (missing,) = found["UnprocessedPreparedStatementNames"]
    assert (missing["StatementName"], missing["ErrorCode"]) == ("nope", "STATEMENT_NOT_FOUND")
    assert "by_id" in [
        p["StatementName"] for p in client.list_prepared_statements(WorkGroup=group)["PreparedStatements"]
    ]
    client.delete_prepared_statement(StatementName="by_id", WorkGroup=group)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.get_prepared_statement(StatementName="by_id", WorkGroup=group)


def test_executions_are_listed_in_pages_newest_first(athena: Athena) -> None:
    group = f"wg-{athena.database}"
    athena.client.create_work_group(
        Name=group, Configuration={"ResultConfiguration": {"OutputLocation": athena.output}}
    )
    ids = [athena(f"SELECT {n}", WorkGroup=group).id for n in range(5)]
    pages = list(
        athena.client.get_paginator("list_query_executions").paginate(
            WorkGroup=group, PaginationConfig={"PageSize": 2}
        )
    )
    assert [i for page in pages for i in page["QueryExecutionIds"]] == ids[::-1]
    assert len(pages) == 3
    with pytest.raises(ClientError, match="is not empty"):
        athena.client.delete_work_group(WorkGroup=group)
    athena.client.delete_work_group(WorkGroup=group, RecursiveDeleteOption=True)


def test_engine_versions(athena: Athena) -> None:
    versions = athena.client.list_engine_versions()["EngineVersions"]
    assert [v["SelectedEngineVersion"] for v in versions] == ["AUTO", "Athena engine version 3"]
    with pytest.raises(ClientError, match="Engine version Athena engine version 2 is not supported"):
        athena.client.create_work_group(
            Name="old",
            Configuration={"EngineVersion": {"SelectedEngineVersion": "Athena engine version 2"}},
        )
    with pytest.raises(ClientError, match="does not implement athena:CreateNotebook"):
        athena.client.create_notebook(WorkGroup="primary", Name="n")
