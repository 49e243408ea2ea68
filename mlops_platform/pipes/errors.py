"""What ``PipesBatchClient.run`` raises."""

from typing import Any

import dagster as dg


class BatchJobError(dg.Failure):
    """A job that did not succeed. The text says why, as far as Batch and the job's log do.

    Attributes:
        job: the ``JobDetail`` of DescribeJobs as it was at the end.
    """

    def __init__(self, description: str, job: dict[str, Any], metadata: dict[str, Any] | None = None) -> None:
        super().__init__(description, metadata=metadata)
        self.job = job


class BatchUnreachableError(Exception):
    """AWS Batch has not answered for so long that the job is no longer watched. The job itself may go on."""


class JobGoneError(Exception):
    """AWS Batch no longer knows the job."""
