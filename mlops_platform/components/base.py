"""What every component of the platform shares: its folder, what it declares, and its columns."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import dagster as dg
from pydantic import Field, PrivateAttr

from mlops_platform.declaration import Declaration

LOST_CONNECTION_RETRIES = 3
LOST_CONNECTION_PAUSE_SECONDS = 2


class ComponentError(ValueError):
    """A ``defs.yaml`` that cannot be what its author meant; the message names the file and the cure."""


class Column(dg.Model, dg.Resolvable):
    """A column: its name, its Athena (or, for PostgreSQL, PostgreSQL) type and what it means."""

    name: str
    type: str = "string"
    description: str | None = None
    required: bool = Field(default=False, description="A row without a value here is malformed.")
    lineage: list[str] = Field(
        default=[],
        description="Upstream columns it is made of, each `asset/key.column`, e.g. `tickets.opened_at`.",
    )


class PlatformComponent(dg.Component, dg.Model, dg.Resolvable):
    """A thing a user declares in a ``defs.yaml``: Dagster definitions, and what they need from AWS."""

    _folder: Path = PrivateAttr()

    @classmethod
    def load(cls, attributes: Any, context: dg.ComponentLoadContext) -> Self:
        """Called by Dagster with the attributes of one ``defs.yaml``."""
        component = super().load(attributes, context)
        component._folder = context.path
        component.check_declared()
        return component

    @property
    def folder(self) -> Path:
        """Where the ``defs.yaml`` lies, and beside it what belongs to it."""
        return self._folder

    @property
    def where(self) -> str:
        """The ``defs.yaml``, for messages."""
        return str(self._folder / "defs.yaml")

    def check_declared(self) -> None:
        """Refuse attributes that contradict each other. Raises ComponentError."""

    @abstractmethod
    def declare(self) -> Declaration:
        """What a deployment must provide for this component."""


def table_schema(columns: Sequence[Column]) -> dg.TableSchema:
    """The columns as Dagster shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(c.name, c.type, c.description, dg.TableColumnConstraints(nullable=not c.required))
            for c in columns
        ]
    )


def column_lineage(columns: Sequence[Column], where: str) -> dg.TableColumnLineage | None:
    """The declared lineage of the columns, None if none is declared.

    Raises:
        ComponentError: an entry is not of the form ``asset/key.column``.
    """
    deps: dict[str, list[dg.TableColumnDep]] = {}
    for column in columns:
        for entry in column.lineage:
            asset, _, name = entry.rpartition(".")
            if not asset or not name:
                raise ComponentError(
                    f"{where}: lineage {entry!r} of column {column.name!r} must read `asset/key.column`."
                )
            deps.setdefault(column.name, []).append(
                dg.TableColumnDep(asset_key=dg.AssetKey(asset.split("/")), column_name=name)
            )
    return dg.TableColumnLineage(deps_by_column=deps) if deps else None


@contextmanager
def lost_connections_retried() -> Iterator[None]:
    """Turn a connection to AWS that broke (not an answer it gave) into a retry of the step."""
    from botocore.exceptions import ConnectionError as BrokenConnectionError
    from botocore.exceptions import HTTPClientError

    try:
        yield
    except (BrokenConnectionError, HTTPClientError) as error:
        raise dg.RetryRequested(LOST_CONNECTION_RETRIES, LOST_CONNECTION_PAUSE_SECONDS) from error
