"""TPC-H and TPC-DS data, made on the spot by DuckDB's own generators; the query texts come with them.

The generators are extensions of DuckDB whose wheels (duckdb-extension-tpch, -tpcds) stop at another release than the
engine's own. So that release is installed beside the environment, in ``<venv>/share/tpc``, and runs as a process.
Nothing generated is kept in the repository.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

RELEASE = "1.5.5"
PACKAGES = [f"{name}=={RELEASE}" for name in ("duckdb", "duckdb-extension-tpch", "duckdb-extension-tpcds")]
HOME = Path(sys.prefix) / "share" / "tpc"

_GENERATE = """
import json, pathlib, sys
home, suite, scale, folder = sys.argv[1:]
sys.path.insert(0, home)
import duckdb
(extension,) = pathlib.Path(home, f"duckdb_extension_{suite}").rglob("*.duckdb_extension")
connection = duckdb.connect()
connection.load_extension(str(extension))
connection.execute(f"CALL {'dbgen' if suite == 'tpch' else 'dsdgen'}(sf = {float(scale)})")
for (name,) in connection.execute("SHOW TABLES").fetchall():
    connection.execute(f"COPY {name} TO '{folder}/{name}.parquet' (FORMAT parquet)")
queries = connection.execute(f"SELECT query_nr, query FROM {suite}_queries() ORDER BY 1").fetchall()
pathlib.Path(folder, "queries.json").write_text(json.dumps(queries))
"""


def install() -> Path:
    """The generators' folder; installs them with pip the first time.

    Raises:
        RuntimeError: pip failed; the message says how.
    """
    place = HOME / RELEASE
    if place.is_dir():
        return place
    HOME.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=HOME) as temporary:
        target = Path(temporary) / "site"
        command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps"]
        done = subprocess.run(
            [*command, "--target", str(target), *PACKAGES], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"pip could not install {', '.join(PACKAGES)}:\n{done.stderr[-2000:]}")
        if not place.is_dir():  # else another process was quicker
            shutil.move(target, place)
    return place


def generate(suite: str, scale: float, folder: Path) -> dict[int, str]:
    """Writes ``<table>.parquet`` for every table of ``tpch`` or ``tpcds`` into ``folder``; the queries by number.

    Raises:
        RuntimeError: the generator failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", _GENERATE, str(install()), suite, str(scale), str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{suite} at scale {scale} could not be generated:\n{done.stderr[-2000:]}")
    return dict(json.loads((folder / "queries.json").read_text()))
