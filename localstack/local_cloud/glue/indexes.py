"""Partition indexes. All keys are indexed anyway; an index here is a record that clients can read back."""

from typing import Any

from local_cloud.glue.base import exists, invalid, not_found, page
from local_cloud.glue.batches import PartitionBatches
from local_cloud.glue.store import dumps, loads

Shape = dict[str, Any]


class PartitionIndexes(PartitionBatches):
    """At most three indexes a table."""

    def create_partition_index(
        self, *, DatabaseName: str, TableName: str, PartitionIndex: Shape, CatalogId: str | None = None
    ) -> Shape:
        """Raises: ``AlreadyExistsException``, ``InvalidInputException``."""
        self.check_catalog(CatalogId)
        with self.store.write():
            table_id, table = self.table(DatabaseName, TableName)
            self.add_partition_index(table_id, table, PartitionIndex)
        return {}

    def get_partition_indexes(
        self,
        *,
        DatabaseName: str,
        TableName: str,
        CatalogId: str | None = None,
        NextToken: str | None = None,  # noqa: ARG002 - three indexes are one page
    ) -> Shape:
        """The table's indexes."""
        self.check_catalog(CatalogId)
        table_id, _ = self.table(DatabaseName, TableName)
        rows = self.store.read(
            "SELECT body FROM partition_indexes WHERE table_id = ? ORDER BY name", (table_id,)
        )
        return page("PartitionIndexDescriptorList", [loads(body) for (body,) in rows], None)

    def delete_partition_index(
        self, *, DatabaseName: str, TableName: str, IndexName: str, CatalogId: str | None = None
    ) -> Shape:
        """Raises: ``EntityNotFoundException``."""
        self.check_catalog(CatalogId)
        with self.store.write() as db:
            table_id, _ = self.table(DatabaseName, TableName)
            deleted = db.execute(
                "DELETE FROM partition_indexes WHERE table_id = ? AND name = ?", (table_id, IndexName)
            ).rowcount
            if not deleted:
                raise not_found(f"Index {IndexName} not found.")
        return {}

    def add_partition_index(self, table_id: int, table: Shape, index: Shape) -> None:
        """Record an index inside the caller's transaction."""
        types = {key["Name"]: key.get("Type", "string") for key in table["PartitionKeys"]}
        keys = [key.lower() for key in index["Keys"]]
        if unknown := [key for key in keys if key not in types]:
            raise invalid(f"Index key {unknown[0]} is not a partition key of table {table['Name']}.")
        rows = self.store.read("SELECT name FROM partition_indexes WHERE table_id = ?", (table_id,))
        if index["IndexName"] in [name for (name,) in rows]:
            raise exists(f"Index {index['IndexName']} already exists.")
        if len(rows) >= 3:
            raise invalid("A table has at most three partition indexes.")
        descriptor = {
            "IndexName": index["IndexName"],
            "Keys": [{"Name": key, "Type": types[key]} for key in keys],
            "IndexStatus": "ACTIVE",
        }
        with self.store.write() as db:
            db.execute(
                "INSERT INTO partition_indexes VALUES (?, ?, ?)",
                (table_id, index["IndexName"], dumps(descriptor)),
            )
