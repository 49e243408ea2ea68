"""Both engines' answers side by side."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_platform_tests.glue.parity import side


@dataclass(frozen=True)
class Outcome:
    """One case: ``equal``, ``refused`` (an error where Spark has rows), ``error`` (of both) or ``different``."""

    verdict: str
    family: str
    case: str
    sail: Any
    spark: Any


def answers(folder: Path, *engines: str, login: tuple[str, ...] = ()) -> dict[str, Any]:
    """What the engines answer, each in a process of its own, one after the other.

    Args:
        login: the JDBC URL, user and password of a database with the tables of ``jdbc_script``.
    """
    found = {}
    for engine in engines:
        target = folder / f"{engine}.json"
        work = folder / engine
        work.mkdir()
        command = [sys.executable, str(Path(side.__file__)), engine, str(target), str(work), *login]
        done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, cwd=folder)
        if not target.exists():
            raise AssertionError(f"{engine} ended with {done.returncode}: {done.stderr[-3000:]}")
        found[engine] = json.loads(target.read_text())
    return found


def outcomes(sail: list[Any], spark: list[Any]) -> Iterator[Outcome]:
    """A verdict on every case."""
    for (family, case), ours, theirs in zip(side.cases(), sail, spark, strict=True):
        failed, fails = isinstance(ours[1], str), isinstance(theirs[1], str)
        verdict = "different"
        if failed:
            verdict = "error" if fails else "refused"
        elif ours == theirs:
            verdict = "equal"
        yield Outcome(verdict, family, case, ours, theirs)


def main() -> None:
    """Print every case that is not equal, and the numbers of each verdict."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        found = answers(Path(folder), "sail", "pyspark")
    every = list(outcomes(found["sail"]["cases"], found["pyspark"]["cases"]))
    for one in every:
        if one.verdict != "equal":
            why = one.sail[1] if one.verdict == "refused" else f"here {one.sail}, Spark {one.spark}"
            print(f"{one.verdict:10} {one.family}: {one.case}\n           {str(why)[:300]}")
    print(", ".join(f"{number} {verdict}" for verdict, number in Counter(o.verdict for o in every).items()))
    raise SystemExit(any(one.verdict == "different" for one in every))
