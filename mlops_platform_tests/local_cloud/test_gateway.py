"""boto3 against the running local cloud: base services, engines, refusals, ranged reads, sockets."""

import json
import os
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from mlops_platform_tests.fixtures_cloud import RunningCloud


@pytest.fixture(scope="module")
def bucket(local_cloud: RunningCloud) -> str:
    name = f"gateway-{uuid.uuid4().hex[:8]}"
    local_cloud.client("s3").create_bucket(Bucket=name)
    return name


def _get(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            return response.status, dict(response.headers), response.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def test_health_names_the_services(local_cloud: RunningCloud) -> None:
    status, _, body = _get(f"{local_cloud.endpoint_url}/_local_cloud/health")
    health = json.loads(body)
    assert status == 200
    assert health["status"] == "ok"
    assert health["pid"] == local_cloud.pid
    assert health["dir"] == str(local_cloud.dir)
    assert {"glue", "s3", "sqs", "ssm", "secretsmanager"} <= health["services"].keys()
    assert health["postgres"] == "running"


def test_base_services_answer_boto3(local_cloud: RunningCloud) -> None:
    assert local_cloud.client("sts").get_caller_identity()["Account"] == "000000000000"
    ssm = local_cloud.client("ssm")
    ssm.put_parameter(Name="/gateway/x", Value="1", Type="String", Overwrite=True)
    assert ssm.get_parameter(Name="/gateway/x")["Parameter"]["Value"] == "1"
    secrets = local_cloud.client("secretsmanager")
    arn = secrets.create_secret(Name=f"s-{uuid.uuid4().hex}", SecretString="hush")["ARN"]
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "hush"


def test_a_queue_url_works_from_any_client(local_cloud: RunningCloud) -> None:
    sqs = local_cloud.client("sqs")
    url = sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    assert url.startswith(local_cloud.endpoint_url)
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "hello"


def test_glue_is_ours_and_its_errors_are_boto3s(local_cloud: RunningCloud) -> None:
    glue = local_cloud.client("glue")
    name = f"db{uuid.uuid4().hex[:8]}"
    glue.create_database(DatabaseInput={"Name": name})
    assert glue.get_database(Name=name)["Database"]["Name"] == name
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_database(Name="nowhere")


def test_the_server_validates_what_a_lax_client_sends(local_cloud: RunningCloud) -> None:
    lax = local_cloud.client("glue", parameter_validation=False)
    with pytest.raises(ClientError, match="Value null at 'databaseName'") as caught:
        lax.get_table(Name="x")
    assert caught.value.response["Error"]["Code"] == "InvalidInputException"


def test_what_is_not_served_says_so(local_cloud: RunningCloud) -> None:
    glue = local_cloud.client("glue")
    with pytest.raises(ClientError, match="does not implement glue:ListBlueprints") as operation:
        glue.list_blueprints()
    with pytest.raises(ClientError, match=r"does not serve 'redshift-data'.*LOCAL_CLOUD_UPSTREAM") as service:
        local_cloud.client("redshift-data").list_statements()
    for caught in (operation, service):
        assert caught.value.response["Error"]["Code"] == "UnsupportedOperation"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


@pytest.mark.parametrize("service", ["kinesis", "kafka"])
def test_services_an_emulator_fakes_are_refused(local_cloud: RunningCloud, service: str) -> None:
    calls = {"kinesis": "list_streams", "kafka": "list_clusters"}
    with pytest.raises(ClientError, match="does not serve"):
        getattr(local_cloud.client(service), calls[service])()


def test_a_presigned_url_reads_and_writes(local_cloud: RunningCloud, bucket: str) -> None:
    s3 = local_cloud.client("s3")
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "signed"})
    request = urllib.request.Request(url, data=b"by url", method="PUT")  # noqa: S310
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "signed"})
    assert _get(url)[2] == b"by url"


def test_web_pages_are_kept_out(local_cloud: RunningCloud) -> None:
    url = f"{local_cloud.endpoint_url}/_local_cloud/health"
    assert _get(url, Host="rebound.example")[0] == 403
    assert _get(url, Origin="https://evil.example")[0] == 403
    assert _get(url, Origin=local_cloud.endpoint_url)[0] == 200


def test_the_emulators_own_reset_is_closed(local_cloud: RunningCloud, bucket: str) -> None:
    request = urllib.request.Request(f"{local_cloud.endpoint_url}/_ministack/reset", method="POST")  # noqa: S310
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=10)  # noqa: S310
    local_cloud.client("s3").head_bucket(Bucket=bucket)


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-99", 10, 100),
        ("bytes=3000000-", 3_000_000, 3_500_000),
        ("bytes=-5", 3_499_995, 3_500_000),
        ("bytes=3499990-9999999", 3_499_990, 3_500_000),
    ],
)
def test_ranges_of_an_object(
    local_cloud: RunningCloud, bucket: str, wanted: str, start: int, stop: int
) -> None:
    s3 = local_cloud.client("s3")
    data = bytes(i * i % 251 for i in range(3500)) * 1000
    put = s3.put_object(
        Bucket=bucket, Key="ranged", Body=data, Metadata={"who": "me"}, ContentType="text/odd"
    )
    got = s3.get_object(Bucket=bucket, Key="ranged", Range=wanted)
    assert got["Body"].read() == data[start:stop]
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["ContentRange"] == f"bytes {start}-{stop - 1}/{len(data)}"
    assert got["ContentLength"] == stop - start
    assert got["ETag"] == put["ETag"]
    assert got["ContentType"] == "text/odd"
    assert got["Metadata"] == {"who": "me"}
    assert got["LastModified"] is not None


def test_a_whole_object_and_its_preconditions(local_cloud: RunningCloud, bucket: str) -> None:
    s3 = local_cloud.client("s3")
    data = os.urandom(2_500_000)
    etag = s3.put_object(Bucket=bucket, Key="whole", Body=data, ChecksumAlgorithm="CRC32")["ETag"]
    got = s3.get_object(Bucket=bucket, Key="whole", ChecksumMode="ENABLED")
    assert got["Body"].read() == data  # botocore checks the checksum as it reads
    assert got["ChecksumCRC32"]
    assert s3.get_object(Bucket=bucket, Key="whole", IfMatch=etag)["Body"].read() == data
    for options, status in (
        ({"IfMatch": '"x"'}, 412),
        ({"IfNoneMatch": etag}, 304),
        ({"Range": "bytes=9999999-"}, 416),
    ):
        with pytest.raises(ClientError) as caught:
            s3.get_object(Bucket=bucket, Key="whole", **options)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_versions_and_empty_objects_read_right(local_cloud: RunningCloud) -> None:
    s3 = local_cloud.client("s3")
    name = f"versions-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=name, Key="k", Body=b"one")["VersionId"]
    second = s3.put_object(Bucket=name, Key="k", Body=b"second")["VersionId"]
    assert s3.get_object(Bucket=name, Key="k", VersionId=first)["Body"].read() == b"one"
    now = s3.get_object(Bucket=name, Key="k", Range="bytes=1-2")
    assert (now["Body"].read(), now["VersionId"]) == (b"ec", second)
    s3.put_object(Bucket=name, Key="empty", Body=b"")
    assert s3.get_object(Bucket=name, Key="empty")["Body"].read() == b""


def test_a_reader_of_an_overwritten_object_sees_one_version(local_cloud: RunningCloud, bucket: str) -> None:
    s3 = local_cloud.client("s3")
    size = 40_000_000
    s3.put_object(Bucket=bucket, Key="torn", Body=b"a" * size)
    body = s3.get_object(Bucket=bucket, Key="torn")["Body"]
    seen = {body.read(1)}
    s3.put_object(Bucket=bucket, Key="torn", Body=b"b" * size)
    for chunk in body.iter_chunks(1 << 20):
        seen |= {bytes([byte]) for byte in set(chunk)}
    assert seen == {b"a"}


def test_a_multipart_object_is_served_in_parts_of_any_cut(local_cloud: RunningCloud, bucket: str) -> None:
    s3 = local_cloud.client("s3")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    pieces = [os.urandom(5 << 20), os.urandom(1000)]
    parts: list[dict[str, Any]] = []
    for number, piece in enumerate(pieces, 1):
        made = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=number, Body=piece)
        parts.append({"PartNumber": number, "ETag": made["ETag"]})
    s3.complete_multipart_upload(
        Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": parts}
    )
    whole = b"".join(pieces)
    cut = s3.get_object(Bucket=bucket, Key="parts", Range=f"bytes={(5 << 20) - 10}-{(5 << 20) + 9}")
    assert cut["Body"].read() == whole[(5 << 20) - 10 : (5 << 20) + 10]


def test_only_loopback_and_only_our_ports_are_open(local_cloud: RunningCloud) -> None:
    listening = _listening_sockets(local_cloud.pid)
    assert listening == {("127.0.0.1", local_cloud.port)}


def _listening_sockets(pid: int) -> set[tuple[str, int]]:
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        target = str(descriptor.readlink())
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                address, _, port = fields[1].rpartition(":")
                octets = [str(b) for b in reversed(bytes.fromhex(address))] if table == "tcp" else [address]
                found.add((".".join(octets), int(port, 16)))
    return found
