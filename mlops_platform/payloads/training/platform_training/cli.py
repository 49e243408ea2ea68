"""The command line: what a Batch job definition's command calls."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from . import stopping
from .errors import TrainingError
from .settings import EvaluateSettings, ScoreSettings, Settings, TrainSettings

_COMMANDS: dict[str, tuple[type[Settings], str]] = {
    "train": (
        TrainSettings,
        "fine-tune, measure and register a model; with --sweep one trial of an array job",
    ),
    "evaluate": (EvaluateSettings, "measure registered versions on the same held-out rows and compare them"),
    "score": (ScoreSettings, "score new rows with a registered version"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the exit code: 0, EXIT_REFUSED for wrong input, EXIT_RESUME after SIGTERM."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parsed = vars(_parser().parse_args(given))
    command = parsed.pop("command")
    try:
        return _run(command, parsed, given)
    except TrainingError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return stopping.EXIT_REFUSED


def _run(command: str, parsed: dict[str, Any], given: list[str]) -> int:
    if command in _COMMANDS:
        return _run_job(_COMMANDS[command][0].of(parsed), given)
    from .registry import ModelRegistry, history

    registry = ModelRegistry(parsed["registry"], parsed["name"])
    if command == "promote":
        registry.promote(parsed["version"], over=registry.champion(), reason=parsed["reason"])
    elif command == "roll-back":
        registry.roll_back(reason=parsed["reason"])
    sys.stdout.write("".join(f"{line}\n" for line in history(registry.champion())))
    return 0


def _run_job(settings: Settings, given: list[str]) -> int:
    from .devices import set_threads
    from .launch import run_processes, wanted_processes

    if isinstance(settings, TrainSettings) and (count := wanted_processes(settings.processes)) > 1:
        return run_processes(count, given)
    set_threads(getattr(settings, "threads", 0))
    result: dict[str, Any]
    if isinstance(settings, TrainSettings):
        from .training import train

        result = train(settings)
    elif isinstance(settings, EvaluateSettings):
        from .evaluation import evaluate

        result = evaluate(settings)
    elif isinstance(settings, ScoreSettings):
        from .scoring import score

        result = score(settings)
    else:
        raise TypeError(settings)
    if result:  # only the first of several processes has one
        sys.stdout.write(
            json.dumps({"done": result.get("version") or result.get("model_version") or ""}) + "\n"
        )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="platform_training",
        description="Fine-tunes text classifiers on AWS Batch. Every option may also be given by the environment "
        "as TRAINING_<NAME>.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (kind, meaning) in _COMMANDS.items():
        kind.add_arguments(commands.add_parser(name, help=meaning, description=meaning))
    for name, meaning in (
        ("promote", "make a version the champion"),
        ("roll-back", "point back to the champion before this one"),
        ("history", "every change of the champion, newest first"),
    ):
        sub = commands.add_parser(name, help=meaning, description=meaning)
        sub.add_argument("--registry", required=True, help="S3 prefix of the model registry")
        sub.add_argument("--name", default="feedback", help="the model's name in the registry")
        if name == "promote":
            sub.add_argument("--version", required=True)
        if name != "history":
            sub.add_argument("--reason", default="by hand")
    return parser
