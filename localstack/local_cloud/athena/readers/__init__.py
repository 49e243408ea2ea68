"""Readers of data files: how many bytes a scan needs, and the DuckDB text that gives the declared columns."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from local_cloud.athena.readers.json_lines import JsonReader
from local_cloud.athena.readers.parquet import ParquetReader
from local_cloud.athena.readers.text import LazyReader, OpenCsvReader, WholeFiles

if TYPE_CHECKING:
    from local_cloud.athena.catalog import Column, Table
    from local_cloud.athena.scans import DataFile


class Reader(Protocol):
    """A file format."""

    def bytes(self, files: "Sequence[DataFile]", needed: set[str]) -> int:
        """The bytes that must be read of ``files`` for the columns ``needed``."""
        ...

    def arms(
        self, files: "Sequence[DataFile]", table: "Table", columns: "Sequence[Column]"
    ) -> list[tuple[str, str]]:
        """(select list, FROM item aliased ``f`` with a ``filename`` column) pairs that together give every row."""
        ...


class DecodedReader(WholeFiles):
    """ORC and Avro, Parquet by the time they are read. Their bytes count whole: neither file tells a column's."""

    def bytes(self, files: "Sequence[DataFile]", needed: set[str]) -> int:
        return super().bytes(files, needed) if needed else 0

    def arms(
        self, files: "Sequence[DataFile]", table: "Table", columns: "Sequence[Column]"
    ) -> list[tuple[str, str]]:
        return ParquetReader().arms(files, table, columns)


READERS: dict[str, Reader] = {
    "parquet": ParquetReader(), "iceberg": ParquetReader(), "orc": DecodedReader(), "avro": DecodedReader(),
    "lazy": LazyReader(), "opencsv": OpenCsvReader(), "json": JsonReader(),
}  # fmt: skip
