"""Partitions of tables (https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-catalog-partitions.html)."""

from typing import Any

from local_cloud.errors import ServiceError
from local_cloud.glue.base import exists, invalid, not_found, page, refuse
from local_cloud.glue.predicate import compile_expression
from local_cloud.glue.store import decode_token, dumps, encode_token, loads, now
from local_cloud.glue.tables import index_values
from local_cloud.glue.versions import TableVersions

Shape = dict[str, Any]
PAGE = 1000


class Partitions(TableVersions):
    """Single partitions and filtered listings."""

    def create_partition(
        self, *, DatabaseName: str, TableName: str, PartitionInput: Shape, CatalogId: str | None = None
    ) -> Shape:
        """Raises: ``AlreadyExistsException``, ``EntityNotFoundException``, ``InvalidInputException``."""
        self.check_catalog(CatalogId)
        with self.store.write():
            table_id, table = self.table(DatabaseName, TableName)
            self.insert_partition(table_id, table, PartitionInput)
            self.tell_table("CreatePartition", table, [PartitionInput.get("Values", [])])
        return {}

    def get_partition(
        self,
        *,
        DatabaseName: str,
        TableName: str,
        PartitionValues: list[str],
        CatalogId: str | None = None,
        AuditContext: Shape | None = None,  # noqa: ARG002
    ) -> Shape:
        """Raises: ``EntityNotFoundException``."""
        self.check_catalog(CatalogId)
        table_id, table = self.table(DatabaseName, TableName)
        partition = self.find_partition(table_id, table, PartitionValues)
        if partition is None:
            raise not_found("Partition not found.")
        return {"Partition": partition}

    def get_partitions(
        self,
        *,
        DatabaseName: str,
        TableName: str,
        CatalogId: str | None = None,
        Expression: str | None = None,
        NextToken: str | None = None,
        Segment: Shape | None = None,
        MaxResults: int | None = None,
        ExcludeColumnSchema: bool | None = None,
        TransactionId: str | None = None,
        QueryAsOfTime: Any = None,
        AuditContext: Shape | None = None,  # noqa: ARG002
    ) -> Shape:
        """A page of at most 1,000 partitions that fulfil ``Expression`` (grammar: ``expression.py``).

        The filter runs inside SQLite on indexed values: one partition among many thousands is found at once.
        """
        refuse("GetPartitions", TransactionId=TransactionId, QueryAsOfTime=QueryAsOfTime)
        self.check_catalog(CatalogId)
        table_id, table = self.table(DatabaseName, TableName)
        condition: str = "1"
        parameters: list[Any] = []
        if Expression and Expression.strip():
            condition, parameters = compile_expression(Expression, table["PartitionKeys"])
        if Segment:
            condition += " AND id % ? = ?"
            parameters += [Segment["TotalSegments"], Segment["SegmentNumber"]]
        position = decode_token(NextToken)
        limit = MaxResults or PAGE
        rows = self.store.read(
            # "+id" keeps SQLite on the index of the filtered value instead of walking the table in order.
            f"SELECT id, vals, body FROM partitions WHERE table_id = ? AND {condition} AND +id > ?"  # noqa: S608
            " ORDER BY id LIMIT ?",
            (table_id, *parameters, position[0] if position else 0, limit + 1),
        )
        partitions = [_partition(table, vals, body) for _, vals, body in rows[:limit]]
        if ExcludeColumnSchema:
            for partition in partitions:
                partition.get("StorageDescriptor", {}).pop("Columns", None)
        return page("Partitions", partitions, encode_token(rows[limit - 1][0]) if len(rows) > limit else None)

    def update_partition(
        self,
        *,
        DatabaseName: str,
        TableName: str,
        PartitionValueList: list[str],
        PartitionInput: Shape,
        CatalogId: str | None = None,
    ) -> Shape:
        """Replace a partition, its values too if ``PartitionInput.Values`` differs.

        Raises:
            ServiceError: ``EntityNotFoundException``; ``AlreadyExistsException`` if the new values are taken.
        """
        self.check_catalog(CatalogId)
        with self.store.write():
            table_id, table = self.table(DatabaseName, TableName)
            self.replace_partition(table_id, table, PartitionValueList, PartitionInput)
            self.tell_table("UpdatePartition", table, [PartitionValueList])
        return {}

    def delete_partition(
        self, *, DatabaseName: str, TableName: str, PartitionValues: list[str], CatalogId: str | None = None
    ) -> Shape:
        """Raises: ``EntityNotFoundException``."""
        self.check_catalog(CatalogId)
        with self.store.write():
            table_id, table = self.table(DatabaseName, TableName)
            self.remove_partition(table_id, table, PartitionValues)
            self.tell_table("DeletePartition", table, [PartitionValues])
        return {}

    def find_partition(self, table_id: int, table: Shape, values: list[str]) -> Shape | None:
        """The ``Partition`` shape, or ``None``."""
        row = self.store.one(
            "SELECT vals, body FROM partitions WHERE table_id = ? AND vals = ?",
            (table_id, dumps(list(values))),
        )
        return _partition(table, *row) if row else None

    def insert_partition(self, table_id: int, table: Shape, partition: Shape) -> None:
        """Add one partition, inside the caller's transaction."""
        values = _values(table, partition.get("Values") or [])
        body = {key: value for key, value in partition.items() if key != "Values"}
        body["CreationTime"] = now()
        with self.store.write() as db:
            if self.find_partition(table_id, table, values):
                raise exists("Partition already exists.")
            db.execute(
                "INSERT INTO partitions (table_id, vals, keys, k0, k1, k2, k3, body)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (table_id, dumps(values), *index_values(_types(table), values), dumps(body)),
            )

    def replace_partition(self, table_id: int, table: Shape, values: list[str], partition: Shape) -> None:
        """Replace one partition, inside the caller's transaction."""
        old = self.find_partition(table_id, table, _values(table, values))
        if old is None:
            raise not_found("Partition not found.")
        new_values = _values(table, partition.get("Values") or values)
        body = {key: value for key, value in partition.items() if key != "Values"}
        body["CreationTime"] = old["CreationTime"]
        with self.store.write() as db:
            if new_values != list(values) and self.find_partition(table_id, table, new_values):
                raise exists("Partition already exists.")
            db.execute(
                "UPDATE partitions SET vals = ?, keys = ?, k0 = ?, k1 = ?, k2 = ?, k3 = ?, body = ?"
                " WHERE table_id = ? AND vals = ?",
                (
                    dumps(new_values),
                    *index_values(_types(table), new_values),
                    dumps(body),
                    table_id,
                    dumps(list(values)),
                ),
            )

    def remove_partition(self, table_id: int, table: Shape, values: list[str]) -> None:
        """Delete one partition and its statistics, inside the caller's transaction."""
        vals = dumps(_values(table, values))
        with self.store.write() as db:
            if not db.execute(
                "DELETE FROM partitions WHERE table_id = ? AND vals = ?", (table_id, vals)
            ).rowcount:
                raise not_found("Partition not found.")
            db.execute("DELETE FROM column_statistics WHERE table_id = ? AND vals = ?", (table_id, vals))


def partition_error(values: list[str], error: ServiceError) -> Shape:
    """An entry of ``Errors``."""
    return {
        "PartitionValues": values,
        "ErrorDetail": {"ErrorCode": error.code, "ErrorMessage": error.message},
    }


def _values(table: Shape, values: list[str]) -> list[str]:
    keys = table["PartitionKeys"]
    if len(values) != len(keys):
        raise invalid("The number of partition keys do not match the number of partition values")
    return list(values)


def _types(table: Shape) -> list[str]:
    return [key.get("Type", "string") for key in table["PartitionKeys"]]


def _partition(table: Shape, vals: str, body: str) -> Shape:
    return {
        "Values": loads(vals),
        "DatabaseName": table["DatabaseName"],
        "TableName": table["Name"],
        **loads(body),
        "CatalogId": table["CatalogId"],
    }
