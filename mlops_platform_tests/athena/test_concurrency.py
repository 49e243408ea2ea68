"""Many queries at once, monsters among them: queueing, quotas, bounded memory and disk, stops that interrupt."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from local_cloud.athena.executor import CONCURRENCY, MEMORY_SHARE, QUOTAS, total_memory_mb

from mlops_platform_tests.athena.conftest import BUCKET, Athena

NUMBERS = "UNNEST(sequence(1, 10000))"
MONSTER = (
    f"SELECT count(*) FROM {NUMBERS} AS a(x) CROSS JOIN {NUMBERS} AS b(y) CROSS JOIN {NUMBERS} AS c(z) "
    "WHERE x % 7 = y % 5 AND z % 3 = x % 2"
)
# Sorting all of a cross join needs more memory than there is: it spills.
GREEDY = (
    f"SELECT max(n) FROM (SELECT x, y, row_number() OVER (ORDER BY x * y % 1009, x, y) AS n FROM {NUMBERS} AS a(x) "
    f"CROSS JOIN {NUMBERS} AS b(y) CROSS JOIN {NUMBERS} AS c(z))"
)


@pytest.fixture
def monsters(athena: Athena) -> Iterator[list[str]]:
    """Ids of queries to be stopped whatever happens."""
    ids: list[str] = []
    yield ids
    for id_ in ids:
        athena.client.stop_query_execution(QueryExecutionId=id_)
    for id_ in ids:
        athena.wait(id_)


def state(athena: Athena, id_: str) -> str:
    execution = athena.client.get_query_execution(QueryExecutionId=id_)["QueryExecution"]
    return str(execution["Status"]["State"])


def wait_for(athena: Athena, id_: str, wanted: str) -> None:
    deadline = time.monotonic() + 30
    while state(athena, id_) != wanted:
        assert time.monotonic() < deadline, f"{id_} is {state(athena, id_)}, not {wanted}"
        time.sleep(0.02)


def resident_mb(athena: Athena) -> int:
    """The local cloud's memory, in MB."""
    lines = Path(f"/proc/{athena.cloud.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) // 1000


def temporary(athena: Athena) -> Path:
    return athena.cloud.dir / "athena" / "tmp"


def test_fifty_queries_are_answered_beside_a_monster_in_bounded_memory(
    sales: Athena, monsters: list[str]
) -> None:
    before = resident_mb(sales)
    monsters.append(sales.start(GREEDY))
    wait_for(sales, monsters[0], "RUNNING")
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: sales(f"SELECT count(*) + {n} FROM sales").rows[0][0], range(50)))
    assert answers == [str(15 + n) for n in range(50)]
    assert state(sales, monsters[0]) == "RUNNING"
    allowed = max(256, int(total_memory_mb() * MEMORY_SHARE) // CONCURRENCY)
    assert resident_mb(sales) < before + allowed + 500  # 50 small queries and their connections come on top
    folder = temporary(sales) / monsters[0]
    assert folder.is_dir()
    sales.client.stop_query_execution(QueryExecutionId=monsters[0])
    execution = sales.client.get_query_execution(QueryExecutionId=monsters[0])["QueryExecution"]
    assert execution["Status"]["State"] == "CANCELLED"
    assert execution["Status"]["StateChangeReason"] == "Query cancelled by user"
    deadline = (
        time.monotonic() + 60
    )  # DuckDB finishes the sort it is in; then the thread goes and its files with it
    while folder.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_query_waits_for_a_slot_and_can_be_stopped_while_it_waits(
    athena: Athena, monsters: list[str]
) -> None:
    monsters += [athena.start(MONSTER) for _ in range(CONCURRENCY)]
    for id_ in monsters:
        wait_for(athena, id_, "RUNNING")
    waiting, stopped = athena.start("SELECT 1"), athena.start("SELECT 2")
    assert athena.lines("SHOW TABLES") == []  # DDL does not wait behind queries
    assert [state(athena, id_) for id_ in (waiting, stopped)] == ["QUEUED", "QUEUED"]
    athena.client.stop_query_execution(QueryExecutionId=stopped)
    assert state(athena, stopped) == "CANCELLED"
    athena.client.stop_query_execution(QueryExecutionId=monsters[0])
    answer = athena.wait(waiting)
    assert answer.rows == [["1"]]
    assert answer.execution["Statistics"]["QueryQueueTimeInMillis"] > 0


def test_too_many_active_queries_are_refused(athena: Athena, monsters: list[str]) -> None:
    monsters += [athena.start(MONSTER) for _ in range(CONCURRENCY)]
    with ThreadPoolExecutor(8) as pool:
        monsters += pool.map(lambda _: athena.start("SELECT 1"), range(QUOTAS["DML"] - CONCURRENCY))
    with pytest.raises(ClientError) as refused:
        athena.start("SELECT 1")
    assert refused.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert refused.value.response["Reason"] == "CONCURRENT_QUERY_LIMIT_EXCEEDED"
    for id_ in monsters[CONCURRENCY:]:
        athena.client.stop_query_execution(QueryExecutionId=id_)
    monsters.append(athena.start("SELECT 1"))


def test_a_query_that_needs_more_memory_than_it_may_have_fails_alone(athena: Athena) -> None:
    numbers = f"{NUMBERS} AS a(x) CROSS JOIN {NUMBERS} AS b(y) CROSS JOIN {NUMBERS} AS c(z)"
    answer = athena.wait(athena.start(f"SELECT cardinality(array_agg(x + y + z)) FROM {numbers}"))
    assert (answer.state, answer.reason.split(":")[0]) == ("FAILED", "EXCEEDED_MEMORY_LIMIT")
    assert athena("SELECT 1").rows == [["1"]]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a, count(*) FROM big GROUP BY a",
        "INSERT INTO copy SELECT a FROM big",
        "CREATE TABLE other WITH (format = 'PARQUET') AS SELECT a FROM big",
        f"UNLOAD (SELECT a FROM big) TO 's3://{BUCKET}/{{db}}/unloaded/' WITH (format = 'PARQUET')",
    ],
)
def test_the_workgroups_limit_on_scanned_bytes_cancels(athena: Athena, sql: str) -> None:
    group = f"wg-{athena.database}"
    athena.client.create_work_group(
        Name=group,
        Configuration={
            "ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/limited/"},
            "BytesScannedCutoffPerQuery": 10_000_000,
        },
    )
    location = athena.put(f"{athena.database}/big/a.csv", b"x" * 999 + b"\n" * 10_000_001)
    athena(f"CREATE EXTERNAL TABLE big (a string) LOCATION '{location}'")
    athena(f"CREATE EXTERNAL TABLE copy (a string) LOCATION 's3://{BUCKET}/{athena.database}/copy/'")
    answer = athena.wait(athena.start(sql.format(db=athena.database), WorkGroup=group))
    assert (answer.state, answer.reason) == ("CANCELLED", "Bytes scanned limit was exceeded")
    assert answer.scanned > 10_000_000
    assert sorted(athena.lines("SHOW TABLES")) == ["big", "copy"]
    listed = athena.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{athena.database}/")
    assert [o["Key"] for o in listed["Contents"]] == [f"{athena.database}/big/a.csv"]
    athena.client.delete_work_group(WorkGroup=group, RecursiveDeleteOption=True)
