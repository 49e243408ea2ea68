"""Writes that did not succeed are taken back: what a statement is about to write is noted first, in the state.

A statement that fails or is stopped takes its own writes back before it is settled. One cut off by ``kill -9`` is taken
back when the local cloud starts again, before any query runs. So a reader finds the table as it was or as it will be.
"""

from typing import Any

from local_cloud.athena.executor import Job
from local_cloud.athena.scans import split_uri
from local_cloud.athena.state import State
from local_cloud.cloud import Cloud
from local_cloud.errors import ServiceError

Shape = dict[str, Any]
KIND = "undo"


class Undo:
    """One execution's note of what it is about to write; ``job``: the running one that notes."""

    def __init__(self, state: State, cloud: Cloud, id_: str, job: Job | None = None) -> None:
        self._state, self._cloud, self._id, self._job = state, cloud, id_, job

    def will_put(self, uris: list[str]) -> None:
        """New objects; called before the first is uploaded."""
        self._note({"objects": uris})

    def will_create(self, database: str, table: str, location: str) -> None:
        """A new table at ``location``."""
        self._note({"table": [database, table, location]})

    def will_register(self, database: str, table: str, partitions: list[tuple[list[str], str]]) -> None:
        """New partitions: (values, location) pairs."""
        self._note({"partitions": [[database, table, values, location] for values, location in partitions]})

    def _note(self, members: Shape) -> None:
        if self._job is not None:
            self._job.begin_writing()
            created = members.get("table")
            self._cloud.engines["athena"].pending.begin(self._id, tuple(created[:2]) if created else None)
        found = self._state.get(KIND, self._id) or {}
        for name, value in members.items():
            found[name] = found.get(name, []) + value if name != "table" else value
        self._state.put(KIND, self._id, found)

    def forget(self) -> None:
        """The execution succeeded, or everything is taken back."""
        self._state.delete(KIND, self._id)
        self._cloud.engines["athena"].pending.end(self._id)

    def run(self) -> None:
        """Takes everything back; what was never written is no matter, and running it again neither.

        The catalog comes first, so that no reader follows it to files that are going. A table or partition that holds
        rows of others by now (of an INSERT that ran beside this one) stays.

        Raises:
            ServiceError, botocore.exceptions.BotoCoreError: S3 cannot be reached; the note is kept.
        """
        found = self._state.get(KIND, self._id)
        if found is None:
            return
        mine = set(found.get("objects", []))
        glue = self._cloud.engines["glue"]
        for database, table, values, location in found.get("partitions", []):
            if not self._others(location, mine):
                _quietly(
                    lambda d=database, t=table, v=values: glue.delete_partition(
                        DatabaseName=d, TableName=t, PartitionValues=v
                    )
                )
        if "table" in found:
            database, table, location = found["table"]
            if not self._others(location, mine) and self._location(database, table) == location:
                _quietly(lambda: glue.delete_table(DatabaseName=database, Name=table))
        self._delete(mine)
        self.forget()

    def _location(self, database: str, table: str) -> str | None:
        glue = self._cloud.engines["glue"]
        found = _quietly(lambda: glue.get_table(DatabaseName=database, Name=table))
        return found["Table"].get("StorageDescriptor", {}).get("Location") if found else None

    def _others(self, location: str, mine: set[str]) -> bool:
        bucket, key = split_uri(location)
        prefix = key if key.endswith("/") else key + "/"
        listed = _quietly(lambda: list(self._cloud.objects.list(bucket, prefix)))
        return any(f"s3://{bucket}/{item.key}" not in mine for item in listed or [])

    def _delete(self, uris: set[str]) -> None:
        from botocore.exceptions import ClientError

        s3 = self._cloud.client("s3")
        for uri in sorted(uris):
            bucket, key = split_uri(uri)
            try:
                s3.delete_object(Bucket=bucket, Key=key)
            except ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchBucket":
                    raise


def _quietly(call: Any) -> Any:
    """The call's answer; None where what it names does not exist."""
    try:
        return call()
    except ServiceError as error:
        if error.code not in ("EntityNotFoundException", "NoSuchBucket"):
            raise
        return None
