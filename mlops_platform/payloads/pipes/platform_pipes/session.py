"""Opening Pipes in a Batch job, and the numbers that are plotted while it runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster_pipes import PipesContext, PipesEnvVarParamsLoader, PipesS3ContextLoader, open_dagster_pipes

from . import objects
from .writer import BatchMessageWriter


@contextmanager
def open_batch_pipes() -> Iterator[PipesContext]:
    """Pipes for the length of a with-block, as the launcher asks: through S3 or through the job's log.

    Not launched by Dagster, the context is ``dagster_pipes``'s stand-in: everything can be called, nothing happens.

    Yields:
        the ``PipesContext``: ``extras``, ``log``, ``report_asset_materialization`` and so on.
    """
    params: Any = PipesEnvVarParamsLoader()  # type: ignore[no-untyped-call]
    launched = params.is_dagster_pipes_process()
    context_in_s3 = launched and "bucket" in params.load_context_params()
    messages_in_s3 = launched and "bucket" in params.load_messages_params()
    with open_dagster_pipes(
        context_loader=PipesS3ContextLoader(objects.client()) if context_in_s3 else None,
        message_writer=BatchMessageWriter(objects.client()) if messages_in_s3 else None,
        params_loader=params,
    ) as pipes:
        yield pipes


def report_metrics(**numbers: Any) -> None:
    """Numbers to plot while the job runs, e.g. ``report_metrics(step=100, loss=0.31)``.

    Each call becomes an observation of the asset, seconds later; call it every few seconds, not for every step of
    a fast loop. A value is a number or what ``float()`` takes, such as a tensor of one element. Without Pipes
    (outside Dagster, before it is opened or after it is closed) nothing happens.
    """
    if PipesContext.is_initialized() and PipesContext.get().is_closed is not True:
        metrics = {name: value if isinstance(value, int) else float(value) for name, value in numbers.items()}
        PipesContext.get().report_custom_message({"metrics": metrics})
