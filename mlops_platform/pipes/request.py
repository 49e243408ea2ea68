"""What is asked of SubmitJob (https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html)."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SMALLEST_ARRAY, LARGEST_ARRAY = 2, 10_000
RUN_TAG, REQUEST_TAG = "dagster/run-id", "dagster/pipes-request"
NAME_PREFIX = "dagster-"
_OWN_MEMBERS = frozenset(
    {"jobName", "jobQueue", "jobDefinition", "arrayProperties", "containerOverrides", "parameters", "tags"}
)
_NO_ENVIRONMENT = ("nodeOverrides", "eksPropertiesOverride", "ecsPropertiesOverride")


@dataclass(frozen=True)
class JobRequest:
    """A job as the caller describes it, before it has a name and an environment.

    Attributes:
        size: of the work: how many children; None where the job is no array, 1 for an array of one (a plain job).
        overrides: ``containerOverrides``, ``environment`` a list of names and values.
        members: SubmitJob's other members.
        digest: equal exactly when the same work is asked for.
    """

    queue: str
    definition: str
    size: int | None
    overrides: Mapping[str, Any]
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    members: Mapping[str, Any]
    digest: str

    def submission(
        self, name: str, environment: Mapping[str, str], tags: Mapping[str, str], size: int | None
    ) -> dict[str, Any]:
        """SubmitJob's arguments for all of the work, or for the ``size`` children that are left of it."""
        own = {v["name"]: v["value"] for v in self.overrides.get("environment", ())} | dict(environment)
        listed = [{"name": key, "value": value} for key, value in own.items()]
        answer = {
            **self.members,
            "jobName": name,
            "jobQueue": self.queue,
            "jobDefinition": self.definition,
            "parameters": dict(self.parameters),
            "containerOverrides": {**self.overrides, "environment": listed},
            "tags": {**tags, **self.tags, REQUEST_TAG: self.digest},
        }
        if size is not None and size >= SMALLEST_ARRAY:
            answer["arrayProperties"] = {"size": size}
        if size != self.size:
            answer.pop("dependsOn", None)  # met when the array first ran; N_TO_N would not fit the size
        return answer


def job_request(
    *,
    job_definition: str,
    job_queue: str,
    command: Sequence[str] | None,
    parameters: Mapping[str, str] | None,
    environment: Mapping[str, str] | None,
    container_overrides: Mapping[str, Any] | None,
    array_size: int | None,
    array_keys: Sequence[str] | None,
    extras: Mapping[str, Any],
    tags: Mapping[str, str] | None,
    submit_job: Mapping[str, Any] | None,
) -> JobRequest:
    """The request of one call of ``PipesBatchClient.run``; the caller's mappings are not changed.

    Raises:
        ValueError: the arguments contradict each other, or name what Batch has but this client has not.
    """
    members = dict(submit_job or {})
    for member in _NO_ENVIRONMENT:
        if member in members:
            raise ValueError(
                f"submit_job: {member} is not supported: the job could not be told where Dagster is."
            )
    if taken := sorted(_OWN_MEMBERS & members.keys()):
        raise ValueError(f"submit_job: {', '.join(taken)} have parameters of their own. Use those.")
    overrides = dict(container_overrides or {})
    if command is not None:
        if "command" in overrides:
            raise ValueError("Give the command once: as command or in container_overrides.")
        overrides["command"] = list(command)
    variables = {v["name"]: v["value"] for v in overrides.get("environment", ())} | dict(environment or {})
    overrides["environment"] = [{"name": name, "value": value} for name, value in variables.items()]
    size = _size(array_size, array_keys)
    asked = [job_queue, job_definition, size, overrides, dict(parameters or {}), members, dict(extras)]
    text = json.dumps(asked, sort_keys=True, default=str)
    return JobRequest(
        queue=job_queue,
        definition=job_definition,
        size=size,
        overrides=overrides,
        parameters=dict(parameters or {}),
        tags=dict(tags or {}),
        members=members,
        digest=hashlib.sha256(text.encode()).hexdigest()[:32],
    )


def _size(array_size: int | None, array_keys: Sequence[str] | None) -> int | None:
    if array_keys is not None:
        if array_size not in (None, len(array_keys)):
            raise ValueError(f"array_size is {array_size}, but there are {len(array_keys)} array_keys.")
        array_size = len(array_keys)
    if array_size is not None and not 1 <= array_size <= LARGEST_ARRAY:
        raise ValueError(
            f"AWS Batch arrays have 2 to {LARGEST_ARRAY} children (one is run as a plain job), not {array_size}."
        )
    return array_size


def job_name(label: str, run_id: str, step_key: str, call: str) -> str:
    """The name by which a job is found again if its id was not written down: one per call in a step of a run."""
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", label).strip("-")[:80] or "step"
    token = hashlib.sha256(f"{run_id}\n{step_key}\n{call}".encode()).hexdigest()[:20]
    return f"{NAME_PREFIX}{slug}-{token}"


def tag_text(text: str) -> str:
    """Text as a tag's value may be (https://docs.aws.amazon.com/batch/latest/userguide/using-tags.html)."""
    return re.sub(r"[^\w\s+\-=.:/@]", "_", text)[:256]
