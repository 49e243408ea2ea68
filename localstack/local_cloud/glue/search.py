"""SearchTables, tags and the other catalog-wide calls."""

from typing import Any

from local_cloud.glue.base import invalid, not_found, page, refuse
from local_cloud.glue.connections import Connections
from local_cloud.glue.store import decode_token, encode_token, loads

Shape = dict[str, Any]
_TAGGED = {
    "database": "databases", "connection": "connections", "job": "jobs", "crawler": "crawlers",
    "trigger": "triggers", "workflow": "workflows",
}  # fmt: skip
_COMPARATORS = ("EQUALS", "GREATER_THAN", "LESS_THAN", "GREATER_THAN_EQUALS", "LESS_THAN_EQUALS")


class CatalogWide(Connections):
    """Calls about the catalog as a whole."""

    def search_tables(
        self,
        *,
        CatalogId: str | None = None,
        NextToken: str | None = None,
        Filters: list[Shape] | None = None,
        SearchText: str | None = None,
        SortCriteria: list[Shape] | None = None,
        MaxResults: int | None = None,
        ResourceShareType: str | None = None,
        IncludeStatusDetails: bool | None = None,  # noqa: ARG002
    ) -> Shape:
        """Tables whose names, descriptions, columns or parameters hold the text and fulfil all filters.

        Quoted ``SearchText`` must match a whole value, as on AWS.
        """
        self.check_catalog(CatalogId)
        if ResourceShareType in ("FOREIGN", "FEDERATED"):
            return page("TableList", [], None)
        rows = self.store.read("SELECT version, body FROM tables ORDER BY database, name")
        tables = [{**loads(body), "VersionId": str(version)} for version, body in rows]
        tables = [
            t for t in tables if _holds(t, SearchText) and all(_passes(t, entry) for entry in Filters or [])
        ]
        for criterion in SortCriteria or []:
            descending = criterion.get("Sort") == "DESC"
            tables.sort(key=lambda t, f=criterion["FieldName"]: str(_field(t, f)), reverse=descending)  # type: ignore[misc]
        position = decode_token(NextToken)
        start = int(position[0]) if position else 0
        end = start + (MaxResults or 100)
        return page("TableList", tables[start:end], encode_token(end) if len(tables) > end else None)

    def tag_resource(self, *, ResourceArn: str, TagsToAdd: Shape) -> Shape:
        """At most 50 tags a resource. Raises: ``EntityNotFoundException``, ``InvalidInputException``."""
        with self.store.write() as db:
            self._check_arn(ResourceArn)
            for tag, value in TagsToAdd.items():
                db.execute("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", (ResourceArn, tag, value))
            if db.execute("SELECT count(*) FROM tags WHERE arn = ?", (ResourceArn,)).fetchone()[0] > 50:
                raise invalid("A resource has at most 50 tags.")
        return {}

    def untag_resource(self, *, ResourceArn: str, TagsToRemove: list[str]) -> Shape:
        """Remove tags by key; a key that is not there is no error. Raises: ``EntityNotFoundException``."""
        with self.store.write() as db:
            self._check_arn(ResourceArn)
            db.executemany(
                "DELETE FROM tags WHERE arn = ? AND name = ?", [(ResourceArn, tag) for tag in TagsToRemove]
            )
        return {}

    def get_tags(self, *, ResourceArn: str) -> Shape:
        """The tags of a resource. Raises: ``EntityNotFoundException``, ``InvalidInputException``."""
        self._check_arn(ResourceArn)
        return {"Tags": dict(self.store.read("SELECT name, value FROM tags WHERE arn = ?", (ResourceArn,)))}

    def get_data_catalog_encryption_settings(self, *, CatalogId: str | None = None) -> Shape:
        """A local catalog is not encrypted; putting other settings is refused as not implemented."""
        self.check_catalog(CatalogId)
        settings = {
            "EncryptionAtRest": {"CatalogEncryptionMode": "DISABLED"},
            "ConnectionPasswordEncryption": {"ReturnConnectionPasswordEncrypted": False},
        }
        return {"DataCatalogEncryptionSettings": settings}

    def _check_arn(self, arn: str) -> None:
        kind, _, name = arn.removeprefix(self.arn("", "").rstrip("/")).partition("/")
        if kind not in _TAGGED or not name or arn != self.arn(kind, name):
            known = ", ".join(_TAGGED)
            raise invalid(f"{arn} is not the ARN of a resource the local cloud tags here ({known}).")
        if not self.store.one(f"SELECT 1 FROM {_TAGGED[kind]} WHERE name = ?", (name,)):  # noqa: S608 - own words
            raise not_found(f"Entity not found: {arn}")

    def get_catalog_import_status(self, *, CatalogId: str | None = None) -> Shape:
        """A local catalog never came from Athena's old one: its import counts as complete."""
        self.check_catalog(CatalogId)
        return {"ImportStatus": {"ImportCompleted": True}}


def _holds(table: Shape, text: str | None) -> bool:
    if not text:
        return True
    columns = table.get("StorageDescriptor", {}).get("Columns", []) + table.get("PartitionKeys", [])
    words = [table["Name"], table["DatabaseName"], table.get("Description", "")]
    words += [column[key] for column in columns for key in ("Name", "Comment") if key in column]
    words += [value for pair in table.get("Parameters", {}).items() for value in pair]
    words = [word.lower() for word in words]
    wanted = text.lower()
    if len(wanted) > 1 and wanted[0] == wanted[-1] == '"':
        return wanted[1:-1] in words
    return any(wanted in word for word in words)


def _passes(table: Shape, predicate: Shape) -> bool:
    key, wanted = predicate.get("Key", ""), predicate.get("Value", "")
    comparator = predicate.get("Comparator", "EQUALS")
    if comparator not in _COMPARATORS:
        raise invalid(f"SearchTables: unknown comparator {comparator}.")
    value = _field(table, key)
    if comparator == "EQUALS":
        return bool(str(value).lower() == wanted.lower())
    refuse(
        "SearchTables: a comparator other than EQUALS on a key that is no time",
        Key=None if _is_time(key) else key,
    )
    have, want = value.timestamp(), float(wanted)
    results: dict[str, bool] = {
        "GREATER_THAN": have > want,
        "LESS_THAN": have < want,
        "GREATER_THAN_EQUALS": have >= want,
        "LESS_THAN_EQUALS": have <= want,
    }
    return results[str(comparator)]


def _is_time(key: str) -> bool:
    return key in ("CreateTime", "UpdateTime")


def _field(table: Shape, key: str) -> Any:
    aliases = {
        "name": "Name",
        "databaseName": "DatabaseName",
        "description": "Description",
        "tableType": "TableType",
    }
    key = aliases.get(key, key)
    return table[key] if key in table else table.get("Parameters", {}).get(key, "")
