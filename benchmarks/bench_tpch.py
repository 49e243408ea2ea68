"""TPC-H at scale 1: the 22 queries through boto3 on the Athena engine, beside plain DuckDB on the same Parquet files.

Each query runs on both in turn, on as many threads; the engine's time is from StartQueryExecution to the answer
SUCCEEDED, result file written; DuckDB's is from the text to the fetched rows. Budget: 1.3x in total.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.table import show

SCALE = float(os.environ.get("BENCH_TPCH_SCALE", "1"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))


def main() -> None:
    """Generate the tables, upload them, run every query both ways, print the table."""
    from mlops_platform_tests.athena.tpc_cases import Suite
    from mlops_platform_tests.fixtures_cloud import free_port, running

    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder) / "cloud", postgres_port=free_port()) as cloud,
    ):
        suite = Suite("tpch", SCALE, Path(folder) / "tpch", cloud.client)
        suite.register()
        native = suite.native(threads=os.cpu_count() or 1)
        seconds: dict[int, tuple[list[float], list[float]]] = {n: ([], []) for n in suite.queries}
        for _ in range(ROUNDS):
            for number, text in suite.queries.items():
                began = time.perf_counter()
                native.execute(text).fetchall()
                seconds[number][0].append(time.perf_counter() - began)
                began = time.perf_counter()
                execution = suite.wait(suite.start(number))
                seconds[number][1].append(time.perf_counter() - began)
                assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    rows = [(f"Q{n}", statistics.median(a), statistics.median(b)) for n, (a, b) in seconds.items()]
    total = ("all", sum(r[1] for r in rows), sum(r[2] for r in rows))
    show(
        f"TPC-H at scale {SCALE:g} (median of {ROUNDS} rounds; budget 1.3)",
        ["", "DuckDB s", "Athena by boto3 s", "ratio"],
        [(*row, row[2] / row[1]) for row in (*rows, total)],
    )
