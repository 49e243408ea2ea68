"""Runs one Glue script: ``python -m local_glue run.json``. Its outcome is left in a file."""

import importlib.metadata
import json
import os
import runpy
import sys
import traceback
from pathlib import Path


def main(spec_file: str) -> int:
    """Run the script of the spec; the exit code is 0 unless it failed."""
    spec = json.loads(Path(spec_file).read_text())
    error = None
    try:
        _check_modules(spec["modules"])
        _prepare(spec)
        sys.argv = list(spec["argv"])
        sys.path[0] = str(Path(spec["script"]).parent)
        runpy.run_path(spec["script"], run_name="__main__")
    except SystemExit as exit_:
        error = _exit_message(exit_)
    except BaseException as failure:  # noqa: BLE001 - whatever ends a script is its result, reported below
        error = _message(failure)
        _print_traceback(failure)
    sys.stdout.flush()
    sys.stderr.flush()
    outcome = Path(spec["outcome"])
    partial = outcome.with_suffix(".partial")
    partial.write_text(json.dumps({"error": error}))
    partial.replace(outcome)
    return 0 if error is None else 1


def _prepare(spec: dict) -> None:
    from local_glue import run

    run.configure(spec)
    if spec["kind"] == "glueetl":
        from local_glue import engine

        engine.install(spec["engine"], spec["conf"])


def _check_modules(requirements: list[str]) -> None:
    """``--additional-python-modules`` are looked for, never downloaded.

    Raises:
        ModuleNotFoundError: some are not installed, or not in a version that was asked for.
    """
    missing = [one for one in requirements if not _installed(one)]
    if missing:
        names = " ".join(missing)
        raise ModuleNotFoundError(
            f"--additional-python-modules not installed: {names}. The local cloud downloads nothing when "
            f"a job starts; install them once beside it: pip install {names}"
        )


def _installed(requirement: str) -> bool:
    from packaging.requirements import Requirement
    from packaging.utils import parse_wheel_filename

    if requirement.endswith(".whl"):
        name, version, *_ = parse_wheel_filename(requirement.rpartition("/")[2])
        requirement = f"{name}=={version}"
    wanted = Requirement(requirement)
    try:
        found = importlib.metadata.version(wanted.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return wanted.specifier.contains(found, prereleases=True)


def _exit_message(exit_: SystemExit) -> str | None:
    if exit_.code in (None, 0):
        return None
    print(exit_.code, file=sys.stderr)
    return f"SystemExit: {exit_.code}"


def _message(failure: BaseException) -> str:
    """The error as Glue words it: the class without its module, then the text."""
    text = str(failure).strip()
    name = type(failure).__name__
    return (f"{name}: {text}" if text else name)[:2000]


def _print_traceback(failure: BaseException) -> None:
    """The script's own frames: neither this file's nor runpy's."""
    frames = failure.__traceback__
    while frames and (
        frames.tb_frame.f_code.co_filename == __file__ or "runpy" in frames.tb_frame.f_code.co_filename
    ):
        frames = frames.tb_next
    traceback.print_exception(type(failure), failure, frames)


if __name__ == "__main__":
    code = main(sys.argv[1])
    # Threads of the engine or of the script must not keep a finished job alive.
    os._exit(code)
