"""Many partitions in one request. Entries fail one by one: the rest is done, the failures are told."""

from typing import Any

from local_cloud.errors import ServiceError
from local_cloud.glue.base import invalid
from local_cloud.glue.partitions import Partitions, partition_error

Shape = dict[str, Any]


class PartitionBatches(Partitions):
    """The four batch calls; a batch is one transaction, so it is on disk whole or not at all."""

    def batch_create_partition(
        self,
        *,
        DatabaseName: str,
        TableName: str,
        PartitionInputList: list[Shape],
        CatalogId: str | None = None,
    ) -> Shape:
        """At most 100 partitions."""
        _limit("BatchCreatePartition", PartitionInputList, 100)
        self.check_catalog(CatalogId)
        errors: list[Shape] = []
        done: list[list[str]] = []
        with self.store.write():
            table_id, table = self.table(DatabaseName, TableName)
            for partition in PartitionInputList:
                try:
                    self.insert_partition(table_id, table, partition)
                    done.append(partition.get("Values") or [])
                except ServiceError as error:
                    errors.append(partition_error(partition.get("Values") or [], error))
            self.tell_table("BatchCreatePartition", table, done)
        return {"Errors": errors}

    def batch_get_partition(
        self,
        *,
        DatabaseName: str,
        TableName: str,
        PartitionsToGet: list[Shape],
        CatalogId: str | None = None,
        AuditContext: Shape | None = None,  # noqa: ARG002
        QuerySessionContext: Shape | None = None,  # noqa: ARG002 - identifies the query to Lake Formation
    ) -> Shape:
        """At most 1,000 partitions; those that do not exist are left out, as Glue does."""
        _limit("BatchGetPartition", PartitionsToGet, 1000)
        self.check_catalog(CatalogId)
        table_id, table = self.table(DatabaseName, TableName)
        found = [self.find_partition(table_id, table, entry["Values"]) for entry in PartitionsToGet]
        return {"Partitions": [partition for partition in found if partition], "UnprocessedKeys": []}

    def batch_update_partition(
        self, *, DatabaseName: str, TableName: str, Entries: list[Shape], CatalogId: str | None = None
    ) -> Shape:
        """At most 100 partitions."""
        _limit("BatchUpdatePartition", Entries, 100)
        self.check_catalog(CatalogId)
        errors: list[Shape] = []
        done: list[list[str]] = []
        with self.store.write():
            table_id, table = self.table(DatabaseName, TableName)
            for entry in Entries:
                values = entry["PartitionValueList"]
                try:
                    self.replace_partition(table_id, table, values, entry["PartitionInput"])
                    done.append(values)
                except ServiceError as error:
                    detail = {"ErrorCode": error.code, "ErrorMessage": error.message}
                    errors.append({"PartitionValueList": values, "ErrorDetail": detail})
            self.tell_table("BatchUpdatePartition", table, done)
        return {"Errors": errors}

    def batch_delete_partition(
        self,
        *,
        DatabaseName: str,
        TableName: str,
        PartitionsToDelete: list[Shape],
        CatalogId: str | None = None,
    ) -> Shape:
        """At most 25 partitions."""
        _limit("BatchDeletePartition", PartitionsToDelete, 25)
        self.check_catalog(CatalogId)
        errors: list[Shape] = []
        done: list[list[str]] = []
        with self.store.write():
            table_id, table = self.table(DatabaseName, TableName)
            for entry in PartitionsToDelete:
                try:
                    self.remove_partition(table_id, table, entry["Values"])
                    done.append(entry["Values"])
                except ServiceError as error:
                    errors.append(partition_error(entry["Values"], error))
            self.tell_table("BatchDeletePartition", table, done)
        return {"Errors": errors}


def _limit(operation: str, entries: list[Shape], limit: int) -> None:
    if len(entries) > limit:
        raise invalid(f"{operation}: at most {limit} partitions in one request, not {len(entries)}.")
