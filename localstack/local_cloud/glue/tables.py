"""Tables of the Data Catalog and their versions (https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-catalog-tables.html)."""

import re
from typing import Any

from local_cloud.errors import ServiceError
from local_cloud.glue.base import exists, invalid, not_found, page, refuse
from local_cloud.glue.databases import Databases
from local_cloud.glue.keys import encode_stored
from local_cloud.glue.predicate import INDEXED_KEYS
from local_cloud.glue.store import decode_token, dumps, encode_token, loads, now

Shape = dict[str, Any]


class Tables(Databases):
    """Create, read, update and delete tables, with optimistic locking by ``VersionId``."""

    def create_table(
        self,
        *,
        DatabaseName: str,
        TableInput: Shape | None = None,
        Name: str | None = None,
        CatalogId: str | None = None,
        PartitionIndexes: list[Shape] | None = None,
        TransactionId: str | None = None,
        OpenTableFormatInput: Shape | None = None,
    ) -> Shape:
        """Raises: ``AlreadyExistsException``, ``EntityNotFoundException``, ``InvalidInputException``."""
        refuse("CreateTable", TransactionId=TransactionId, OpenTableFormatInput=OpenTableFormatInput)
        self.check_catalog(CatalogId)
        if TableInput is None:
            raise invalid("CreateTable: TableInput is required.")
        if Name is not None and Name.lower() != TableInput["Name"].lower():
            raise invalid("CreateTable: Name and TableInput.Name differ.")
        self.database(DatabaseName)
        created = now()
        body = self._table_body(DatabaseName, TableInput, created, created)
        with self.store.write() as db:
            if db.execute(
                "SELECT 1 FROM tables WHERE database = ? AND name = ?", (body["DatabaseName"], body["Name"])
            ).fetchone():
                raise exists("Table already exists.")
            cursor = db.execute(
                "INSERT INTO tables (database, name, version, body) VALUES (?, ?, 0, ?)",
                (body["DatabaseName"], body["Name"], dumps(body)),
            )
            db.execute("INSERT INTO table_versions VALUES (?, 0, ?)", (cursor.lastrowid, dumps(body)))
            for index in PartitionIndexes or []:
                self.add_partition_index(int(cursor.lastrowid or 0), body, index)
            self.tell_database("CreateTable", DatabaseName, body["Name"])
        return {}

    def get_table(
        self,
        *,
        DatabaseName: str,
        Name: str,
        CatalogId: str | None = None,
        TransactionId: str | None = None,
        QueryAsOfTime: Any = None,
        AuditContext: Shape | None = None,  # noqa: ARG002 - audit words for Lake Formation's log, which changes no result
        IncludeStatusDetails: bool | None = None,  # noqa: ARG002 - there are no asynchronous view changes to report
        AttributesToGet: list[str] | None = None,
    ) -> Shape:
        """Raises: ``EntityNotFoundException``."""
        refuse("GetTable", TransactionId=TransactionId, QueryAsOfTime=QueryAsOfTime)
        self.check_catalog(CatalogId)
        _, table = self.table(DatabaseName, Name)
        return {"Table": _only(table, AttributesToGet)}

    def get_tables(
        self,
        *,
        DatabaseName: str,
        CatalogId: str | None = None,
        Expression: str | None = None,
        NextToken: str | None = None,
        MaxResults: int | None = None,
        TransactionId: str | None = None,
        QueryAsOfTime: Any = None,
        AuditContext: Shape | None = None,  # noqa: ARG002
        ResourceShareType: str | None = None,  # noqa: ARG002 - one account: all tables are its own
        IncludeStatusDetails: bool | None = None,  # noqa: ARG002
        AttributesToGet: list[str] | None = None,
    ) -> Shape:
        """A page of at most 100 tables by name; ``Expression`` is a regular expression on the whole name."""
        refuse("GetTables", TransactionId=TransactionId, QueryAsOfTime=QueryAsOfTime)
        self.check_catalog(CatalogId)
        database = self.database(DatabaseName)["Name"]
        matches = _name_pattern(Expression)
        position = decode_token(NextToken)
        limit = MaxResults or 100
        names = [
            row[0]
            for row in self.store.read(
                "SELECT name FROM tables WHERE database = ? AND name > ? ORDER BY name",
                (database, position[0] if position else ""),
            )
            if matches(row[0])
        ]
        tables = [_only(self.table(database, name)[1], AttributesToGet) for name in names[:limit]]
        return page("TableList", tables, encode_token(names[limit - 1]) if len(names) > limit else None)

    def update_table(
        self,
        *,
        DatabaseName: str,
        TableInput: Shape | None = None,
        Name: str | None = None,
        CatalogId: str | None = None,
        SkipArchive: bool | None = None,
        TransactionId: str | None = None,
        VersionId: str | None = None,
        ViewUpdateAction: str | None = None,
        Force: bool | None = None,
        UpdateOpenTableFormatInput: Shape | None = None,
    ) -> Shape:
        """Replace a table's definition, keeping the old one as a version unless ``SkipArchive``.

        Raises:
            ServiceError: ``ConcurrentModificationException`` if ``VersionId`` is not the table's version now;
                ``EntityNotFoundException``; ``InvalidInputException``.
        """
        refuse(
            "UpdateTable", TransactionId=TransactionId, ViewUpdateAction=ViewUpdateAction, Force=Force or None
        )
        refuse("UpdateTable", UpdateOpenTableFormatInput=UpdateOpenTableFormatInput)
        self.check_catalog(CatalogId)
        if TableInput is None:
            raise invalid("UpdateTable: TableInput is required.")
        with self.store.write() as db:
            table_id, old = self.table(DatabaseName, Name or TableInput["Name"])
            if TableInput["Name"].lower() != old["Name"]:
                raise invalid("UpdateTable: a table cannot be renamed.")
            if VersionId is not None and VersionId != old["VersionId"]:
                raise ServiceError(
                    "ConcurrentModificationException",
                    f"Update table failed due to concurrent modifications. Table {old['Name']} is at version "
                    f"{old['VersionId']}, not {VersionId}.",
                )
            version = int(old["VersionId"]) + 1
            body = self._table_body(DatabaseName, TableInput, old["CreateTime"], now())
            if SkipArchive:
                db.execute(
                    "DELETE FROM table_versions WHERE table_id = ? AND version = ?",
                    (table_id, int(old["VersionId"])),
                )
            db.execute(
                "UPDATE tables SET version = ?, body = ? WHERE id = ?", (version, dumps(body), table_id)
            )
            db.execute("INSERT INTO table_versions VALUES (?, ?, ?)", (table_id, version, dumps(body)))
            if _key_types(body) != _key_types(old):
                self._reindex(table_id, body)
            self.tell_table("UpdateTable", body)
        return {}

    def delete_table(
        self, *, DatabaseName: str, Name: str, CatalogId: str | None = None, TransactionId: str | None = None
    ) -> Shape:
        """Delete a table with its versions, partitions and statistics."""
        refuse("DeleteTable", TransactionId=TransactionId)
        self.check_catalog(CatalogId)
        with self.store.write():
            self._remove_table(DatabaseName, Name)
            self.tell_database("DeleteTable", DatabaseName, Name)
        return {}

    def batch_delete_table(
        self,
        *,
        DatabaseName: str,
        TablesToDelete: list[str],
        CatalogId: str | None = None,
        TransactionId: str | None = None,
    ) -> Shape:
        """Delete up to 100 tables; those that fail are listed in ``Errors``."""
        refuse("BatchDeleteTable", TransactionId=TransactionId)
        if len(TablesToDelete) > 100:
            raise invalid("BatchDeleteTable: at most 100 tables in one request.")
        errors = []
        self.check_catalog(CatalogId)
        self.database(DatabaseName)
        done = []
        for name in TablesToDelete:
            try:
                with self.store.write():
                    self._remove_table(DatabaseName, name)
                    done.append(name)
            except ServiceError as error:
                detail = {"ErrorCode": error.code, "ErrorMessage": error.message}
                errors.append({"TableName": name, "ErrorDetail": detail})
        if done:
            with self.store.write():
                self.tell_database("BatchDeleteTable", DatabaseName, *done)
        return {"Errors": errors}

    def _remove_table(self, database: str, name: str) -> None:
        table_id, _ = self.table(database, name)
        with self.store.write() as db:
            db.execute("DELETE FROM tables WHERE id = ?", (table_id,))

    def table(self, database: str, name: str) -> tuple[int, Shape]:
        """The table's row number and its ``Table`` shape.

        Raises:
            ServiceError: ``EntityNotFoundException``.
        """
        row = self.store.one(
            "SELECT id, version, body FROM tables WHERE database = ? AND name = ?",
            (database.lower(), name.lower()),
        )
        if row is None:
            self.database(database)
            raise not_found(
                f"Entity Not Found. Table {name.lower()} not found in database {database.lower()}."
            )
        return row[0], {**loads(row[2]), "VersionId": str(row[1])}

    def add_partition_index(self, table_id: int, table: Shape, index: Shape) -> None:
        """Record a partition index; implemented with the indexes' own operations."""
        raise NotImplementedError

    def _table_body(self, database: str, table: Shape, created: Any, updated: Any) -> Shape:
        keys = [{**key, "Name": key["Name"].lower()} for key in table.get("PartitionKeys", [])]
        if len({key["Name"] for key in keys}) != len(keys):
            raise invalid("Duplicate partition key names.")
        body = {
            "Retention": 0,
            **table,
            "Name": table["Name"].lower(),
            "DatabaseName": database.lower(),
            "PartitionKeys": keys,
            "CreateTime": created,
            "UpdateTime": updated,
            "CreatedBy": f"arn:aws:iam::{self.cloud.account_id}:root",
            "IsRegisteredWithLakeFormation": False,
            "CatalogId": self.cloud.account_id,
        }
        if isinstance(body.get("ViewDefinition"), dict):
            raise invalid("The local cloud does not support multi-dialect views (ViewDefinition).")
        return body

    def _reindex(self, table_id: int, body: Shape) -> None:
        """Re-encode the partition values after the type of a key changed."""
        types = [key.get("Type", "string") for key in body["PartitionKeys"]]
        with self.store.write() as db:
            rows = db.execute("SELECT id, vals FROM partitions WHERE table_id = ?", (table_id,)).fetchall()
            db.executemany(
                "UPDATE partitions SET keys = ?, k0 = ?, k1 = ?, k2 = ?, k3 = ? WHERE id = ?",
                [(*index_values(types, loads(vals)), row) for row, vals in rows],
            )


def index_values(types: list[str], values: list[str]) -> tuple[Any, ...]:
    """``(keys, k0, k1, k2, k3)`` of a partition."""
    keys = [encode_stored(kind, value) for kind, value in zip(types, values, strict=False)]
    return (dumps(keys), *(keys + [None] * INDEXED_KEYS)[:INDEXED_KEYS])


def _key_types(body: Shape) -> list[str]:
    return [key.get("Type", "string") for key in body.get("PartitionKeys", [])]


def _only(table: Shape, attributes: list[str] | None) -> Shape:
    if attributes and set(attributes) <= {"NAME", "TABLE_TYPE"}:
        kept = {"Name", "DatabaseName"} | ({"TableType"} if "TABLE_TYPE" in attributes else set())
        return {key: value for key, value in table.items() if key in kept}
    return table


def _name_pattern(expression: str | None) -> Any:
    """A predicate on names: a regular expression in which, as in Glue, ``*`` alone stands for anything."""
    if not expression:
        return lambda _: True
    source = re.sub(r"(?<![.\])])\*", ".*", expression)
    try:
        return re.compile(source, re.IGNORECASE).fullmatch
    except re.error as error:
        raise invalid(f"Invalid table name expression '{expression}': {error}") from None
