"""With LOCAL_CLOUD_UPSTREAM a separate emulator serves the base services, our engines in front."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest
from botocore.exceptions import ClientError

from mlops_platform_tests.fixtures_cloud import RunningCloud, free_port, running


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    folder = tmp_path_factory.mktemp("emulator")
    port = free_port()
    env = os.environ | {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "S3_PERSIST": "0",
        "STATE_DIR": str(folder),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "TMPDIR": str(folder),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "ministack"], env=env, cwd=folder, stdout=subprocess.DEVNULL
    )
    deadline = monotonic() + 30
    while monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_ministack/health", timeout=1).close()
            break
        except OSError:
            sleep(0.1)
    yield port, process
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="module")
def cloud(emulator: tuple[int, object], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    folder = tmp_path_factory.mktemp("upstream") / "state"
    with running(folder, env={"LOCAL_CLOUD_UPSTREAM": f"http://127.0.0.1:{emulator[0]}"}) as started:
        yield started


def test_base_services_are_the_emulators(cloud: RunningCloud, emulator: tuple[int, object]) -> None:
    behind = RunningCloud(Path("/nowhere"), port=emulator[0])
    cloud.client("ssm").put_parameter(Name="/u", Value="1", Type="String")
    assert behind.client("ssm").get_parameter(Name="/u")["Parameter"]["Value"] == "1"
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="u")["QueueUrl"]
    assert url.startswith(cloud.endpoint_url), "the Host header did not reach the emulator"
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "hello"
    assert "proxied" in cloud.command("status").stdout


def test_engines_are_ours_and_read_the_emulators_objects(cloud: RunningCloud) -> None:
    glue = cloud.client("glue")
    glue.create_database(DatabaseInput={"Name": "u"})
    assert glue.get_database(Name="u")["Database"]["Name"] == "u"
    assert (cloud.dir / "glue").is_dir()


def test_large_bodies_pass_both_ways(cloud: RunningCloud) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="big")
    data = os.urandom(20_000_000)
    s3.put_object(Bucket="big", Key="odd key/+%20ü", Body=data)
    got = s3.get_object(Bucket="big", Key="odd key/+%20ü")
    assert got["Body"].read() == data
    assert s3.get_object(Bucket="big", Key="odd key/+%20ü", Range="bytes=5-9")["Body"].read() == data[5:10]
    assert s3.head_object(Bucket="big", Key="odd key/+%20ü")["ContentLength"] == len(data)
    s3.delete_object(Bucket="big", Key="odd key/+%20ü")
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket="big", Key="odd key/+%20ü")


def test_a_body_of_unknown_length_is_streamed(cloud: RunningCloud) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="chunked")
    url = s3.generate_presigned_url("put_object", Params={"Bucket": "chunked", "Key": "k"})
    chunks = iter([b"a" * 100_000, b"b" * 100_000])
    request = urllib.request.Request(url, data=chunks, method="PUT", headers={"Transfer-Encoding": "chunked"})  # noqa: S310
    urllib.request.urlopen(request, timeout=20).close()  # noqa: S310
    assert s3.get_object(Bucket="chunked", Key="k")["Body"].read() == b"a" * 100_000 + b"b" * 100_000


def test_an_emulator_that_is_down_is_told(tmp_path: Path) -> None:
    nobody = free_port()
    with running(tmp_path / "state", env={"LOCAL_CLOUD_UPSTREAM": f"http://127.0.0.1:{nobody}"}) as lonely:
        request = urllib.request.Request(lonely.endpoint_url + "/bucket")  # noqa: S310
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=10)  # noqa: S310
        assert caught.value.code == 502
        words = caught.value.read().decode()
        assert f"http://127.0.0.1:{nobody}" in words
        assert "LOCAL_CLOUD_UPSTREAM" in words
        lonely.client("glue").get_databases()
