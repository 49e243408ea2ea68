"""`python -m local_cloud provision`: what is declared exists, once, and nothing else is touched."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from local_cloud.provision.jobs import helpers_archive

from mlops_platform.declaration import CsvSourceNeeds, Declaration, GlueJobNeeds, PostgresNeeds
from mlops_platform.deployment import Contract
from mlops_platform_tests.fixtures_cloud import RunningCloud


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "job.py"
    path.write_text("print('one')\n")
    return path


def declared(script: Path, *jobs: str, prefix: str = "orders/") -> Declaration:
    return Declaration(
        csv_sources=(CsvSourceNeeds(name="orders", prefix=prefix),),
        postgres=(PostgresNeeds(name="shop", secret_id="mlops/postgres/shop", database="shop"),),
        databases=("shop",),
        glue_jobs=tuple(GlueJobNeeds(name=job, script=str(script), connections=("shop",)) for job in jobs),
    )


def provision(cloud: RunningCloud, declaration: Declaration) -> tuple[Contract, list[str]]:
    """The contract and the changes that were told."""
    done = subprocess.run(
        [sys.executable, "-m", "local_cloud", "provision"], input=declaration.model_dump_json(), text=True,
        env=cloud.environment, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Contract.model_validate_json(done.stdout), done.stderr.splitlines()


def test_a_second_time_changes_nothing_and_a_change_changes_only_itself(
    local_cloud: RunningCloud, script: Path
) -> None:
    contract, told = provision(local_cloud, declared(script, "a", "b"))
    assert told
    parameter = local_cloud.client("ssm").get_parameter(Name="/mlops/contract")["Parameter"]["Value"]
    assert Contract.model_validate_json(parameter) == contract
    assert provision(local_cloud, declared(script, "a", "b")) == (contract, [])

    script.write_text("print('two')\n")
    changed, told = provision(local_cloud, declared(script, "a", "b"))
    assert sorted(line.split()[1] for line in told) == [
        "contract",
        "updated",
        "updated",
        "uploaded",
        "uploaded",
    ]
    assert changed.declaration_digest != contract.declaration_digest
    location = local_cloud.client("glue").get_job(JobName=contract.glue_jobs["a"])["Job"]["Command"][
        "ScriptLocation"
    ]
    bucket, _, key = location[5:].partition("/")
    assert local_cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read() == b"print('two')\n"


def test_only_our_own_undeclared_jobs_are_removed(local_cloud: RunningCloud, script: Path) -> None:
    contract, _ = provision(local_cloud, declared(script, "a", "b"))
    glue = local_cloud.client("glue")
    glue.create_job(
        Name="somebody-elses", Role=contract.glue_role_arn, GlueVersion="5.0",
        Command={"Name": "glueetl", "ScriptLocation": "s3://mlops-artifacts/x.py"},
    )  # fmt: skip
    provision(local_cloud, declared(script, "a"))
    names = {job["Name"] for job in glue.get_jobs()["Jobs"]}
    assert {contract.glue_jobs["a"], "somebody-elses"} <= names
    assert contract.glue_jobs["b"] not in names


def test_a_new_object_reaches_the_queue_of_its_source_and_no_other(
    local_cloud: RunningCloud, script: Path
) -> None:
    contract, _ = provision(local_cloud, declared(script, "a"))
    source, s3 = contract.csv_source("orders"), local_cloud.client("s3")
    s3.put_object(Bucket=source.bucket, Key="elsewhere/x.csv", Body=b"1")
    s3.put_object(Bucket=source.bucket, Key="orders/day=2026-01-01/x.csv", Body=b"1")
    sqs, keys = local_cloud.client("sqs"), []
    for _ in range(5):
        for message in sqs.receive_message(QueueUrl=source.queue_url, WaitTimeSeconds=1).get("Messages", []):
            keys.append(json.loads(message["Body"])["detail"]["object"]["key"])
            sqs.delete_message(QueueUrl=source.queue_url, ReceiptHandle=message["ReceiptHandle"])
    assert keys == ["orders/day=2026-01-01/x.csv"]
    attributes = sqs.get_queue_attributes(QueueUrl=source.queue_url, AttributeNames=["All"])["Attributes"]
    assert str(json.loads(attributes["RedrivePolicy"])["maxReceiveCount"]) == "5"


def test_buckets_are_closed_and_the_role_has_no_wildcards(local_cloud: RunningCloud, script: Path) -> None:
    contract, _ = provision(local_cloud, declared(script, "a"))
    s3 = local_cloud.client("s3")
    for bucket in (contract.raw_bucket, contract.lake_bucket, contract.artifacts_bucket):
        blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        assert all(blocked.values())
        assert s3.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled"
        assert s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    policy: Any = local_cloud.client("iam").get_role_policy(
        RoleName=contract.glue_role_arn.rpartition("/")[2], PolicyName="mlops-glue"
    )["PolicyDocument"]
    policy = json.loads(policy) if isinstance(policy, str) else policy
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        assert "*" not in statement["Resource"]
        assert not any("*" in action for action in statement["Action"])
        assert all(
            resource.count("*") <= 1 and not resource.endswith(":*") for resource in statement["Resource"]
        )


def test_a_database_of_ones_own_keeps_its_secret(local_cloud: RunningCloud, script: Path) -> None:
    own = json.dumps(
        {
            "engine": "postgres",
            "host": "db.example",
            "port": 1,
            "dbname": "d",
            "username": "u",
            "password": "p",
        }
    )
    secrets = local_cloud.client("secretsmanager")
    secrets.create_secret(Name="my/secret", SecretString=own)
    needs = declared(script).model_copy(
        update={"postgres": (PostgresNeeds(name="own", secret_id="my/secret", database="d"),)}
    )
    provision(local_cloud, needs)
    assert secrets.get_secret_value(SecretId="my/secret")["SecretString"] == own
    connection = local_cloud.client("glue").get_connection(Name="own")["Connection"]["ConnectionProperties"]
    assert connection == {"JDBC_CONNECTION_URL": "jdbc:postgresql://db.example:1/d", "SECRET_ID": "my/secret"}


@pytest.mark.parametrize("text", ["", "{}}", '{"glue_jobs": [{"nme": "x"}]}'])
def test_a_declaration_that_is_none_is_refused(local_cloud: RunningCloud, tmp_path: Path, text: str) -> None:
    path = tmp_path / "declaration.json"
    path.write_text(text)
    done = local_cloud.command("provision", str(path), check=False)
    assert done.returncode == 2
    assert str(path) in done.stderr
    assert "Traceback" not in done.stderr


def test_the_helpers_archive_is_the_same_every_time() -> None:
    assert helpers_archive() == helpers_archive()
    assert b"platform_glue/publish.py" in helpers_archive()
