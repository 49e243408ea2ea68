"""The engines' view of S3 is S3's own: same keys, sizes, ETags, bytes, in the same order."""

import json
import time
import uuid
from pathlib import Path

import pytest
from local_cloud.errors import ServiceError
from local_cloud.objects import DiskObjectStore
from local_cloud.remote_objects import RemoteObjectStore
from local_cloud.settings import Settings

from mlops_platform_tests.fixtures_cloud import RunningCloud

ODD_KEYS = [
    "a",
    "a/b",
    "a.txt",
    "a/b/c",
    "a-",
    "a0",
    "folder/",
    "double//slash",
    "../escape",
    "day=2026-01-01/x.csv",
    "day=2026-01-01/y z+%20.csv",
    "ünï/cødé",
    "x.meta.json",
    "x.tmp",
    ".ministack-keys/mine",
    "long/" + "n" * 250,
    "dots/./here",
    "quote'\"&<>",
]


@pytest.fixture(scope="module")
def bucket(local_cloud: RunningCloud) -> str:
    s3 = local_cloud.client("s3")
    name = f"objects-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    for number, key in enumerate(ODD_KEYS):
        s3.put_object(Bucket=name, Key=key, Body=key.encode() * number)
    return name


@pytest.fixture(params=["disk", "remote"])
def store(
    request: pytest.FixtureRequest, local_cloud: RunningCloud, tmp_path: Path
) -> DiskObjectStore | RemoteObjectStore:
    if request.param == "disk":
        return DiskObjectStore(local_cloud.dir / "s3" / "000000000000")
    return RemoteObjectStore(Settings(dir=tmp_path, upstream=local_cloud.endpoint_url))


Store = DiskObjectStore | RemoteObjectStore


@pytest.mark.parametrize(
    "prefix", ["", "a", "a/", "a/b", "day=2026-01-01/", "day=", "double/", "../", "fold", "none/", "x."]
)
def test_a_listing_is_s3s(local_cloud: RunningCloud, bucket: str, store: Store, prefix: str) -> None:
    listed = local_cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    expected = [
        (found["Key"], found["Size"], found["ETag"].strip('"'), found["LastModified"]) for found in listed
    ]
    seen = [
        (info.key, info.size, info.etag, info.last_modified.replace(microsecond=0))
        for info in store.list(bucket, prefix)
    ]
    assert seen == [
        (key, size, etag, modified.replace(microsecond=0)) for key, size, etag, modified in expected
    ]


def test_every_key_has_its_file(bucket: str, store: Store) -> None:
    for number, key in enumerate(ODD_KEYS):
        assert store.local_path(bucket, key).read_bytes() == key.encode() * number


def test_what_is_missing_is_named(bucket: str, store: Store) -> None:
    with pytest.raises(ServiceError, match=r"no-such-bucket") as caught:
        list(store.list("no-such-bucket"))
    assert caught.value.code == "NoSuchBucket"
    with pytest.raises(ServiceError) as caught:
        store.local_path(bucket, "no/such/key")
    assert caught.value.code == "NoSuchKey"


def test_overwritten_deleted_and_hidden_objects(local_cloud: RunningCloud, store: Store) -> None:
    s3 = local_cloud.client("s3")
    name = f"hidden-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"one")
    assert store.local_path(name, "k").read_bytes() == b"one"
    s3.put_object(Bucket=name, Key="k", Body=b"other")
    assert store.local_path(name, "k").read_bytes() == b"other"
    assert [info.size for info in store.list(name)] == [5]
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=name, Key="k", Body=b"versioned")
    assert store.local_path(name, "k").read_bytes() == b"versioned"
    s3.delete_object(Bucket=name, Key="k")
    assert list(store.list(name)) == []
    with pytest.raises(ServiceError, match="k"):
        store.local_path(name, "k")


def test_the_remote_cache_is_bounded(local_cloud: RunningCloud, bucket: str, tmp_path: Path) -> None:
    s3 = local_cloud.client("s3")
    for number in range(5):
        s3.put_object(Bucket=bucket, Key=f"cached/{number}.bin", Body=bytes([number]) * 1000)
    small = RemoteObjectStore(Settings(dir=tmp_path, upstream=local_cloud.endpoint_url), max_bytes=2500)
    for number in range(5):
        assert small.local_path(bucket, f"cached/{number}.bin").read_bytes() == bytes([number]) * 1000
        time.sleep(0.01)
    kept = list((tmp_path / "object-cache").iterdir())
    assert sum(path.stat().st_size for path in kept) <= 2500
    again = small.local_path(bucket, "cached/4.bin")
    before = again.stat().st_ino
    assert small.local_path(bucket, "cached/4.bin").stat().st_ino == before


def test_a_prefix_of_a_huge_bucket_is_listed_quickly(tmp_path: Path) -> None:
    """Walks what the prefix leaves open, not the bucket: 10,000 objects in 20 days, one day asked for."""
    bucket = tmp_path / "huge"
    described = {
        "etag": '"d41d8cd98f00b204e9800998ecf8427e"',
        "size": 0,
        "last_modified": "2026-01-01T00:00:00Z",
    }
    sidecar = json.dumps(described)
    for day in range(20):
        folder = bucket / f"day={day:03d}"
        folder.mkdir(parents=True)
        for number in range(500):
            (folder / f"{number}.csv").touch()
            (folder / f"{number}.csv.meta.json").write_text(sidecar)
    store = DiskObjectStore(tmp_path)
    began = time.perf_counter()
    assert len(list(store.list("huge", "day=010/"))) == 500
    one_day = time.perf_counter() - began
    began = time.perf_counter()
    assert len(list(store.list("huge"))) == 10_000
    cold = time.perf_counter() - began
    began = time.perf_counter()
    assert len(list(store.list("huge"))) == 10_000
    warm = time.perf_counter() - began
    print(f"one day {one_day:.3f} s, all cold {cold:.2f} s, all warm {warm:.2f} s")
    assert one_day < cold / 10
