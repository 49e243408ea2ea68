"""Job definitions (https://docs.aws.amazon.com/batch/latest/APIReference/API_RegisterJobDefinition.html)."""

import json
import sqlite3
from typing import Any

from local_cloud.batch import containers, retry
from local_cloud.batch.base import Shape, check_name, invalid, page, page_size, put_tags, refuse
from local_cloud.batch.store import decode_token, dumps, encode_token
from local_cloud.batch.tags import Tags

MOST_BYTES = 24 * 1024
SHORTEST_TIMEOUT = 60


class JobDefinitions(Tags):
    """What jobs are made from."""

    def register_job_definition(
        self,
        *,
        jobDefinitionName: str,
        type: str,
        parameters: dict[str, str] | None = None,
        schedulingPriority: int | None = None,
        containerProperties: Shape | None = None,
        nodeProperties: Shape | None = None,
        retryStrategy: Shape | None = None,
        propagateTags: bool | None = None,
        timeout: Shape | None = None,
        tags: dict[str, str] | None = None,
        platformCapabilities: list[str] | None = None,
        eksProperties: Shape | None = None,
        ecsProperties: Shape | None = None,
        consumableResourceProperties: Shape | None = None,
    ) -> Shape:
        """A new revision. Raises: ``ClientException``."""
        check_name("jobDefinitionName", jobDefinitionName)
        what = "RegisterJobDefinition"
        refuse(what, {"nodeProperties": nodeProperties or type == "multinode"}, "nodeProperties")
        refuse(
            what,
            {"eksProperties": eksProperties, "ecsProperties": ecsProperties},
            "eksProperties",
            "ecsProperties",
        )
        refuse(
            what,
            {"consumableResourceProperties": consumableResourceProperties},
            "consumableResourceProperties",
        )
        if containerProperties is None:
            raise invalid("containerProperties must be provided for a job definition of type container.")
        platforms = platformCapabilities or ["EC2"]
        containers.check(containerProperties, platforms)
        body: dict[str, Any] = {
            "jobDefinitionName": jobDefinitionName,
            "type": type,
            "parameters": parameters or {},
            "containerProperties": containerProperties,
            "retryStrategy": retry.checked(retryStrategy),
            "timeout": checked_timeout(timeout),
            "schedulingPriority": checked_priority(schedulingPriority),
            "propagateTags": propagateTags,
            "platformCapabilities": platforms,
            "containerOrchestrationType": "ECS",
        }
        body = {key: value for key, value in body.items() if value is not None}
        if len(dumps(body).encode()) > MOST_BYTES:
            raise invalid("Job Definition length must be at most 24576")

        def register(db: sqlite3.Connection) -> int:
            sql = "SELECT coalesce(max(revision), 0) + 1 FROM definitions WHERE name = ?"
            revision = int(db.execute(sql, (jobDefinitionName,)).fetchone()[0])
            db.execute(
                "INSERT INTO definitions VALUES (?, ?, 'ACTIVE', ?)",
                (jobDefinitionName, revision, dumps(body)),
            )
            put_tags(db, self._arn(jobDefinitionName, revision), tags)
            return revision

        revision = self.store.write(register)
        return {
            "jobDefinitionName": jobDefinitionName,
            "jobDefinitionArn": self._arn(jobDefinitionName, revision),
            "revision": revision,
        }

    def deregister_job_definition(self, *, jobDefinition: str) -> Shape:
        """Make a revision (``name:revision`` or its ARN) inactive. Raises: ``ClientException``."""
        name, revision = self._parts(jobDefinition)
        if revision is None:
            raise invalid("jobDefinition must name a revision: name:revision or its ARN.")
        sql = "UPDATE definitions SET status = 'INACTIVE' WHERE name = ? AND revision = ?"
        changed = self.store.write(lambda db: db.execute(sql, (name, revision)).rowcount)
        if not changed:
            raise invalid(f"JobDefinition {jobDefinition} does not exist.")
        return {}

    def describe_job_definitions(
        self,
        *,
        jobDefinitions: list[str] | None = None,
        jobDefinitionName: str | None = None,
        status: str | None = None,
        maxResults: int | None = None,
        nextToken: str | None = None,
    ) -> Shape:
        """The named revisions, or a page of those of a name or a status, the newest revision of a name first."""
        conditions, values = ["1"], []
        if jobDefinitions:
            if len(jobDefinitions) > 100:
                raise invalid("jobDefinitions can have at most 100 entries.")
            either = []
            for text in jobDefinitions:
                name, revision = self._parts(text)
                either.append("(name = ? AND (? IS NULL OR revision = ?))")
                values += [name, revision, revision]
            conditions.append(f"({' OR '.join(either)})")
        if jobDefinitionName:
            conditions.append("name = ?")
            values.append(self.name_of("job-definition", jobDefinitionName))
        if status:
            conditions.append("status = ?")
            values.append(status)
        position = decode_token(nextToken, 2)
        if position:
            conditions.append("(name > ? OR (name = ? AND revision < ?))")
            values += [position[0], position[0], position[1]]
        size = page_size(maxResults)
        rows = self.store.read(
            "SELECT name, revision, status, body FROM definitions WHERE "  # noqa: S608 - our own words
            f"{' AND '.join(conditions)} ORDER BY name, revision DESC LIMIT ?",
            [*values, size + 1],
        )
        token = encode_token(rows[size - 1][0], rows[size - 1][1]) if len(rows) > size else None
        found = [
            json.loads(body)
            | {
                "revision": revision,
                "status": state,
                "jobDefinitionArn": self._arn(name, revision),
                "tags": self.tags_of(self._arn(name, revision)),
            }
            for name, revision, state, body in rows[:size]
        ]
        return page("jobDefinitions", found, token)

    def definition(self, text: str) -> tuple[Shape, str]:
        """An active definition and its revision's ARN, by name (the newest active), ``name:revision`` or ARN.

        Raises:
            ServiceError: ``ClientException``.
        """
        name, revision = self._parts(text)
        row = self.store.one(
            "SELECT revision, body FROM definitions WHERE name = ? AND status = 'ACTIVE' "
            "AND (? IS NULL OR revision = ?) ORDER BY revision DESC LIMIT 1",
            (name, revision, revision),
        )
        if row is None:
            if text.startswith("arn:"):
                raise invalid(f"JobDefinition {text} not found.")
            raise invalid(f"JobDefinition name {text} does not exist or is not in ACTIVE status.")
        return json.loads(row[1]), self._arn(name, row[0])

    def _arn(self, name: str, revision: int) -> str:
        return self.arn("job-definition", f"{name}:{revision}")

    def _parts(self, text: str) -> tuple[str, int | None]:
        name, _, revision = self.name_of("job-definition", text).partition(":")
        if revision and not revision.isdigit():
            raise invalid(f"JobDefinition {text}: the revision must be a number.")
        return name, int(revision) if revision else None


def checked_timeout(timeout: Shape | None) -> Shape | None:
    """A ``timeout`` Batch accepts: at least 60 seconds.

    Raises:
        ServiceError: ``ClientException``.
    """
    seconds = (timeout or {}).get("attemptDurationSeconds")
    if seconds is None:
        return None
    if seconds < SHORTEST_TIMEOUT:
        raise invalid(f"attemptDurationSeconds must be at least {SHORTEST_TIMEOUT} seconds.")
    return {"attemptDurationSeconds": seconds}


def checked_priority(priority: int | None) -> int | None:
    """A ``schedulingPriority`` Batch accepts.

    Raises:
        ServiceError: ``ClientException``.
    """
    if priority is not None and not 0 <= priority <= 9999:
        raise invalid("schedulingPriority must be between 0 and 9999.")
    return priority
