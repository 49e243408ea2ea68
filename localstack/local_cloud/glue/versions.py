"""Versions of tables."""

from typing import Any

from local_cloud.errors import ServiceError
from local_cloud.glue.base import invalid, not_found, page
from local_cloud.glue.store import decode_token, encode_token, loads
from local_cloud.glue.tables import Tables

Shape = dict[str, Any]


class TableVersions(Tables):
    """Read and delete archived versions of a table; the newest is the table itself."""

    def get_table_version(
        self,
        *,
        DatabaseName: str,
        TableName: str,
        VersionId: str | None = None,
        CatalogId: str | None = None,
        AuditContext: Shape | None = None,  # noqa: ARG002
    ) -> Shape:
        """One version; the newest if ``VersionId`` is left out."""
        self.check_catalog(CatalogId)
        table_id, table = self.table(DatabaseName, TableName)
        version = _number(VersionId or table["VersionId"])
        row = self.store.one(
            "SELECT body FROM table_versions WHERE table_id = ? AND version = ?", (table_id, version)
        )
        if row is None:
            raise not_found(f"Table version {version} of table {table['Name']} not found.")
        return {"TableVersion": _version(row[0], version)}

    def get_table_versions(
        self,
        *,
        DatabaseName: str,
        TableName: str,
        CatalogId: str | None = None,
        NextToken: str | None = None,
        MaxResults: int | None = None,
        AuditContext: Shape | None = None,  # noqa: ARG002
    ) -> Shape:
        """A page of at most 100 versions, the newest first."""
        self.check_catalog(CatalogId)
        table_id, _ = self.table(DatabaseName, TableName)
        position = decode_token(NextToken)
        limit = MaxResults or 100
        rows = self.store.read(
            "SELECT version, body FROM table_versions WHERE table_id = ? AND version < ?"
            " ORDER BY version DESC LIMIT ?",
            (table_id, position[0] if position else 2**62, limit + 1),
        )
        versions = [_version(body, version) for version, body in rows[:limit]]
        return page(
            "TableVersions", versions, encode_token(rows[limit - 1][0]) if len(rows) > limit else None
        )

    def delete_table_version(
        self, *, DatabaseName: str, TableName: str, VersionId: str, CatalogId: str | None = None
    ) -> Shape:
        """Raises: ``EntityNotFoundException``; ``InvalidInputException`` for the table's present version."""
        self.check_catalog(CatalogId)
        version = _number(VersionId)
        with self.store.write() as db:
            table_id, table = self.table(DatabaseName, TableName)
            if str(version) == table["VersionId"]:
                raise invalid("Cannot delete the latest version of a table.")
            deleted = db.execute(
                "DELETE FROM table_versions WHERE table_id = ? AND version = ?", (table_id, version)
            ).rowcount
            if not deleted:
                raise not_found(f"Table version {version} of table {table['Name']} not found.")
        return {}

    def batch_delete_table_version(
        self, *, DatabaseName: str, TableName: str, VersionIds: list[str], CatalogId: str | None = None
    ) -> Shape:
        """Delete up to 100 versions; those that fail are listed in ``Errors``."""
        if len(VersionIds) > 100:
            raise invalid("BatchDeleteTableVersion: at most 100 versions in one request.")
        self.check_catalog(CatalogId)
        self.table(DatabaseName, TableName)
        errors = []
        for version in VersionIds:
            try:
                self.delete_table_version(DatabaseName=DatabaseName, TableName=TableName, VersionId=version)
            except ServiceError as error:
                detail = {"ErrorCode": error.code, "ErrorMessage": error.message}
                errors.append({"TableName": TableName, "VersionId": version, "ErrorDetail": detail})
        return {"Errors": errors}


def _version(body: str, version: int) -> Shape:
    return {"Table": {**loads(body), "VersionId": str(version)}, "VersionId": str(version)}


def _number(version: str) -> int:
    if not version.isdecimal():
        raise invalid(f"Invalid table version '{version}': a version is a number.")
    return int(version)
