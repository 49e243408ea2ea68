"""SubmitJob (https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html)."""

import os
import sqlite3
import threading
import time
import uuid
from typing import Any

from local_cloud.batch import containers, retry
from local_cloud.batch.base import Shape, check_name, invalid, put_tags, refuse
from local_cloud.batch.definitions import JobDefinitions, checked_priority, checked_timeout
from local_cloud.batch.policies import SHARE
from local_cloud.batch.store import dumps, milliseconds
from local_cloud.errors import ServiceError

SMALLEST_ARRAY, LARGEST_ARRAY = 2, 10_000
MOST_DEPENDENCIES = 20
MOST_PAYLOAD, MOST_OVERRIDES = 30 * 1024, 8192
SUBMITS_PER_SECOND = int(os.environ.get("LOCAL_CLOUD_BATCH_SUBMITS_PER_SECOND") or 0)
"""AWS allows an account 50; 0, the default, throttles nobody: set it to see how a client bears it."""


class Throttle:
    """A token bucket: so many calls a second, as many at once."""

    def __init__(self, rate: int) -> None:
        self._rate, self._tokens, self._at = rate, float(rate), time.monotonic()
        self._lock = threading.Lock()

    def take(self) -> None:
        """Raises: ``TooManyRequestsException`` where the rate is exceeded."""
        if not self._rate:
            return
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self._rate, self._tokens + (now - self._at) * self._rate)
            self._at = now
            if self._tokens < 1:
                raise ServiceError("TooManyRequestsException", "Too Many Requests", 429)
            self._tokens -= 1


class Submissions(JobDefinitions):
    """New jobs."""

    throttle: Throttle

    def submit_job(
        self,
        *,
        jobName: str,
        jobQueue: str,
        jobDefinition: str,
        shareIdentifier: str | None = None,
        schedulingPriorityOverride: int | None = None,
        arrayProperties: Shape | None = None,
        dependsOn: list[Shape] | None = None,
        parameters: dict[str, str] | None = None,
        containerOverrides: Shape | None = None,
        nodeOverrides: Shape | None = None,
        retryStrategy: Shape | None = None,
        propagateTags: bool | None = None,
        timeout: Shape | None = None,
        tags: dict[str, str] | None = None,
        eksPropertiesOverride: Shape | None = None,
        ecsPropertiesOverride: Shape | None = None,
        consumableResourcePropertiesOverride: Shape | None = None,
    ) -> Shape:
        """A new job; recorded on disk when this returns.

        Raises:
            ServiceError: ``ClientException``, ``TooManyRequestsException`` where throttling is switched on.
        """
        self.throttle.take()
        check_name("jobName", jobName)
        given = {
            "nodeOverrides": nodeOverrides,
            "eksPropertiesOverride": eksPropertiesOverride,
            "ecsPropertiesOverride": ecsPropertiesOverride,
            "consumableResourcePropertiesOverride": consumableResourcePropertiesOverride,
        }
        refuse("SubmitJob", given, *given)
        _check_sizes(containerOverrides, [parameters, containerOverrides, dependsOn, tags])
        queue = self.queue(jobQueue)
        if queue["state"] != "ENABLED":
            raise invalid(
                f"Job Queue {queue['jobQueueName']} is not in the ENABLED state, cannot submit jobs."
            )
        definition, definition_arn = self.definition(jobDefinition)
        size = _array_size(arrayProperties)
        merged = {**definition["parameters"], **(parameters or {})}
        properties = containers.override(definition["containerProperties"], containerOverrides or {})
        properties["command"] = containers.substitute(properties.get("command") or [], merged)
        containers.check(properties, definition["platformCapabilities"])
        job_id, created = str(uuid.uuid4()), milliseconds()
        body: dict[str, Any] = {
            "jobName": jobName,
            "jobQueue": queue["jobQueueArn"],
            "jobDefinition": definition_arn,
            "parameters": merged,
            "container": properties,
            "dependsOn": self._dependencies(dependsOn or [], size),
            "retryStrategy": retry.checked(retryStrategy) or definition.get("retryStrategy"),
            "timeout": checked_timeout(timeout) or definition.get("timeout"),
            "platformCapabilities": definition["platformCapabilities"],
            "propagateTags": definition.get("propagateTags", False)
            if propagateTags is None
            else propagateTags,
            **self._share(queue, definition, shareIdentifier, schedulingPriorityOverride),
        }

        def insert(db: sqlite3.Connection) -> int:
            cursor = db.execute(
                "INSERT INTO jobs (id, queue, name, definition, created, size, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (job_id, queue["jobQueueName"], jobName, definition_arn, created, size, dumps(body)),
            )
            put_tags(db, self.arn("job", job_id), tags)
            return int(cursor.lastrowid or 0)

        seq = self.store.write(insert)
        self.submitted(job_id, seq, body, size, created)
        return {"jobArn": self.arn("job", job_id), "jobName": jobName, "jobId": job_id}

    def submitted(self, job_id: str, seq: int, body: Shape, size: int, created: int) -> None:
        """Hand a recorded job to the scheduler."""
        raise NotImplementedError

    def _dependencies(self, given: list[Shape], size: int) -> list[Shape]:
        if len(given) > MOST_DEPENDENCIES:
            raise invalid(f"dependsOn can have at most {MOST_DEPENDENCIES} dependencies.")
        for dependency in given:
            kind, job_id = dependency.get("type"), dependency.get("jobId")
            if kind is not None and not size:
                raise invalid(f"dependsOn: a dependency of type {kind} is for array jobs only.")
            if kind == "SEQUENTIAL":
                if job_id is not None:
                    raise invalid("dependsOn: a SEQUENTIAL dependency must not name a job.")
                continue
            if not job_id:
                raise invalid("dependsOn: jobId must be given.")
            parent, _, index = job_id.partition(":")
            row = self.store.one("SELECT size FROM jobs WHERE id = ?", (parent,))
            if row is None or (index and not (index.isdigit() and int(index) < row[0])):
                raise invalid(f"Dependent job {job_id} does not exist.")
            if kind == "N_TO_N" and (index or row[0] != size):
                raise invalid(
                    f"dependsOn: N_TO_N needs an array job of the same size ({size}), which {job_id} is not."
                )
        return given

    def _share(self, queue: Shape, definition: Shape, share: str | None, priority: int | None) -> Shape:
        """``shareIdentifier`` and ``schedulingPriority``, which go with a fair-share queue only."""
        if "schedulingPolicyArn" not in queue:
            if share is not None or priority is not None:
                raise invalid(
                    "shareIdentifier and schedulingPriorityOverride are for job queues with a scheduling policy; "
                    f"{queue['jobQueueName']} has none."
                )
            return {}
        if not share:
            raise invalid(f"shareIdentifier must be given: {queue['jobQueueName']} has a scheduling policy.")
        if not SHARE.fullmatch(share) or share.endswith("*"):
            raise invalid(f"shareIdentifier {share} should match valid pattern: ^[a-zA-Z0-9]{{1,255}}$")
        chosen = checked_priority(priority)
        return {
            "shareIdentifier": share,
            "schedulingPriority": definition.get("schedulingPriority", 0) if chosen is None else chosen,
        }


def _array_size(given: Shape | None) -> int:
    size = (given or {}).get("size")
    if size is None:
        return 0
    if not SMALLEST_ARRAY <= size <= LARGEST_ARRAY:
        raise invalid(f"Array job size must be between {SMALLEST_ARRAY} and {LARGEST_ARRAY}.")
    return int(size)


def _check_sizes(overrides: Shape | None, payload: list[Any]) -> None:
    if overrides and len(dumps(overrides).encode()) > MOST_OVERRIDES:
        raise invalid(f"Container Overrides length must be at most {MOST_OVERRIDES}")
    if len(dumps(payload).encode()) > MOST_PAYLOAD:
        raise invalid(f"SubmitJob payload length must be at most {MOST_PAYLOAD}")
