"""From stored rows to the shapes DescribeJobs, ListJobs and the events give."""

import json
from collections.abc import Mapping
from typing import Any

from local_cloud.batch.work import OVER

Shape = dict[str, Any]
STATUSES = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")
_JOB_ONLY = ("jobName", "jobQueue", "jobDefinition", "parameters", "dependsOn", "retryStrategy", "timeout")
_EXTRAS = ("platformCapabilities", "propagateTags", "shareIdentifier", "schedulingPriority")
JOB_COLUMNS = "id, created, size, body, status, reason, started, stopped, attempts, ending"


def job_detail(
    arn: str, row: tuple[Any, ...], body: Shape, tags: Mapping[str, str], index: int | None = None
) -> Shape:
    """A ``JobDetail``.

    Args:
        arn: of the job.
        row: id, created, status, reason, started, stopped, attempts (JSON text or list), ending.
        body: what was submitted.
        tags: of the job.
        index: of an array's child.
    """
    job_id, created, status, reason, started, stopped, attempts, ending = row
    attempts = json.loads(attempts) if isinstance(attempts, str) else attempts
    detail: Shape = {
        "jobArn": arn,
        "jobId": job_id,
        "status": status,
        "createdAt": created,
        "attempts": [public_attempt(attempt) for attempt in attempts if "stoppedAt" in attempt],
        "tags": dict(tags),
        **{key: body[key] for key in (*_JOB_ONLY, *_EXTRAS) if body.get(key) is not None},
        "container": container_detail(body["container"], attempts),
        "isCancelled": ending == "cancel",
        "isTerminated": ending == "terminate",
    }
    if reason:
        detail["statusReason"] = reason
    if started is not None:
        detail["startedAt"] = started
    if stopped is not None:
        detail["stoppedAt"] = stopped
    if index is not None:
        detail["arrayProperties"] = {"index": index, "statusSummary": {}}
        detail["dependsOn"] = []
    return detail


def public_attempt(attempt: Shape) -> Shape:
    """An ``AttemptDetail``."""
    return {
        key: attempt[key] for key in ("container", "startedAt", "stoppedAt", "statusReason") if key in attempt
    }


def container_detail(properties: Shape, attempts: list[Shape]) -> Shape:
    """A ``ContainerDetail``: the properties and what the last attempt adds."""
    detail: Shape = {
        "volumes": [],
        "environment": [],
        "mountPoints": [],
        "ulimits": [],
        "networkInterfaces": [],
        "resourceRequirements": [],
        "secrets": [],
        **{key: value for key, value in properties.items() if value is not None},
    }
    if attempts:
        detail |= attempts[-1]["container"]
    return detail


def job_summary(
    arn: str, row: tuple[Any, ...], body: Shape, size: int = 0, index: int | None = None
) -> Shape:
    """A ``JobSummary`` from the row ``job_detail`` takes."""
    job_id, created, status, reason, started, stopped, attempts, _ = row
    summary: Shape = {
        "jobArn": arn,
        "jobId": job_id,
        "jobName": body["jobName"],
        "createdAt": created,
        "status": status,
        "jobDefinition": body["jobDefinition"],
    }
    if reason:
        summary["statusReason"] = reason
    if started is not None:
        summary["startedAt"] = started
    if stopped is not None:
        summary["stoppedAt"] = stopped
    if body.get("shareIdentifier"):
        summary["shareIdentifier"] = body["shareIdentifier"]
    attempts = json.loads(attempts) if isinstance(attempts, str) else attempts
    if attempts and status in OVER:
        container = attempts[-1]["container"]
        summary["container"] = {key: container[key] for key in ("exitCode", "reason") if key in container}
    if index is not None:
        summary["arrayProperties"] = {"index": index}
    elif size:
        summary["arrayProperties"] = {"size": size}
    return summary
