"""TPC-H at scale 1: the 22 queries through boto3 on the Athena engine, beside plain DuckDB on the same Parquet files.

Each query runs on both in turn, on as many threads; the engine's time is from StartQueryExecution to the answer
SUCCEEDED, result file written; DuckDB's is from the text to the fetched rows. The client is boto3 as it comes: it asks
GetQueryExecution, and again POLL seconds after an answer that the query still runs (which the engine holds back up to
0.2 s, so that a client that waits longer, as awswrangler's and PyAthena's second, learns of most ends at once).
Budget: 1.3x in total wall time. CPU seconds, the local cloud's and the client's together, tell the same on a busy
machine, where the wall clock measures the neighbours.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.table import show

SCALE = float(os.environ.get("BENCH_TPCH_SCALE", "1"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
POLL = 0.02
SETTLE = 0.02
"""After a query's end its threads may still be busy for a moment: counted as its CPU."""


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
        measured: dict[int, list[tuple[float, float, float, float]]] = {n: [] for n in suite.queries}
        for _ in range(ROUNDS):
            for number, text in suite.queries.items():
                began, cpu = time.perf_counter(), time.process_time()
                native.execute(text).fetchall()
                plain = time.perf_counter() - began, time.process_time() - cpu
                began, cpu = time.perf_counter(), time.process_time() + _cpu(cloud.pid)
                execution = suite.wait(suite.start(number), poll=POLL)
                wall = time.perf_counter() - began
                time.sleep(SETTLE)
                ours = wall, time.process_time() + _cpu(cloud.pid) - cpu
                assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
                measured[number].append((plain[0], ours[0], plain[1], ours[1]))
    rows = [(f"Q{n}", *map(statistics.median, zip(*runs, strict=True))) for n, runs in measured.items()]
    total = ("all", *(sum(column) for column in zip(*(row[1:] for row in rows), strict=True)))
    show(
        f"TPC-H at scale {SCALE:g} (median of {ROUNDS} rounds; budget 1.3)",
        ["", "DuckDB s", "Athena by boto3 s", "ratio", "DuckDB CPU s", "Athena CPU s", "CPU ratio"],
        [(name, a, b, b / a, c, d, d / c) for name, a, b, c, d in (*rows, total)],
    )


def _cpu(pid: int) -> float:
    """The CPU seconds a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
