"""CREATE EXTERNAL TABLE: https://docs.aws.amazon.com/athena/latest/ug/create-table.html"""

from typing import Any

from local_cloud.athena.ddl.tokens import Reader
from local_cloud.athena.errors import QueryError, unsupported
from local_cloud.athena.trino.types import hive_name, parse_type

Shape = dict[str, Any]
_PARQUET = (
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
)
_TEXT = (
    "org.apache.hadoop.mapred.TextInputFormat",
    "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
)
_LAZY = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
_ORC = (
    "org.apache.hadoop.hive.ql.io.orc.OrcInputFormat",
    "org.apache.hadoop.hive.ql.io.orc.OrcOutputFormat",
    "org.apache.hadoop.hive.ql.io.orc.OrcSerde",
)
_AVRO = (
    "org.apache.hadoop.hive.ql.io.avro.AvroContainerInputFormat",
    "org.apache.hadoop.hive.ql.io.avro.AvroContainerOutputFormat",
    "org.apache.hadoop.hive.serde2.avro.AvroSerDe",
)
JSON = "org.openx.data.jsonserde.JsonSerDe"
FORMATS = {
    "PARQUET": _PARQUET, "TEXTFILE": (*_TEXT, _LAZY), "ORC": _ORC, "AVRO": _AVRO, "JSON": (*_TEXT, JSON),
}  # fmt: skip


def column_type(reader: Reader, *stops: str) -> str:
    """The Hive type at the reader's place, in Glue's notation; ``stops``: words that may follow beside COMMENT.

    Raises:
        QueryError.
    """
    start, depth = reader.peek().start, 0
    end = start
    while not reader.ended:
        token = reader.peek()
        if token.kind == "symbol" and token.text in "<(":
            depth += 1
        elif token.kind == "symbol" and token.text in ">)":
            if depth == 0:
                break
            depth -= 1
        elif depth == 0 and (token.text == "," or token.upper in ("COMMENT", *stops)):
            break
        end = reader.next().end
    if end == start:
        raise reader.error("<type>")
    return hive_name(parse_type(reader.sql[start:end].replace("`", '"')))


def columns(reader: Reader) -> list[Shape]:
    """``(name type [COMMENT '...'], ...)``."""
    found: list[Shape] = []
    reader.need("(")
    while True:
        column: Shape = {"Name": reader.name()}
        column["Type"] = column_type(reader)
        if reader.words("COMMENT"):
            column["Comment"] = reader.string()
        found.append(column)
        if not reader.symbol(","):
            break
    reader.need(")")
    return found


def properties(reader: Reader) -> dict[str, str]:
    """``('key' = 'value', ...)``."""
    found: dict[str, str] = {}
    reader.need("(")
    while True:
        key = reader.string()
        reader.need("=")
        found[key] = reader.string()
        if not reader.symbol(","):
            break
    reader.need(")")
    return found


class TableReader:
    """Reads the clauses after the name."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.columns: list[Shape] = []
        self.keys: list[Shape] = []
        self.comment: str | None = None
        self.location: str | None = None
        self.properties: dict[str, str] = {}
        self.serde: str | None = None
        self.serde_properties: dict[str, str] = {}
        self.formats: tuple[str, str] | None = None
        self.stored: str | None = None

    def read(self) -> None:
        """Every clause, in whatever order.

        Raises:
            QueryError.
        """
        reader = self.reader
        self.columns = columns(reader)
        while not reader.ended:
            if reader.words("COMMENT"):
                self.comment = reader.string()
            elif reader.words("PARTITIONED", "BY"):
                self.keys = columns(reader)
            elif reader.words("ROW", "FORMAT"):
                self._row_format()
            elif reader.words("WITH", "SERDEPROPERTIES"):
                self.serde_properties |= properties(reader)
            elif reader.words("STORED", "AS"):
                self._stored()
            elif reader.words("LOCATION"):
                self.location = reader.string()
            elif reader.words("TBLPROPERTIES"):
                self.properties = properties(reader)
            elif reader.peek().upper == "CLUSTERED":
                raise unsupported("CLUSTERED BY")
            else:
                raise reader.error("a table clause")

    def _row_format(self) -> None:
        reader = self.reader
        if reader.words("SERDE"):
            self.serde = reader.string()
            return
        reader.expect("DELIMITED")
        self.serde = _LAZY
        clauses = {
            ("FIELDS", "TERMINATED", "BY"): ("field.delim", "serialization.format"),
            ("ESCAPED", "BY"): ("escape.delim",),
            ("COLLECTION", "ITEMS", "TERMINATED", "BY"): ("colelction.delim",),  # as Hive spells it
            ("MAP", "KEYS", "TERMINATED", "BY"): ("mapkey.delim",),
            ("LINES", "TERMINATED", "BY"): ("line.delim",),
            ("NULL", "DEFINED", "AS"): ("serialization.null.format",),
        }
        progress = True
        while progress:
            progress = False
            for words, names in clauses.items():
                if reader.words(*words):
                    value = reader.string()
                    self.serde_properties |= dict.fromkeys(names, value)
                    progress = True

    def _stored(self) -> None:
        reader = self.reader
        if reader.words("INPUTFORMAT"):
            input_ = reader.string()
            reader.expect("OUTPUTFORMAT")
            self.formats = (input_, reader.string())
            return
        self.stored = reader.name().upper()
        if self.stored not in FORMATS:
            raise unsupported(f"STORED AS {self.stored}")

    def table_input(self, name: str) -> Shape:
        """The Glue TableInput.

        Raises:
            QueryError: FAILED for a missing LOCATION.
        """
        if not self.location:
            raise QueryError("FAILED", "SemanticException table is missing location")
        if not self.location.startswith("s3://"):
            raise QueryError("FAILED", f"SemanticException location must be an S3 address: {self.location}")
        input_, output, serde = FORMATS[self.stored or "TEXTFILE"]
        if self.formats:
            input_, output = self.formats
            serde = next((f[2] for f in FORMATS.values() if f[0] == input_), serde)
        taken = {c["Name"] for c in self.columns} & {c["Name"] for c in self.keys}
        if taken:
            raise QueryError(
                "FAILED",
                f"SemanticException [Error 10035]: Column repeated in partitioning columns: {min(taken)}",
            )
        parameters = {"EXTERNAL": "TRUE", **self.properties}
        if self.comment is not None:
            parameters["comment"] = self.comment
        return {
            "Name": name, "TableType": "EXTERNAL_TABLE", "PartitionKeys": self.keys, "Parameters": parameters,
            "StorageDescriptor": {
                "Columns": self.columns, "Location": self.location, "InputFormat": input_, "OutputFormat": output,
                "Compressed": False, "NumberOfBuckets": -1,
                "SerdeInfo": {
                    "SerializationLibrary": self.serde or serde,
                    "Parameters": self.serde_properties or {"serialization.format": "1"},
                },
            },
        }  # fmt: skip
