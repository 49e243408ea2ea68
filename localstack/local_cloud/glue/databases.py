"""Databases of the Data Catalog (https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-catalog-databases.html)."""

from typing import Any

from local_cloud.errors import ServiceError
from local_cloud.glue.base import EngineBase, exists, not_found, page
from local_cloud.glue.store import dumps, loads, now

Shape = dict[str, Any]


class Databases(EngineBase):
    """Create, read, update and delete databases. Names are kept in lower case, as Glue does."""

    def create_database(
        self, *, DatabaseInput: Shape, CatalogId: str | None = None, Tags: Shape | None = None
    ) -> Shape:
        """Raises: ``AlreadyExistsException``."""
        self.check_catalog(CatalogId)
        name = DatabaseInput["Name"].lower()
        body = {**DatabaseInput, "Name": name, "CreateTime": now(), "CatalogId": self.cloud.account_id}
        with self.store.write() as db:
            if db.execute("SELECT 1 FROM databases WHERE name = ?", (name,)).fetchone():
                raise exists("Database already exists.")
            db.execute("INSERT INTO databases VALUES (?, ?)", (name, dumps(body)))
            for tag, value in (Tags or {}).items():
                db.execute(
                    "INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", (self.arn("database", name), tag, value)
                )
            self.tell_database("CreateDatabase", name)
        return {}

    def get_database(self, *, Name: str, CatalogId: str | None = None) -> Shape:
        """Raises: ``EntityNotFoundException``."""
        self.check_catalog(CatalogId)
        return {"Database": self.database(Name)}

    def get_databases(
        self,
        *,
        CatalogId: str | None = None,
        NextToken: str | None = None,
        MaxResults: int | None = None,
        ResourceShareType: str | None = None,
        AttributesToGet: list[str] | None = None,
    ) -> Shape:
        """A page of at most 100 databases by name; none is shared from elsewhere, so FOREIGN is empty."""
        self.check_catalog(CatalogId)
        if ResourceShareType in ("FOREIGN", "FEDERATED"):
            return page("DatabaseList", [], None)
        bodies, token = self.named_page("databases", "name", NextToken, MaxResults or 100)
        if AttributesToGet == ["NAME"]:
            bodies = [{"Name": body["Name"]} for body in bodies]
        return page("DatabaseList", bodies, token)

    def update_database(self, *, Name: str, DatabaseInput: Shape, CatalogId: str | None = None) -> Shape:
        """Replace a database's description, location and parameters; the name cannot change."""
        self.check_catalog(CatalogId)
        name = Name.lower()
        with self.store.write() as db:
            row = db.execute("SELECT body FROM databases WHERE name = ?", (name,)).fetchone()
            if row is None:
                raise not_found(f"Database {name} not found.")
            if DatabaseInput["Name"].lower() != name:
                raise ServiceError("InvalidInputException", "Database name cannot be changed.")
            old = loads(row[0])
            body = {
                **DatabaseInput,
                "Name": name,
                "CreateTime": old["CreateTime"],
                "CatalogId": old["CatalogId"],
            }
            db.execute("UPDATE databases SET body = ? WHERE name = ?", (dumps(body), name))
        return {}

    def delete_database(self, *, Name: str, CatalogId: str | None = None) -> Shape:
        """Delete a database with all its tables, partitions and functions, as Glue does."""
        self.check_catalog(CatalogId)
        name = Name.lower()
        with self.store.write() as db:
            if not db.execute("DELETE FROM databases WHERE name = ?", (name,)).rowcount:
                raise not_found(f"Database {name} not found.")
            db.execute("DELETE FROM tags WHERE arn = ?", (self.arn("database", name),))
            self.tell_database("DeleteDatabase", name)
        return {}

    def database(self, name: str) -> Shape:
        """The ``Database`` shape.

        Raises:
            ServiceError: ``EntityNotFoundException``.
        """
        row = self.store.one("SELECT body FROM databases WHERE name = ?", (name.lower(),))
        if row is None:
            raise not_found(f"Database {name.lower()} not found.")
        return dict(loads(row[0]))
