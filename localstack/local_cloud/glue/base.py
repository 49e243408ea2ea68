"""What every part of the Glue engine shares: its store, its cloud, and AWS's words for common errors."""

from typing import Any

from local_cloud.cloud import Cloud
from local_cloud.errors import ServiceError
from local_cloud.glue.outbox import Outbox
from local_cloud.glue.store import Store, decode_token, encode_token, loads

Row = tuple[Any, ...]


class EngineBase:
    """State common to the parts of the engine."""

    service = "glue"
    cloud: Cloud
    store: Store
    outbox: Outbox

    def arn(self, kind: str, name: str) -> str:
        """The ARN of a Glue resource, e.g. ``arn:aws:glue:us-east-1:000000000000:job/etl``."""
        return f"arn:aws:glue:{self.cloud.region}:{self.cloud.account_id}:{kind}/{name}"

    def check_catalog(self, catalog_id: str | None) -> None:
        """Refuse a catalog other than the account's own.

        Raises:
            ServiceError: ``EntityNotFoundException``.
        """
        if catalog_id not in (None, "", self.cloud.account_id):
            raise ServiceError(
                "EntityNotFoundException",
                f"Catalog {catalog_id} not found. The local cloud has one catalog: {self.cloud.account_id}.",
            )

    def tell_database(self, operation: str, database: str, *tables: str) -> None:
        """Record the event of a database's change inside the caller's transaction."""
        database = database.lower()
        names = [name.lower() for name in tables]
        detail: dict[str, Any] = {"databaseName": database, "typeOfChange": operation}
        arns = [self.arn("table", f"{database}/{name}") for name in names]
        if names:
            detail["changedTables"] = names
        self.outbox.add(
            "Glue Data Catalog Database State Change", detail, *(arns or [self.arn("database", database)])
        )

    def tell_table(
        self, operation: str, table: dict[str, Any], partitions: list[list[str]] | None = None
    ) -> None:
        """Record the event of a table's change, or of its partitions', inside the caller's transaction."""
        detail: dict[str, Any] = {"databaseName": table["DatabaseName"], "typeOfChange": operation}
        if partitions is not None:
            if not partitions:
                return
            detail["changedPartitions"] = [f"[{', '.join(values)}]" for values in partitions]
        detail["tableName"] = table["Name"]
        arn = self.arn("table", f"{table['DatabaseName']}/{table['Name']}")
        self.outbox.add("Glue Data Catalog Table State Change", detail, arn)

    def named_page(
        self,
        table: str,
        name: str,
        token: str | None,
        limit: int,
    ) -> tuple[list[Any], str | None]:
        """One page of the bodies of ``table`` in the order of column ``name``, and the token of the next.

        ``table`` and ``name`` are this engine's own words, never a caller's.
        """
        position = decode_token(token)
        after = "" if position is None else position[0]
        rows = self.store.read(
            f"SELECT {name}, body FROM {table} WHERE {name} > ? ORDER BY {name} LIMIT ?",  # noqa: S608
            (after, limit + 1),
        )
        bodies = [loads(body) for _, body in rows[:limit]]
        return bodies, encode_token(rows[limit - 1][0]) if len(rows) > limit else None


def not_found(message: str) -> ServiceError:
    """``EntityNotFoundException``."""
    return ServiceError("EntityNotFoundException", message)


def exists(message: str) -> ServiceError:
    """``AlreadyExistsException``."""
    return ServiceError("AlreadyExistsException", message)


def invalid(message: str) -> ServiceError:
    """``InvalidInputException``."""
    return ServiceError("InvalidInputException", message)


def page(items: str, values: list[Any], token: str | None) -> dict[str, Any]:
    """A list response: ``NextToken`` is present only when there is more."""
    return {items: values} if token is None else {items: values, "NextToken": token}


def refuse(feature: str, **members: object) -> None:
    """Refuse request members the engine does not honour.

    Raises:
        ServiceError: ``InvalidInputException`` that names the member.
    """
    for member, value in members.items():
        if value is not None:
            raise invalid(f"{feature}: the local cloud does not support {member}.")
