"""``kill -9`` in the middle of writes: afterwards a reader finds the old or the new, never half."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_platform_tests.athena.conftest import BUCKET, TERMINAL, Answer, Athena
from mlops_platform_tests.fixtures_cloud import running

PARTITIONS = 60
ROWS = "SELECT n AS id, n % 60 AS part FROM UNNEST(sequence(1, 600)) AS t(n)"
STATEMENTS = {
    "made": f"CREATE TABLE made WITH (external_location = 's3://{BUCKET}/made/', partitioned_by = ARRAY['part']) "
    f"AS {ROWS}",
    "kept": f"INSERT INTO kept {ROWS}",
    "flat": "INSERT INTO flat SELECT n FROM UNNEST(sequence(1, 600)) AS t(n)",
    "unloaded": f"UNLOAD ({ROWS}) TO 's3://{BUCKET}/unloaded/' WITH (format = 'PARQUET', "
    "partitioned_by = ARRAY['part'])",
}
NUMBERS = "UNNEST(sequence(1, 10000))"
MONSTER = f"SELECT count(*) FROM {NUMBERS} a(x), {NUMBERS} b(y), {NUMBERS} c(z) WHERE x % 7 = y % 5 AND z % 3 = x % 2"


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Athena]:
    """A cloud that may be killed, with a partitioned and a plain table of ten rows each."""
    with running(tmp_path_factory.mktemp("killed") / "state") as cloud:
        user = Athena(cloud, "default")
        user.s3.create_bucket(Bucket=BUCKET)
        user.glue.create_database(DatabaseInput={"Name": "default"})
        user(
            "CREATE EXTERNAL TABLE kept (id bigint) PARTITIONED BY (part bigint) STORED AS PARQUET "
            f"LOCATION 's3://{BUCKET}/kept/'"
        )
        user(f"CREATE EXTERNAL TABLE flat (id bigint) STORED AS PARQUET LOCATION 's3://{BUCKET}/flat/'")
        user("INSERT INTO kept SELECT n, n % 60 FROM UNNEST(sequence(1, 10)) AS t(n)")
        user("INSERT INTO flat SELECT n FROM UNNEST(sequence(1, 10)) AS t(n)")
        yield user


def objects(user: Athena, prefix: str) -> int:
    pages = user.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{prefix}/")
    return sum(page["KeyCount"] for page in pages)


def rows(user: Athena, table: str) -> int:
    return int(user(f"SELECT count(*) FROM {table}").rows[0][0] or 0)


def kill_when(user: Athena, place: str, files: int) -> None:
    """Kills the server when so many new files lie below the place, on its disk."""
    (folder,) = [p for p in user.cloud.dir.rglob(BUCKET) if p.is_dir()]
    deadline = time.monotonic() + 60
    while sum(1 for p in folder.glob(f"{place}/**/*.parquet")) < files:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    user.cloud.kill9()


def settled(user: Athena, id_: str) -> Answer:
    answer = user.wait(id_)
    assert answer.state in TERMINAL
    if answer.state != "SUCCEEDED":
        assert (answer.state, answer.reason.split(":")[0]) == ("FAILED", "SERVER_RESTARTED")
    return answer


@pytest.mark.parametrize(("place", "files"), [("made", 1), ("kept", 10 + 30), ("unloaded", 30)])
def test_a_kill_leaves_the_old_or_the_new(user: Athena, place: str, files: int) -> None:
    before = {
        t: (rows(user, t), objects(user, t), user.lines("SHOW PARTITIONS kept")) for t in ("kept", "flat")
    }
    ids = {name: user.start(sql) for name, sql in STATEMENTS.items()}
    monster = user.start(MONSTER)
    kill_when(user, place, files)
    user.cloud.up()
    ended = {name: settled(user, id_).state for name, id_ in ids.items()}
    assert settled(user, monster).state == "FAILED"
    assert ended[place] == "FAILED", "the kill came too late to be in the middle"
    for table in ("kept", "flat"):
        had, files_had, partitions_had = before[table]
        if ended[table] == "SUCCEEDED":
            assert rows(user, table) == had + 600
        else:
            assert (rows(user, table), objects(user, table)) == (had, files_had)
            assert user.lines("SHOW PARTITIONS kept") == partitions_had or ended["kept"] == "SUCCEEDED"
    if ended["made"] == "SUCCEEDED":
        assert rows(user, "made") == 600
        user("DROP TABLE made")
        user.empty("made")
    assert "made" not in user.lines("SHOW TABLES")
    assert objects(user, "made") == 0
    if ended["unloaded"] == "SUCCEEDED":
        assert objects(user, "unloaded") == PARTITIONS
        user.empty("unloaded")
    assert objects(user, "unloaded") == 0


def test_what_failed_can_be_run_again(user: Athena) -> None:
    for sql in STATEMENTS.values():
        user(sql)
    assert rows(user, "made") == 600
    assert len(user.lines("SHOW PARTITIONS made")) == PARTITIONS


def test_a_stopped_or_failed_write_is_taken_back(user: Athena) -> None:
    had = rows(user, "kept"), objects(user, "kept")
    id_ = user.start(STATEMENTS["kept"])
    (folder,) = [p for p in user.cloud.dir.rglob(BUCKET) if p.is_dir()]
    deadline = time.monotonic() + 60
    while sum(1 for p in Path(folder, "kept").rglob("*.parquet")) == had[1]:
        assert time.monotonic() < deadline
    user.client.stop_query_execution(QueryExecutionId=id_)
    assert user.wait(id_).state == "CANCELLED"
    assert (rows(user, "kept"), objects(user, "kept")) == had
