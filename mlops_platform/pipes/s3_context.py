"""The step's context for the job, as an object in S3: overrides hold 8 KB, a context may be larger."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
from dagster_pipes import PipesContextData, PipesParams


class S3ContextInjector(dg.PipesContextInjector):
    """Writes the context to ``s3://<bucket>/<base>/context.json``.

    Args:
        s3: a client of S3.
        adopted: the job runs already and has read its context; it stays as it is.
    """

    def __init__(self, s3: Any, bucket: str, base: str, *, adopted: bool) -> None:
        self._s3, self._bucket, self._key, self._adopted = s3, bucket, f"{base}/context.json", adopted

    @contextmanager
    def inject_context(self, context_data: PipesContextData) -> Iterator[PipesParams]:
        """Write it; yields where, as ``dagster_pipes.PipesS3ContextLoader`` wants to be told."""
        if not self._adopted:
            self._s3.put_object(
                Bucket=self._bucket,
                Key=self._key,
                Body=json.dumps(context_data).encode(),
                ContentType="application/json",
            )
        yield {"bucket": self._bucket, "key": self._key}

    def no_messages_debug_text(self) -> str:
        """Where the context was put."""
        return (
            f"The context is s3://{self._bucket}/{self._key}. The job must open Pipes with platform_pipes."
            "open_batch_pipes(), or with PipesS3ContextLoader and PipesS3MessageWriter of dagster_pipes, and its "
            "role must be allowed to read and write there."
        )
