"""`python -m local_cloud seed` against a running local cloud."""

import json
from typing import Any

import psycopg
import pytest
from local_cloud.postgres import connection_info
from local_cloud.settings import Settings

from mlops_platform_tests.fixtures_cloud import RunningCloud

ROWS = "2000"


@pytest.fixture(scope="module")
def cloud(local_cloud: RunningCloud) -> RunningCloud:
    """The local cloud with the bucket and the secret the seed asks for."""
    info = connection_info(Settings(dir=local_cloud.dir, postgres_port=local_cloud.postgres_port))
    local_cloud.client("s3").create_bucket(Bucket="seed-raw")
    local_cloud.client("secretsmanager").create_secret(
        Name="seed/postgres", SecretString=json.dumps({"engine": "postgres", **info})
    )
    return local_cloud


def seed(cloud: RunningCloud, *args: str) -> dict[str, Any]:
    done = cloud.command("seed", "--bucket", "seed-raw", "--secret", "seed/postgres", "--rows", ROWS, *args)
    return dict(json.loads(done.stdout))


def etags(cloud: RunningCloud) -> dict[str, tuple[str, Any]]:
    pages = cloud.client("s3").get_paginator("list_objects_v2").paginate(Bucket="seed-raw", Prefix="tickets/")
    return {o["Key"]: (o["ETag"], o["LastModified"]) for page in pages for o in page["Contents"]}


def tables(cloud: RunningCloud) -> dict[str, list[tuple[Any, ...]]]:
    info = connection_info(Settings(dir=cloud.dir, postgres_port=cloud.postgres_port))
    with psycopg.connect(
        host=info["host"], port=info["port"], user=info["username"], password=info["password"],
        dbname=info["dbname"],
    ) as connection:  # fmt: skip
        return {
            "plans": connection.execute("SELECT * FROM plans ORDER BY plan_id").fetchall(),
            "agents": connection.execute("SELECT * FROM agents ORDER BY agent_id").fetchall(),
            "customers": connection.execute("SELECT * FROM customers ORDER BY customer_id").fetchall(),
        }


def test_a_second_seed_changes_nothing_and_another_size_replaces(cloud: RunningCloud) -> None:
    first = seed(cloud)
    objects, rows = etags(cloud), tables(cloud)
    assert len(objects) == first["tickets"]["files"]
    assert {name: len(found) for name, found in rows.items()} == first["postgres"]
    assert seed(cloud) == first
    assert (etags(cloud), tables(cloud)) == (objects, rows)

    larger = seed(cloud, "--rows", "3000", "--days", "2")
    assert larger["tickets"]["tickets"] == 3000
    assert len(etags(cloud)) == larger["tickets"]["files"]
    assert seed(cloud) == first
    assert {k: v[0] for k, v in etags(cloud).items()} == {k: v[0] for k, v in objects.items()}


def test_a_lost_file_is_made_again(cloud: RunningCloud) -> None:
    first = seed(cloud, "--only", "tickets")
    before = etags(cloud)
    lost = sorted(before)[3]
    cloud.client("s3").delete_object(Bucket="seed-raw", Key=lost)
    assert seed(cloud, "--only", "tickets") == first
    assert {k: v[0] for k, v in etags(cloud).items()} == {k: v[0] for k, v in before.items()}


def test_updates_change_the_tables_the_same_way_every_time(cloud: RunningCloud) -> None:
    seed(cloud, "--only", "postgres")
    before = tables(cloud)
    told = seed(cloud, "--update")["updated"]
    after = tables(cloud)
    assert len(after["customers"]) == len(before["customers"]) + told["new_customers"]
    known = {row[0]: row for row in before["customers"]}
    changed = [row for row in after["customers"] if row[0] in known and row != known[row[0]]]
    assert told["plan_changes"] == sum(row[2] != known[row[0]][2] for row in changed) > 0
    assert told["left"] == sum(not row[8] for row in changed)
    assert all(row[9] > known[row[0]][9] for row in changed)
    assert seed(cloud, "--update")["updated"]["new_customers"] > 0
    # Seeded anew, the same first round gives the same tables.
    seed(cloud, "--only", "postgres", "--seed", "8")
    seed(cloud, "--only", "postgres")
    assert tables(cloud) == before
    seed(cloud, "--update")
    assert tables(cloud) == after


def test_a_drop_adds_one_object_with_a_new_name(cloud: RunningCloud) -> None:
    first = seed(cloud, "--drop", "2026-01-15", "--drop-rows", "30")["dropped"]
    second = seed(cloud, "--drop", "2026-01-15", "--drop-rows", "30")["dropped"]
    assert first != second
    body = cloud.client("s3").get_object(Bucket="seed-raw", Key=second.removeprefix("s3://seed-raw/"))["Body"]
    assert body.read().count(b"T260115-") >= 30


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--bucket", "no-such-bucket", "--only", "tickets"], ["no-such-bucket", "mlops provision"]),
        (["--secret", "no/secret", "--only", "postgres"], ["no/secret", "mlops provision"]),
        (["--rows", "0"], ["--rows"]),
    ],
)
def test_errors_say_what_is_wrong_and_how_to_mend_it(
    cloud: RunningCloud, args: list[str], words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_SEED_ROWS", "0")  # keeps a new cloud empty; the command itself still runs
    done = cloud.command("seed", *args, check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert [word for word in words if word not in done.stderr] == [], done.stderr
