"""Job queues (https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateJobQueue.html)."""

import sqlite3

from local_cloud.batch.base import Shape, check_name, invalid, page, put, put_tags, refuse
from local_cloud.batch.environments import FARGATE
from local_cloud.batch.policies import SchedulingPolicies

MOST = 50
MOST_ENVIRONMENTS = 3
TIME_LIMIT_REASONS = (
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
)


class JobQueues(SchedulingPolicies):
    """Where jobs wait."""

    def create_job_queue(
        self,
        *,
        jobQueueName: str,
        priority: int,
        computeEnvironmentOrder: list[Shape] | None = None,
        state: str = "ENABLED",
        schedulingPolicyArn: str | None = None,
        jobStateTimeLimitActions: list[Shape] | None = None,
        serviceEnvironmentOrder: list[Shape] | None = None,
        jobQueueType: str | None = None,
        tags: dict[str, str] | None = None,
    ) -> Shape:
        """Raises: ``ClientException``."""
        check_name("jobQueueName", jobQueueName)
        refuse(
            "CreateJobQueue", {"serviceEnvironmentOrder": serviceEnvironmentOrder}, "serviceEnvironmentOrder"
        )
        if jobQueueType not in (None, "ECS", "ECS_FARGATE"):
            raise invalid(f"jobQueueType: the local cloud does not support {jobQueueType}.")
        arn = self.arn("job-queue", jobQueueName)
        body: Shape = {
            "jobQueueName": jobQueueName,
            "jobQueueArn": arn,
            "state": state,
            "status": "VALID",
            "statusReason": "JobQueue Healthy",
            "priority": _priority(priority),
            "computeEnvironmentOrder": self._order(computeEnvironmentOrder or []),
            "jobQueueType": jobQueueType or "ECS",
            "jobStateTimeLimitActions": _actions(jobStateTimeLimitActions or []),
        }
        if schedulingPolicyArn:
            self.policy(schedulingPolicyArn)
            body["schedulingPolicyArn"] = schedulingPolicyArn

        def create(db: sqlite3.Connection) -> None:
            if db.execute("SELECT 1 FROM queues WHERE name = ?", (jobQueueName,)).fetchone():
                raise invalid("Object already exists")
            if db.execute("SELECT count(*) FROM queues").fetchone()[0] >= MOST:
                raise invalid(f"Account limit reached: at most {MOST} job queues.")
            put(db, "queues", jobQueueName, body)
            put_tags(db, arn, tags)

        self.store.write(create)
        self.changed()
        return {"jobQueueName": jobQueueName, "jobQueueArn": arn}

    def update_job_queue(
        self,
        *,
        jobQueue: str,
        state: str | None = None,
        schedulingPolicyArn: str | None = None,
        priority: int | None = None,
        computeEnvironmentOrder: list[Shape] | None = None,
        jobStateTimeLimitActions: list[Shape] | None = None,
    ) -> Shape:
        """A queue's policy can be replaced, never added or removed, as on AWS. Raises: ``ClientException``."""
        body = self.queue(jobQueue)
        if schedulingPolicyArn is not None:
            if "schedulingPolicyArn" not in body:
                raise invalid(
                    "A scheduling policy cannot be added to a job queue that was created without one."
                )
            self.policy(schedulingPolicyArn)
            body["schedulingPolicyArn"] = schedulingPolicyArn
        if state is not None:
            body["state"] = state
        if priority is not None:
            body["priority"] = _priority(priority)
        if computeEnvironmentOrder is not None:
            body["computeEnvironmentOrder"] = self._order(computeEnvironmentOrder)
        if jobStateTimeLimitActions is not None:
            body["jobStateTimeLimitActions"] = _actions(jobStateTimeLimitActions)
        self.store.write(lambda db: put(db, "queues", body["jobQueueName"], body))
        self.changed()
        return {"jobQueueName": body["jobQueueName"], "jobQueueArn": body["jobQueueArn"]}

    def delete_job_queue(self, *, jobQueue: str) -> Shape:
        """Only a disabled queue can be deleted; its jobs are terminated. Raises: ``ClientException``."""
        body = self.queue(jobQueue)
        name, arn = body["jobQueueName"], body["jobQueueArn"]
        if body["state"] != "DISABLED":
            raise invalid("Cannot delete, resource must be in DISABLED state")
        live = self.store.read(
            "SELECT id FROM jobs WHERE queue = ? AND status NOT IN ('SUCCEEDED', 'FAILED')", (name,)
        )
        for (job,) in live:
            self.end_job(job, "terminate", "Job Queue deleted")

        def delete(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM queues WHERE name = ?", (name,))
            db.execute("DELETE FROM tags WHERE arn = ?", (arn,))

        self.store.write(delete)
        self.changed()
        return {}

    def describe_job_queues(
        self,
        *,
        jobQueues: list[str] | None = None,
        maxResults: int | None = None,
        nextToken: str | None = None,
    ) -> Shape:
        """The named queues, or a page of all."""
        names = [self.name_of("job-queue", text) for text in jobQueues or []]
        found, token = self.bodies("queues", names, nextToken, maxResults)
        for body in found:
            body["tags"] = self.tags_of(body["jobQueueArn"])
        return page("jobQueues", found, token)

    def queue(self, name: str) -> Shape:
        """The queue of that name or ARN.

        Raises:
            ServiceError: ``ClientException``.
        """
        body = self.body("queues", self.name_of("job-queue", name))
        if body is None:
            raise invalid(f"JobQueue {name} not found.")
        return body

    def end_job(self, job_id: str, how: str, reason: str) -> None:
        """Cancel or terminate a job; see ``jobs.py``."""
        raise NotImplementedError

    def _order(self, given: list[Shape]) -> list[Shape]:
        if not given:
            raise invalid("computeEnvironmentOrder must name at least one compute environment.")
        if len(given) > MOST_ENVIRONMENTS:
            raise invalid(f"A job queue can have at most {MOST_ENVIRONMENTS} compute environments.")
        order, kinds = [], set()
        for entry in sorted(given, key=lambda entry: int(entry["order"])):
            body = self.environment(entry["computeEnvironment"])
            order.append({"order": entry["order"], "computeEnvironment": body["computeEnvironmentArn"]})
            kinds.add((body.get("computeResources") or {}).get("type") in FARGATE)
        if len({entry["order"] for entry in order}) < len(order):
            raise invalid("computeEnvironmentOrder: each order can be given only once.")
        if len(kinds) > 1:
            raise invalid("A job queue cannot mix Fargate and EC2 compute environments.")
        return order


def _priority(priority: int) -> int:
    if not 0 <= priority <= 1000:
        raise invalid("priority must be an integer between 0 and 1000.")
    return priority


def _actions(given: list[Shape]) -> list[Shape]:
    for action in given:
        if action["action"] != "CANCEL":
            raise invalid("jobStateTimeLimitActions: the only action for ECS and Fargate queues is CANCEL.")
        if not 600 <= action["maxTimeSeconds"] <= 86400:
            raise invalid("jobStateTimeLimitActions: maxTimeSeconds must be between 600 and 86400.")
        if action["reason"] not in TIME_LIMIT_REASONS:
            raise invalid(
                f"jobStateTimeLimitActions: reason must be one of {', '.join(TIME_LIMIT_REASONS)}, "
                f"not {action['reason']}."
            )
    return given
