"""Tags (https://docs.aws.amazon.com/batch/latest/APIReference/API_TagResource.html)."""

import re
import sqlite3

from local_cloud.batch.base import Shape, invalid, put_tags
from local_cloud.batch.queues import JobQueues

_ARN = re.compile(
    r"arn:aws:batch:[^:]+:\d{12}:(compute-environment|job-queue|job-definition|job|scheduling-policy)/(.+)"
)
_TABLES = {"compute-environment": "environments", "job-queue": "queues", "scheduling-policy": "policies"}


class Tags(JobQueues):
    """Tags of environments, queues, policies, job definitions and jobs."""

    def tag_resource(self, *, resourceArn: str, tags: dict[str, str]) -> Shape:
        """Raises: ``ClientException``."""
        self._check(resourceArn)
        self.store.write(lambda db: put_tags(db, resourceArn, tags))
        return {}

    def untag_resource(self, *, resourceArn: str, tagKeys: list[str]) -> Shape:
        """Raises: ``ClientException``."""
        self._check(resourceArn)

        def remove(db: sqlite3.Connection) -> None:
            for key in tagKeys:
                db.execute("DELETE FROM tags WHERE arn = ? AND name = ?", (resourceArn, key))

        self.store.write(remove)
        return {}

    def list_tags_for_resource(self, *, resourceArn: str) -> Shape:
        """Raises: ``ClientException``."""
        self._check(resourceArn)
        return {"tags": self.tags_of(resourceArn)}

    def _check(self, arn: str) -> None:
        found = _ARN.fullmatch(arn)
        if not found:
            raise invalid(f"{arn} is not the ARN of a Batch resource.")
        kind, name = found.groups()
        if kind in _TABLES:
            exists = self.body(_TABLES[kind], name) is not None
        elif kind == "job":
            exists = self.store.one("SELECT 1 FROM jobs WHERE id = ?", (name.partition(":")[0],)) is not None
        else:
            base, _, revision = name.rpartition(":")
            sql = "SELECT 1 FROM definitions WHERE name = ? AND revision = ?"
            exists = revision.isdigit() and self.store.one(sql, (base, int(revision))) is not None
        if not exists:
            raise invalid(f"Resource {arn} does not exist.")
