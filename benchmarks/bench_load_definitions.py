"""CPU seconds to load the definitions, against an empty Dagster project, in turn. Budget: 0.3 s more."""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.table import show

ROUNDS = 7
MEASURE = """
import json, resource, sys
sys.path.insert(0, sys.argv[1])
import importlib
definitions = importlib.import_module(sys.argv[2]).defs()
definitions.get_repository_def()
usage = resource.getrusage(resource.RUSAGE_SELF)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"cpu": usage.ru_utime + usage.ru_stime, "mb": int(peak.split()[1]) / 1024}))
"""
EMPTY = """
from pathlib import Path
import dagster as dg

@dg.definitions
def defs() -> dg.Definitions:
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
"""


def main() -> None:
    """Measure both, print the table."""
    with tempfile.TemporaryDirectory() as folder:
        _empty_project(Path(folder))
        cases = {
            "empty Dagster project": (folder, "empty_project.definitions"),
            "this platform": (".", "mlops_platform.definitions"),
        }
        measured: dict[str, list[dict[str, float]]] = {name: [] for name in cases}
        for _ in range(ROUNDS):
            for name, (path, module) in cases.items():
                measured[name].append(_measure(path, module))
    cpu = {name: statistics.median(m["cpu"] for m in runs) for name, runs in measured.items()}
    base = cpu["empty Dagster project"]
    show(
        f"Loading the definitions (median of {ROUNDS}; budget 0.3 CPU s more than empty)",
        ["", "CPU s", "more than empty", "peak MB"],
        [[n, cpu[n], cpu[n] - base, round(max(m["mb"] for m in measured[n]))] for n in cases],
    )


def _empty_project(folder: Path) -> None:
    package = folder / "empty_project"
    (package / "defs").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "defs" / "__init__.py").touch()
    (package / "definitions.py").write_text(EMPTY)
    (folder / "pyproject.toml").write_text(
        '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "empty_project"\n'
    )


def _measure(path: str, module: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MEASURE, path, module],
        capture_output=True,
        text=True,
        check=True,
    )
    seen: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return seen
