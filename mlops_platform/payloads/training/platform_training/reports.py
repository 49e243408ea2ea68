"""What a job says while it runs: one JSON line each in its log, and Dagster Pipes messages where asked for.

Pipes is on when the job has a Pipes context (DAGSTER_PIPES_CONTEXT) and the package `dagster_pipes` is
installed; it needs nothing of Dagster.
"""

import json
import os
import sys
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from .stopping import StopRequested

PIPES_CONTEXT = "DAGSTER_PIPES_CONTEXT"
_SECONDS = 2.0  # between two uploads of messages


class Reporter:
    """Use as a context manager. Only the first of several processes speaks."""

    def __init__(self, *, speaks: bool = True) -> None:
        self._speaks, self._stack = speaks, ExitStack()
        self._pipes: Any = None

    def __enter__(self) -> Self:
        if self._speaks and os.environ.get(PIPES_CONTEXT):
            self._pipes = self._stack.enter_context(_pipes())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A job that stops to be resumed has not failed.
        stopped = kind is not None and issubclass(kind, StopRequested)
        self._stack.__exit__(*((None, None, None) if stopped else (kind, error, trace)))

    def __call__(self, values: dict[str, Any]) -> None:
        """Says how far the job is, or what it has found."""
        if not self._speaks:
            return
        sys.stdout.write(json.dumps(values, ensure_ascii=False) + "\n")
        sys.stdout.flush()
        if self._pipes is not None:
            self._pipes.report_custom_message(values)
            self._pipes.log.info(", ".join(f"{name}: {value}" for name, value in values.items()))


def _pipes() -> Any:
    """A Pipes session whose context and messages go through S3, or as the launcher says otherwise.

    Raises:
        ModuleNotFoundError: the launcher waits for messages, and dagster_pipes is not installed.
    """
    import dagster_pipes as pipes

    from .objects import client

    params: Any = pipes.PipesEnvVarParamsLoader()  # type: ignore[no-untyped-call]
    in_s3 = "bucket" in params.load_messages_params()
    context_in_s3 = "bucket" in params.load_context_params()
    return pipes.open_dagster_pipes(
        context_loader=pipes.PipesS3ContextLoader(client()) if context_in_s3 else None,
        message_writer=_writer(client()) if in_s3 else None,
        params_loader=params,
    )


def attempt_prefix(key_prefix: str, environ: dict[str, str] | os._Environ[str] = os.environ) -> str:
    """Where this attempt of this array child writes its messages: `<key_prefix>/<index or 0>/<attempt>`.

    Children of an array share their environment, and a second attempt starts counting at 1 again: without a
    prefix of their own each would overwrite what another wrote.
    """
    index, attempt = environ.get("AWS_BATCH_JOB_ARRAY_INDEX", "0"), environ.get("AWS_BATCH_JOB_ATTEMPT", "1")
    return f"{key_prefix.rstrip('/')}/{index}/{attempt}".lstrip("/")


def _writer(s3: Any) -> Any:
    """dagster_pipes's S3 writer; with `"per_attempt": true` in its parameters under `attempt_prefix`."""
    import dagster_pipes as pipes

    class Writer(pipes.PipesS3MessageWriter):
        def make_channel(self, params: Any) -> Any:
            if params.get("per_attempt"):
                params = {**params, "key_prefix": attempt_prefix(params.get("key_prefix") or "")}
            return super().make_channel(params)

    return Writer(s3, interval=_SECONDS)
