"""User-defined functions of the Data Catalog."""

import re
from typing import Any

from local_cloud.glue.base import exists, invalid, not_found, page
from local_cloud.glue.statistics import ColumnStatistics
from local_cloud.glue.store import decode_token, dumps, encode_token, loads, now

Shape = dict[str, Any]


class Functions(ColumnStatistics):
    """Function definitions that Hive and Spark read; the catalog keeps them, it runs none."""

    def create_user_defined_function(
        self, *, DatabaseName: str, FunctionInput: Shape, CatalogId: str | None = None
    ) -> Shape:
        """Raises: ``AlreadyExistsException``, ``EntityNotFoundException``."""
        self.check_catalog(CatalogId)
        database = self.database(DatabaseName)["Name"]
        name = FunctionInput["FunctionName"].lower()
        with self.store.write() as db:
            if self._find(database, name):
                raise exists(f"Function {name} already exists.")
            body = {**FunctionInput, "FunctionName": name, "DatabaseName": database, "CreateTime": now()}
            db.execute("INSERT INTO functions VALUES (?, ?, ?)", (database, name, dumps(body)))
        return {}

    def get_user_defined_function(
        self, *, DatabaseName: str, FunctionName: str, CatalogId: str | None = None
    ) -> Shape:
        """Raises: ``EntityNotFoundException``."""
        self.check_catalog(CatalogId)
        return {"UserDefinedFunction": self._function(DatabaseName, FunctionName)}

    def get_user_defined_functions(
        self,
        *,
        Pattern: str,
        DatabaseName: str | None = None,
        CatalogId: str | None = None,
        FunctionType: str | None = None,
        NextToken: str | None = None,
        MaxResults: int | None = None,
    ) -> Shape:
        """A page of at most 100 functions whose name matches the regular expression (``*``: all)."""
        self.check_catalog(CatalogId)
        try:
            pattern = re.compile(".*" if Pattern == "*" else Pattern, re.IGNORECASE)
        except re.error as error:
            raise invalid(f"Invalid function name pattern '{Pattern}': {error}") from None
        database = self.database(DatabaseName)["Name"] if DatabaseName else None
        position = decode_token(NextToken, 2) or ["", ""]
        rows = self.store.read(
            "SELECT database, name, body FROM functions WHERE (? IS NULL OR database = ?)"
            " AND (database, name) > (?, ?) ORDER BY database, name",
            (database, database, *position),
        )
        kept = [row for row in rows if pattern.fullmatch(row[1])]
        if FunctionType:
            kept = [row for row in kept if loads(row[2]).get("FunctionType") == FunctionType]
        limit = MaxResults or 100
        token = encode_token(*kept[limit - 1][:2]) if len(kept) > limit else None
        return page("UserDefinedFunctions", [self._shape(row[2]) for row in kept[:limit]], token)

    def update_user_defined_function(
        self, *, DatabaseName: str, FunctionName: str, FunctionInput: Shape, CatalogId: str | None = None
    ) -> Shape:
        """Raises: ``EntityNotFoundException``."""
        self.check_catalog(CatalogId)
        with self.store.write() as db:
            old = self._function(DatabaseName, FunctionName)
            kept = {key: old[key] for key in ("FunctionName", "DatabaseName", "CreateTime")}
            db.execute(
                "UPDATE functions SET body = ? WHERE database = ? AND name = ?",
                (dumps({**FunctionInput, **kept}), old["DatabaseName"], old["FunctionName"]),
            )
        return {}

    def delete_user_defined_function(
        self, *, DatabaseName: str, FunctionName: str, CatalogId: str | None = None
    ) -> Shape:
        """Raises: ``EntityNotFoundException``."""
        self.check_catalog(CatalogId)
        with self.store.write() as db:
            old = self._function(DatabaseName, FunctionName)
            db.execute(
                "DELETE FROM functions WHERE database = ? AND name = ?",
                (old["DatabaseName"], old["FunctionName"]),
            )
        return {}

    def _find(self, database: str, name: str) -> Shape | None:
        row = self.store.one(
            "SELECT body FROM functions WHERE database = ? AND name = ?", (database.lower(), name.lower())
        )
        return self._shape(row[0]) if row else None

    def _function(self, database: str, name: str) -> Shape:
        self.database(database)
        found = self._find(database, name)
        if found is None:
            raise not_found(f"Function {name.lower()} not found.")
        return found

    def _shape(self, body: str) -> Shape:
        return {**loads(body), "CatalogId": self.cloud.account_id}
