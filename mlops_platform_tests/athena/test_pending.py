"""A reader sees a statement's rows all at once, never some of its files."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local_cloud.athena.pending import Pending
from local_cloud.athena.state import State

from mlops_platform_tests.athena.conftest import BUCKET, TERMINAL, Athena

ID = "00000000-0000-0000-0000-00000000000"


def test_a_statement_is_seen_from_its_success_on(tmp_path: Path) -> None:
    state = State(tmp_path / "athena.sqlite")
    pending = Pending(state)
    key = f"t/day=1/{ID}1_abc.parquet"
    before = pending.seen()
    pending.begin(f"{ID}1", ("db", "t"))
    during = pending.seen()
    state.put("execution", f"{ID}1", {"Status": {"State": "SUCCEEDED"}})
    committed = pending.seen()
    pending.end(f"{ID}1")
    after = pending.seen()
    # A query keeps the view it started with.
    assert [seen.object(key) for seen in (before, during, committed, after)] == [False, False, True, True]
    assert [seen.table("db", "t") for seen in (before, during, committed, after)] == [True, False, True, True]
    assert all(seen.object("t/day=1/written-by-spark.parquet") for seen in (before, during))
    pending.begin(f"{ID}2")
    state.put("execution", f"{ID}2", {"Status": {"State": "FAILED"}})
    assert not pending.seen().object(f"{ID}2_abc.parquet"), "what failed is hidden until it is taken back"
    state.close()


def test_inserts_into_many_partitions_are_seen_whole(athena: Athena) -> None:
    athena(
        "CREATE EXTERNAL TABLE w (v int) PARTITIONED BY (p string) STORED AS PARQUET "
        f"LOCATION 's3://{BUCKET}/{athena.database}/w/'"
    )
    parts = 8
    rows = ", ".join(f"({n}, 'p{n}')" for n in range(parts))
    writes = [athena.start(f"INSERT INTO w VALUES {rows}") for _ in range(4)]

    def ended(id_: str) -> bool:
        status = athena.client.get_query_execution(QueryExecutionId=id_)["QueryExecution"]["Status"]
        return status["State"] in TERMINAL

    with ThreadPoolExecutor(2) as pool:
        while True:
            done = all(map(ended, writes))
            for answer in pool.map(lambda _: athena("SELECT count(*) FROM w"), range(2)):
                assert int(answer.rows[0][0] or 0) % parts == 0
            if done:
                break
    assert [athena.wait(i).state for i in writes] == ["SUCCEEDED"] * len(writes)
    assert athena("SELECT count(*) FROM w").rows == [[str(4 * parts)]]
