"""The job's side of ``PipesBatchClient``: what a job on AWS Batch tells Dagster, and what it is told.

.. code-block:: python

    from platform_pipes import array_index, open_batch_pipes, report_metrics

    with open_batch_pipes() as pipes:
        for step in range(pipes.extras["steps"]):
            report_metrics(step=step, loss=train(step))
        pipes.report_asset_materialization(metadata={"rows": 1000})

Copy this folder into the job's image, or put it on its PYTHONPATH; it needs ``dagster-pipes`` and ``boto3``, nothing
of Dagster. Run by hand, outside Dagster, the same program works and its reports go nowhere.
"""

from .array import array_index, array_key
from .session import open_batch_pipes, report_metrics
from .writer import BatchMessageWriter

__all__ = ["BatchMessageWriter", "array_index", "array_key", "open_batch_pipes", "report_metrics"]
