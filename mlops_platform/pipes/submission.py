"""SubmitJob, once. It has no client token: a call whose answer is lost may have made a job all the same."""

import random
import re
import time
from typing import Any

import dagster as dg

from mlops_platform.pipes.adoption import messages_params
from mlops_platform.pipes.array import details
from mlops_platform.pipes.request import tag_text
from mlops_platform.pipes.watcher import Job

LONGEST_THROTTLED_SECONDS = 300.0
LONGEST_PAUSE = 15.0
_THROTTLED = frozenset(
    {"TooManyRequestsException", "ThrottlingException", "Throttling", "RequestLimitExceeded"}
)


def submit(batch: Any, arguments: dict[str, Any], params: dict[str, Any]) -> str:
    """Submit the job and answer with its id; an account's limit of 50 a second is waited for.

    Args:
        params: where the job writes its messages; no other job has the same, so by it this one is known.

    Raises:
        botocore.exceptions.ClientError: AWS Batch refused the job.
        botocore.exceptions.BotoCoreError: AWS Batch did not answer, and there is no such job.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    deadline, pause = time.monotonic() + LONGEST_THROTTLED_SECONDS, 0.5
    while True:
        try:
            answer = batch.submit_job(**arguments)
        except ClientError as error:
            code, status = (
                error.response["Error"]["Code"],
                error.response["ResponseMetadata"]["HTTPStatusCode"],
            )
            if code in _THROTTLED and time.monotonic() < deadline:
                time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not cryptography
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            found = _submitted(batch, arguments, params) if status >= 500 else []
            if not found:
                raise
        except BotoCoreError:
            found = _submitted(batch, arguments, params)
            if not found:
                raise
        else:
            if not answer["ResponseMetadata"].get("RetryAttempts"):
                return str(answer["jobId"])
            found = _submitted(batch, arguments, params) or [{"jobId": answer["jobId"]}]
        for twin in found[1:]:
            batch.terminate_job(
                jobId=twin["jobId"], reason=f"Submitted twice; {found[0]['jobId']} is the first."
            )
        return str(found[0]["jobId"])


def _submitted(batch: Any, arguments: dict[str, Any], params: dict[str, Any]) -> list[Job]:
    """The jobs that this submission made, the eldest first."""
    filters = [{"name": "JOB_NAME", "values": [arguments["jobName"]]}]
    pages = batch.get_paginator("list_jobs").paginate(jobQueue=arguments["jobQueue"], filters=filters)
    ids = [summary["jobId"] for page in pages for summary in page["jobSummaryList"]]
    made = [job for job in details(batch, ids).values() if messages_params(job) == params]
    return sorted(made, key=lambda job: int(job["createdAt"]))


def tags(context: dg.OpExecutionContext | dg.AssetExecutionContext) -> dict[str, str]:
    """Whose the job is: Dagster's run id, job, partition, and the step."""
    info = {**context.run.dagster_execution_info}
    info["dagster/step-key"] = context.get_step_execution_context().step.key
    return {name: tag_text(value) for name, value in info.items()}


def safe(text: str) -> str:
    """Text as part of a key."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)
