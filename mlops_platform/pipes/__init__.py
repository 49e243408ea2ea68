"""Dagster Pipes for AWS Batch: single jobs and array jobs. Needs Dagster, dagster-pipes and boto3, nothing else.

See docs/pipes.md. The job's side is the package ``platform_pipes`` (mlops_platform/payloads/pipes).
"""

from mlops_platform.pipes.client import PipesBatchClient
from mlops_platform.pipes.errors import BatchJobError
from mlops_platform.pipes.orphans import build_batch_orphan_sensor

__all__ = ["BatchJobError", "PipesBatchClient", "build_batch_orphan_sensor"]
