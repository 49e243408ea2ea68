"""Which part of an array job's work is this process's.

``PipesBatchClient`` retries only the failed children of an array, by a smaller array job (or, when one child is
left, a plain job). There AWS_BATCH_JOB_ARRAY_INDEX counts the retried children; ``array_index`` is the index that
the child had in the array as it was first submitted.
"""

import json
import os
from functools import lru_cache
from typing import Any

from dagster_pipes import DAGSTER_PIPES_MESSAGES_ENV_VAR, PipesContext, decode_param

from . import objects


def array_index() -> int:
    """This child's index in the array as first submitted, from 0; 0 in a job that is no array."""
    position = int(os.environ.get("AWS_BATCH_JOB_ARRAY_INDEX", "0"))
    indices = _indices(os.environ.get(DAGSTER_PIPES_MESSAGES_ENV_VAR, ""))
    return indices[position] if indices else position


def array_key() -> str:
    """What this child works on: its entry of the ``array_keys`` given to ``PipesBatchClient.run``.

    Raises:
        dagster_pipes.DagsterPipesError: the launcher gave no ``array_keys``.
    """
    keys: list[str] = PipesContext.get().get_extra("array_keys")
    return keys[array_index()]


def attempt_number() -> int:
    """Which attempt of the job this is, from 1."""
    return int(os.environ.get("AWS_BATCH_JOB_ATTEMPT", "1"))


@lru_cache(maxsize=1)
def _indices(encoded: str) -> tuple[int, ...]:
    params: dict[str, Any] = decode_param(encoded) if encoded else {}
    if "indices_key" in params:
        answer = objects.client().get_object(Bucket=params["bucket"], Key=params["indices_key"])
        return tuple(json.loads(answer["Body"].read()))
    return tuple(params.get("indices", ()))
