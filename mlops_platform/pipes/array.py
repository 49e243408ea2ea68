"""An array job's children: how they are, and which are to run again."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_platform.pipes.watcher import MOST_DESCRIBED

MOST_INLINE = 200  # indices told in the environment, of which overrides hold 8 KB; more go through S3


@dataclass(frozen=True)
class Child:
    """A child that has ended.

    Attributes:
        index: in the array as first submitted.
        job_id: ``<array>:<position>``, or a plain job's id.
    """

    index: int
    job_id: str
    status: str
    summary: dict[str, Any]

    @property
    def exit_code(self) -> int | None:
        """Of its last attempt; None where it never started or was killed from outside."""
        code = (self.summary.get("container") or {}).get("exitCode")
        return None if code is None else int(code)

    @property
    def reason(self) -> str:
        """Why it ended so, in Batch's words."""
        reasons = [(self.summary.get("container") or {}).get("reason"), self.summary.get("statusReason")]
        return "; ".join(dict.fromkeys(reason for reason in reasons if reason))


def children(batch: Any, array_id: str, status: str, indices: Sequence[int]) -> Iterator[Child]:
    """The children in that state, in order; ``indices`` maps positions to first indices where not empty."""
    pages = batch.get_paginator("list_jobs").paginate(arrayJobId=array_id, jobStatus=status)
    for page in pages:
        for summary in page["jobSummaryList"]:
            position = int(summary["arrayProperties"]["index"])
            index = indices[position] if indices else position
            yield Child(index, f"{array_id}:{position}", summary["status"], summary)


def details(batch: Any, job_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """``JobDetail`` by id, of those that Batch knows."""
    found: dict[str, dict[str, Any]] = {}
    for first in range(0, len(job_ids), MOST_DESCRIBED):
        answer = batch.describe_jobs(jobs=list(job_ids[first : first + MOST_DESCRIBED]))
        found |= {job["jobId"]: job for job in answer["jobs"]}
    return found


def indices_params(
    s3: Any, bucket: str, base: str, round_number: int, indices: Sequence[int]
) -> dict[str, Any]:
    """How a retried child is told its first index (``platform_pipes.array_index``)."""
    if not indices:
        return {}
    if len(indices) <= MOST_INLINE:
        return {"indices": list(indices)}
    key = f"{base}/indices/round={round_number:02d}.json"
    s3.put_object(
        Bucket=bucket, Key=key, Body=json.dumps(list(indices)).encode(), ContentType="application/json"
    )
    return {"indices_key": key}


def read_indices(s3: Any, params: dict[str, Any]) -> tuple[int, ...]:
    """What ``indices_params`` said; empty in a first round."""
    if "indices_key" in params:
        answer = s3.get_object(Bucket=params["bucket"], Key=params["indices_key"])
        return tuple(json.loads(answer["Body"].read()))
    return tuple(params.get("indices", ()))
