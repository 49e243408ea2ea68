"""Compute environments (https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateComputeEnvironment.html)."""

import sqlite3
import uuid
from typing import Any

from local_cloud.batch.base import EngineBase, Shape, check_name, invalid, page, put, put_tags, refuse

FARGATE = ("FARGATE", "FARGATE_SPOT")
MOST = 50


class ComputeEnvironments(EngineBase):
    """Where jobs run. All of them are this machine; their limits are their own."""

    def create_compute_environment(
        self,
        *,
        computeEnvironmentName: str,
        type: str,
        state: str = "ENABLED",
        unmanagedvCpus: int | None = None,
        computeResources: Shape | None = None,
        serviceRole: str | None = None,
        tags: dict[str, str] | None = None,
        eksConfiguration: Shape | None = None,
        context: str | None = None,
        ecsSettings: Shape | None = None,
    ) -> Shape:
        """Raises: ``ClientException``."""
        name = computeEnvironmentName
        check_name("computeEnvironmentName", name)
        refuse("CreateComputeEnvironment", {"eksConfiguration": eksConfiguration}, "eksConfiguration")
        arn = self.arn("compute-environment", name)
        body: Shape = {
            "computeEnvironmentName": name,
            "computeEnvironmentArn": arn,
            "ecsClusterArn": f"arn:aws:ecs:{self.cloud.region}:{self.cloud.account_id}:cluster/{name}_Batch",
            "type": type,
            "state": state,
            "status": "VALID",
            "statusReason": "ComputeEnvironment Healthy",
            "serviceRole": serviceRole
            or f"arn:aws:iam::{self.cloud.account_id}:role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch",
            "containerOrchestrationType": "ECS",
            "uuid": str(uuid.uuid4()),
            **({"context": context} if context else {}),
            **({"ecsSettings": ecsSettings} if ecsSettings else {}),
        }
        if type == "MANAGED":
            if computeResources is None:
                raise invalid("computeResources must be provided for a MANAGED compute environment.")
            if unmanagedvCpus is not None:
                raise invalid("unmanagedvCpus is only for UNMANAGED compute environments.")
            body["computeResources"] = _resources(computeResources)
        elif computeResources is not None:
            raise invalid("computeResources must not be provided for an UNMANAGED compute environment.")
        elif unmanagedvCpus is not None:
            body["unmanagedvCpus"] = unmanagedvCpus

        def create(db: sqlite3.Connection) -> None:
            if db.execute("SELECT 1 FROM environments WHERE name = ?", (name,)).fetchone():
                raise invalid("Object already exists")
            if db.execute("SELECT count(*) FROM environments").fetchone()[0] >= MOST:
                raise invalid(f"Account limit reached: at most {MOST} compute environments.")
            put(db, "environments", name, body)
            put_tags(db, arn, tags)

        self.store.write(create)
        self.changed()
        return {"computeEnvironmentName": name, "computeEnvironmentArn": arn}

    def update_compute_environment(
        self,
        *,
        computeEnvironment: str,
        state: str | None = None,
        unmanagedvCpus: int | None = None,
        computeResources: Shape | None = None,
        serviceRole: str | None = None,
        updatePolicy: Shape | None = None,
        context: str | None = None,
    ) -> Shape:
        """Raises: ``ClientException``."""
        body = self.environment(computeEnvironment)
        given = {
            "state": state,
            "unmanagedvCpus": unmanagedvCpus,
            "serviceRole": serviceRole,
            "updatePolicy": updatePolicy,
            "context": context,
        }
        body |= {key: value for key, value in given.items() if value is not None}
        if computeResources:
            if body["type"] != "MANAGED":
                raise invalid("computeResources must not be provided for an UNMANAGED compute environment.")
            body["computeResources"] = _resources(body["computeResources"] | computeResources)
        name = body["computeEnvironmentName"]
        self.store.write(lambda db: put(db, "environments", name, body))
        self.changed()
        return {"computeEnvironmentName": name, "computeEnvironmentArn": body["computeEnvironmentArn"]}

    def delete_compute_environment(self, *, computeEnvironment: str) -> Shape:
        """Only a disabled environment that no queue uses can be deleted. Raises: ``ClientException``."""
        body = self.environment(computeEnvironment)
        name, arn = body["computeEnvironmentName"], body["computeEnvironmentArn"]
        if body["state"] != "DISABLED":
            raise invalid("Cannot delete, resource must be in DISABLED state")

        def delete(db: sqlite3.Connection) -> None:
            if db.execute("SELECT 1 FROM queues WHERE instr(body, ?)", (f'"{arn}"',)).fetchone():
                raise invalid("Cannot delete, found existing JobQueue relationship")
            db.execute("DELETE FROM environments WHERE name = ?", (name,))
            db.execute("DELETE FROM tags WHERE arn = ?", (arn,))

        self.store.write(delete)
        self.changed()
        return {}

    def describe_compute_environments(
        self,
        *,
        computeEnvironments: list[str] | None = None,
        maxResults: int | None = None,
        nextToken: str | None = None,
    ) -> Shape:
        """The named environments, or a page of all."""
        names = [self.name_of("compute-environment", text) for text in computeEnvironments or []]
        found, token = self.bodies("environments", names, nextToken, maxResults)
        for body in found:
            body["tags"] = self.tags_of(body["computeEnvironmentArn"])
        return page("computeEnvironments", found, token)

    def environment(self, name: str) -> Shape:
        """The environment of that name or ARN.

        Raises:
            ServiceError: ``ClientException``.
        """
        body = self.body("environments", self.name_of("compute-environment", name))
        if body is None:
            raise invalid(f"{name} does not exist")
        return body


def _resources(given: Shape) -> Shape:
    kind = given["type"]
    resources: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if kind == "ECS_MANAGED_INSTANCES":
        raise invalid("computeResources.type: the local cloud does not support ECS_MANAGED_INSTANCES.")
    if kind in FARGATE:
        for member in ("minvCpus", "desiredvCpus", "instanceTypes", "instanceRole", "bidPercentage"):
            if resources.get(member):
                raise invalid(f"{member} is not applicable for Fargate compute environments.")
    else:
        resources.setdefault("minvCpus", 0)
        resources.setdefault("desiredvCpus", resources["minvCpus"])
        if not resources.get("instanceTypes"):
            raise invalid("computeResources.instanceTypes must be provided for EC2 compute environments.")
        if resources["minvCpus"] > resources["maxvCpus"]:
            raise invalid("minvCpus must be less than or equal to maxvCpus.")
    if resources["maxvCpus"] < 1:
        raise invalid("maxvCpus must be greater than or equal to 1.")
    return resources
