"""Rows into Iceberg tables: appended, or data files replaced by rewritten ones (copy on write), in one commit."""

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from local_cloud.athena.iceberg.tables import Source, catalog_of, errors
from local_cloud.athena.targets import file_value
from local_cloud.athena.trino.typed import identifier
from local_cloud.athena.trino.types import Type

if TYPE_CHECKING:
    from local_cloud.athena.catalog import Table
    from local_cloud.athena.run import Run


def arrow_items(texts: Iterable[str], columns: Iterable[tuple[str, Type]]) -> str:
    """Select items that give DuckDB texts of Trino values as Iceberg's columns."""
    return ", ".join(
        f"{_value(text, kind)} AS {identifier(name)}"
        for text, (name, kind) in zip(texts, columns, strict=True)
    )


def _value(text: str, kind: Type) -> str:
    if kind.base == "timestamp with time zone":
        return f"timezone('UTC', ({text}).t)"
    return file_value(text, kind)


def arrow(connection: Any, sql: str, schema: Any) -> Any:
    """The rows of ``sql`` as an Arrow table of an Iceberg schema, column by column in its order."""
    from pyiceberg.io.pyarrow import schema_to_pyarrow

    rows = connection.execute(sql).to_arrow_table()
    wanted = schema_to_pyarrow(schema, include_field_ids=False)
    return rows.rename_columns(wanted.names).cast(wanted)


def append(run: "Run", table: "Table", rows: Any) -> None:
    """One append commit; writers that append at the same time do not disturb each other.

    Raises:
        QueryError: ICEBERG_COMMIT_ERROR.
    """
    source: Source = table.source
    run.job.begin_writing(final=True)
    if rows.num_rows:
        with errors(f"{table.database}.{table.name}"):
            source.table.append(rows)


def create(run: "Run", identifier_: tuple[str, str], rows: Any, **definition: Any) -> None:
    """A new table with its first rows, in one commit; ``definition``: of PyIceberg's create_table.

    Raises:
        QueryError: TABLE_ALREADY_EXISTS, ICEBERG_COMMIT_ERROR.
    """
    run.job.begin_writing(final=True)
    with (
        errors(".".join(identifier_)),
        catalog_of(run.cloud).create_table_transaction(identifier_, **definition) as transaction,
    ):
        if rows is not None and rows.num_rows:
            transaction.append(rows)


def replace(run: "Run", table: "Table", paths: set[str], rows: Any) -> None:
    """Replaces the data files at ``paths`` by files of ``rows``, unless another commit came in between.

    Raises:
        QueryError: ICEBERG_COMMIT_ERROR.
    """
    from pyiceberg.io.pyarrow import _dataframe_to_data_files

    source: Source = table.source
    loaded = source.table
    run.job.begin_writing(final=True)
    with errors(f"{table.database}.{table.name}"):
        old = []
        if source.snapshot is not None:
            tasks = loaded.scan(snapshot_id=source.snapshot).plan_files()
            old = [t.file for t in tasks if t.file.file_path in paths]
        new = (
            list(_dataframe_to_data_files(loaded.metadata, rows, loaded.io, uuid.uuid4()))
            if rows.num_rows
            else []
        )
        transaction = loaded.transaction()
        with transaction.update_snapshot().overwrite() as snapshot:
            for file in old:
                snapshot.delete_data_file(file)
            for file in new:
                snapshot.append_data_file(file)
        transaction.commit_transaction()
