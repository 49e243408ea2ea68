"""A run worker in a process of its own: ``python -m mlops_platform_tests.pipes.worker FOLDER [crash]``.

What it runs is named by the environment, so that a test can run it again from its failure.
"""

import os
import sys
from functools import cache
from typing import Any

import boto3
import dagster as dg

from mlops_platform.pipes import PipesBatchClient, adoption
from mlops_platform_tests.pipes.conftest import BUCKET, NO_TELEMETRY, QUEUE


@cache
def _client(service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=os.environ["PIPES_ENDPOINT"],
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@dg.asset
def made(context: dg.AssetExecutionContext) -> Any:
    """Runs the job that the environment names."""
    client = PipesBatchClient(bucket=BUCKET, prefix=os.environ["PIPES_PREFIX"], clients=_client)
    return client.run(
        context=context,
        job_definition=os.environ["PIPES_DEFINITION"],
        job_queue=QUEUE,
        extras={"epochs": 3},
    ).get_materialize_result()


def job() -> dg.JobDefinition:
    """The asset's job; its step runs in the worker's own process, so that both die together."""
    asset_job = dg.define_asset_job("job", ["made"], executor_def=dg.in_process_executor)
    return dg.Definitions(assets=[made], jobs=[asset_job]).resolve_job_def("job")


def main() -> None:
    """Runs the job. ``crash``: dies when SubmitJob has answered and nothing is written down yet."""
    if "crash" in sys.argv[2:]:
        adoption.record_launch = lambda *_: os._exit(9)
    with dg.DagsterInstance.local_temp(sys.argv[1], NO_TELEMETRY) as instance:
        dg.execute_job(dg.reconstructable(job), instance=instance)


if __name__ == "__main__":
    main()
