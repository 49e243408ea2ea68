"""Connections (https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-catalog-connections-connections.html)."""

from typing import Any

from local_cloud.errors import ServiceError
from local_cloud.glue.base import exists, invalid, not_found, page
from local_cloud.glue.databases_reached import ConnectionFailed, connect
from local_cloud.glue.functions import Functions
from local_cloud.glue.store import decode_token, dumps, encode_token, loads, now

Shape = dict[str, Any]


class Connections(Functions):
    """How jobs reach databases. Passwords belong in Secrets Manager (``SECRET_ID``)."""

    def create_connection(
        self, *, ConnectionInput: Shape, CatalogId: str | None = None, Tags: Shape | None = None
    ) -> Shape:
        """Raises: ``AlreadyExistsException``, ``InvalidInputException``."""
        self.check_catalog(CatalogId)
        name = ConnectionInput["Name"]
        _check(ConnectionInput)
        created = now()
        with self.store.write() as db:
            if db.execute("SELECT 1 FROM connections WHERE name = ?", (name,)).fetchone():
                raise exists(f"Connection {name} already exists.")
            body = {**ConnectionInput, "CreationTime": created, "LastUpdatedTime": created, "Status": "READY"}
            db.execute("INSERT INTO connections VALUES (?, ?)", (name, dumps(body)))
            for tag, value in (Tags or {}).items():
                db.execute(
                    "INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", (self.arn("connection", name), tag, value)
                )
        return {"CreateConnectionStatus": "READY"}

    def get_connection(
        self,
        *,
        Name: str,
        CatalogId: str | None = None,
        HidePassword: bool | None = None,
        ApplyOverrideForComputeEnvironment: str | None = None,  # noqa: ARG002 - no overrides are stored apart
    ) -> Shape:
        """Raises: ``EntityNotFoundException``."""
        self.check_catalog(CatalogId)
        return {"Connection": _hide(self._connection(Name), HidePassword)}

    def get_connections(
        self,
        *,
        CatalogId: str | None = None,
        Filter: Shape | None = None,
        HidePassword: bool | None = None,
        NextToken: str | None = None,
        MaxResults: int | None = None,
    ) -> Shape:
        """A page of at most 100 connections by name, filtered by ``ConnectionType`` and ``MatchCriteria``."""
        self.check_catalog(CatalogId)
        chosen = Filter or {}
        position = decode_token(NextToken)
        rows = self.store.read(
            "SELECT body FROM connections WHERE name > ? ORDER BY name", (position[0] if position else "",)
        )
        kept = [body for body in (loads(row[0]) for row in rows) if _matches(body, chosen)]
        limit = MaxResults or 100
        token = encode_token(kept[limit - 1]["Name"]) if len(kept) > limit else None
        return page("ConnectionList", [_hide(body, HidePassword) for body in kept[:limit]], token)

    def update_connection(self, *, Name: str, ConnectionInput: Shape, CatalogId: str | None = None) -> Shape:
        """Raises: ``EntityNotFoundException``, ``InvalidInputException``."""
        self.check_catalog(CatalogId)
        _check(ConnectionInput)
        with self.store.write() as db:
            old = self._connection(Name)
            body = {
                **ConnectionInput,
                "Name": Name,
                "CreationTime": old["CreationTime"],
                "LastUpdatedTime": now(),
                "Status": "READY",
            }
            db.execute("UPDATE connections SET body = ? WHERE name = ?", (dumps(body), Name))
        return {}

    def delete_connection(self, *, ConnectionName: str, CatalogId: str | None = None) -> Shape:
        """Raises: ``EntityNotFoundException``."""
        self.check_catalog(CatalogId)
        with self.store.write() as db:
            if not db.execute("DELETE FROM connections WHERE name = ?", (ConnectionName,)).rowcount:
                raise not_found(f"Connection {ConnectionName} not found.")
            db.execute("DELETE FROM tags WHERE arn = ?", (self.arn("connection", ConnectionName),))
        return {}

    def batch_delete_connection(
        self, *, ConnectionNameList: list[str], CatalogId: str | None = None
    ) -> Shape:
        """Delete up to 25 connections; those that fail are keyed by name in ``Errors``."""
        self.check_catalog(CatalogId)
        if len(ConnectionNameList) > 25:
            raise invalid("BatchDeleteConnection: at most 25 connections in one request.")
        done: list[str] = []
        errors: Shape = {}
        for name in ConnectionNameList:
            try:
                self.delete_connection(ConnectionName=name)
                done.append(name)
            except ServiceError as error:
                errors[name] = {"ErrorCode": error.code, "ErrorMessage": error.message}
        return {"Succeeded": done, "Errors": errors}

    def test_connection(
        self,
        *,
        ConnectionName: str | None = None,
        CatalogId: str | None = None,
        TestConnectionInput: Shape | None = None,
    ) -> Shape:
        """Open a connection to PostgreSQL and close it again.

        Raises:
            ServiceError: ``InvalidInputException`` with what the database or the definition says is wrong.
        """
        self.check_catalog(CatalogId)
        if (ConnectionName is None) == (TestConnectionInput is None):
            raise invalid("TestConnection: give ConnectionName or TestConnectionInput.")
        tested = (
            self._connection(ConnectionName)
            if ConnectionName
            else {"Name": "(given)", **(TestConnectionInput or {})}
        )
        _check(tested)
        try:
            with connect(self.cloud, tested):
                return {}
        except ConnectionFailed as error:
            raise invalid(str(error)) from None

    def _connection(self, name: str) -> Shape:
        row = self.store.one("SELECT body FROM connections WHERE name = ?", (name,))
        if row is None:
            raise not_found(f"Connection {name} not found.")
        return dict(loads(row[0]))


def _check(connection: Shape) -> None:
    properties = connection.get("ConnectionProperties") or {}
    if connection["ConnectionType"] == "JDBC" and "JDBC_CONNECTION_URL" not in properties:
        raise invalid("A JDBC connection needs the property JDBC_CONNECTION_URL.")


def _hide(connection: Shape, hide: bool | None) -> Shape:
    if not hide:
        return connection
    secret = ("PASSWORD", "ENCRYPTED_PASSWORD")
    properties = {
        key: value for key, value in connection.get("ConnectionProperties", {}).items() if key not in secret
    }
    return {**connection, "ConnectionProperties": properties}


def _matches(connection: Shape, chosen: Shape) -> bool:
    if chosen.get("ConnectionType") not in (None, connection.get("ConnectionType")):
        return False
    return set(chosen.get("MatchCriteria") or []) <= set(connection.get("MatchCriteria") or [])
