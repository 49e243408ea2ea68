"""awswrangler, unchanged: its three ways to read, CTAS, and its catalog calls."""

import awswrangler as wr
import boto3
import pytest

from mlops_platform_tests.athena.conftest import BUCKET, Athena


@pytest.fixture
def session(athena: Athena, monkeypatch: pytest.MonkeyPatch) -> boto3.Session:
    for name in ("s3", "athena", "glue", "sts"):
        monkeypatch.setattr(wr.config, f"{name}_endpoint_url", athena.cloud.endpoint_url)
    return boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")


@pytest.mark.parametrize(
    "options",
    [{"ctas_approach": False}, {"ctas_approach": True}, {"ctas_approach": False, "unload_approach": True}],
)
def test_reading_a_query(sales: Athena, session: boto3.Session, options: dict[str, bool]) -> None:
    output = f"s3://{BUCKET}/{sales.database}/wr/{'-'.join(map(str, options))}{options.get('ctas_approach')}/"
    frame = wr.athena.read_sql_query(
        "SELECT id, name, amount, price, day FROM sales ORDER BY id",
        database=sales.database,
        s3_output=output,
        boto3_session=session,
        **options,
    )
    assert len(frame) == 15
    by_id = frame.sort_values("id").reset_index(drop=True)
    assert by_id["id"].tolist()[:3] == [10, 11, 12]
    assert str(by_id["price"][1]) == "1.25"
    assert by_id["amount"].isna().sum() == 3
    assert by_id["day"].nunique() == 3


def test_repairing_and_describing(sales: Athena, session: boto3.Session) -> None:
    frame = wr.athena.describe_table(
        "sales", database=sales.database, boto3_session=session, s3_output=sales.output
    )
    assert "id" in frame["Column Name"].tolist()
    wr.athena.repair_table("sales", database=sales.database, boto3_session=session, s3_output=sales.output)
    assert wr.catalog.does_table_exist(database=sales.database, table="sales", boto3_session=session)
