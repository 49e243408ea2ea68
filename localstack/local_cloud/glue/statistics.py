"""Column statistics of tables and partitions."""

from typing import Any

from local_cloud.glue.base import not_found
from local_cloud.glue.indexes import PartitionIndexes
from local_cloud.glue.store import dumps, loads

Shape = dict[str, Any]
WHOLE_TABLE = ""


class ColumnStatistics(PartitionIndexes):
    """Statistics as clients write them; the catalog itself computes none."""

    def get_column_statistics_for_table(
        self, *, DatabaseName: str, TableName: str, ColumnNames: list[str], CatalogId: str | None = None
    ) -> Shape:
        """Columns without statistics are listed in ``Errors``."""
        self.check_catalog(CatalogId)
        table_id, _ = self.table(DatabaseName, TableName)
        return self._read(table_id, WHOLE_TABLE, ColumnNames)

    def update_column_statistics_for_table(
        self,
        *,
        DatabaseName: str,
        TableName: str,
        ColumnStatisticsList: list[Shape],
        CatalogId: str | None = None,
    ) -> Shape:
        """Columns the table does not have are listed in ``Errors``."""
        self.check_catalog(CatalogId)
        table_id, table = self.table(DatabaseName, TableName)
        return self._write(table_id, WHOLE_TABLE, table, ColumnStatisticsList)

    def delete_column_statistics_for_table(
        self, *, DatabaseName: str, TableName: str, ColumnName: str, CatalogId: str | None = None
    ) -> Shape:
        """Raises: ``EntityNotFoundException``."""
        self.check_catalog(CatalogId)
        table_id, _ = self.table(DatabaseName, TableName)
        return self._delete(table_id, WHOLE_TABLE, ColumnName)

    def get_column_statistics_for_partition(
        self,
        *,
        DatabaseName: str,
        TableName: str,
        PartitionValues: list[str],
        ColumnNames: list[str],
        CatalogId: str | None = None,
    ) -> Shape:
        """As for a table."""
        self.check_catalog(CatalogId)
        table_id, _, vals = self._partition(DatabaseName, TableName, PartitionValues)
        return self._read(table_id, vals, ColumnNames)

    def update_column_statistics_for_partition(
        self,
        *,
        DatabaseName: str,
        TableName: str,
        PartitionValues: list[str],
        ColumnStatisticsList: list[Shape],
        CatalogId: str | None = None,
    ) -> Shape:
        """As for a table."""
        self.check_catalog(CatalogId)
        table_id, table, vals = self._partition(DatabaseName, TableName, PartitionValues)
        return self._write(table_id, vals, table, ColumnStatisticsList)

    def delete_column_statistics_for_partition(
        self,
        *,
        DatabaseName: str,
        TableName: str,
        PartitionValues: list[str],
        ColumnName: str,
        CatalogId: str | None = None,
    ) -> Shape:
        """As for a table."""
        self.check_catalog(CatalogId)
        table_id, _, vals = self._partition(DatabaseName, TableName, PartitionValues)
        return self._delete(table_id, vals, ColumnName)

    def _partition(self, database: str, name: str, values: list[str]) -> tuple[int, Shape, str]:
        table_id, table = self.table(database, name)
        if self.find_partition(table_id, table, values) is None:
            raise not_found("Partition not found.")
        return table_id, table, dumps(values)

    def _read(self, table_id: int, vals: str, names: list[str]) -> Shape:
        found, errors = [], []
        for name in names:
            row = self.store.one(
                "SELECT body FROM column_statistics WHERE table_id = ? AND vals = ? AND name = ?",
                (table_id, vals, name.lower()),
            )
            if row:
                found.append(loads(row[0]))
            else:
                errors.append(
                    {"ColumnName": name, "Error": _error(f"No statistics found for column {name}.")}
                )
        return {"ColumnStatisticsList": found, "Errors": errors}

    def _write(self, table_id: int, vals: str, table: Shape, statistics: list[Shape]) -> Shape:
        columns = table.get("StorageDescriptor", {}).get("Columns", []) + table["PartitionKeys"]
        known = {column["Name"].lower() for column in columns}
        errors = []
        with self.store.write() as db:
            for entry in statistics:
                if entry["ColumnName"].lower() in known:
                    db.execute(
                        "INSERT OR REPLACE INTO column_statistics VALUES (?, ?, ?, ?)",
                        (table_id, vals, entry["ColumnName"].lower(), dumps(entry)),
                    )
                else:
                    message = f"Column {entry['ColumnName']} not found in table {table['Name']}."
                    errors.append({"ColumnStatistics": entry, "Error": _error(message)})
        return {"Errors": errors}

    def _delete(self, table_id: int, vals: str, name: str) -> Shape:
        with self.store.write() as db:
            deleted = db.execute(
                "DELETE FROM column_statistics WHERE table_id = ? AND vals = ? AND name = ?",
                (table_id, vals, name.lower()),
            ).rowcount
        if not deleted:
            raise not_found(f"No statistics found for column {name}.")
        return {}


def _error(message: str) -> Shape:
    return {"ErrorCode": "EntityNotFoundException", "ErrorMessage": message}
