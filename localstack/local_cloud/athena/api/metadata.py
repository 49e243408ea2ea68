"""Data catalogs, databases and tables: https://docs.aws.amazon.com/athena/latest/APIReference/API_ListTableMetadata.html"""

import re

from local_cloud.athena.api.base import Base, Shape, invalid
from local_cloud.athena.api.saved import Saved
from local_cloud.errors import ServiceError

CATALOG = "AwsDataCatalog"


def _missing(error: ServiceError) -> ServiceError:
    return (
        ServiceError("MetadataException", error.message, 400)
        if error.code == "EntityNotFoundException"
        else error
    )


def _table(raw: Shape) -> Shape:
    descriptor = raw.get("StorageDescriptor") or {}
    serde = descriptor.get("SerdeInfo") or {}
    parameters = dict(raw.get("Parameters") or {})
    for name, value in (
        ("inputformat", descriptor.get("InputFormat")), ("outputformat", descriptor.get("OutputFormat")),
        ("location", descriptor.get("Location")), ("serde.serialization.lib", serde.get("SerializationLibrary")),
    ):  # fmt: skip
        if value:
            parameters[name] = value
    parameters |= {f"serde.param.{k}": v for k, v in (serde.get("Parameters") or {}).items()}
    shown = {"Name": raw["Name"], "TableType": raw.get("TableType") or "", "Parameters": parameters}
    for name in ("CreateTime", "LastAccessTime"):
        if raw.get(name):
            shown[name] = raw[name]
    for name, columns in (
        ("Columns", descriptor.get("Columns")),
        ("PartitionKeys", raw.get("PartitionKeys")),
    ):
        shown[name] = [{k: c[k] for k in ("Name", "Type", "Comment") if c.get(k)} for c in columns or []]
    return shown


class Metadata(Saved):
    """What the Glue Data Catalog holds, in Athena's shapes."""

    def _glue(self, catalog: str) -> Base:
        if catalog.lower() != CATALOG.lower():
            raise invalid(f"Data catalog {catalog} is not found")
        glue: Base = self.cloud.engines["glue"]
        return glue

    def list_data_catalogs(
        self, *, NextToken: str | None = None, MaxResults: int = 50, WorkGroup: str | None = None
    ) -> Shape:
        """The one catalog there is."""
        del NextToken, MaxResults, WorkGroup
        return {"DataCatalogsSummary": [{"CatalogName": CATALOG, "Type": "GLUE"}]}

    def get_data_catalog(self, *, Name: str, WorkGroup: str | None = None) -> Shape:
        """Raises: InvalidRequestException."""
        del WorkGroup
        self._glue(Name)
        return {
            "DataCatalog": {
                "Name": CATALOG,
                "Type": "GLUE",
                "Parameters": {"catalog-id": self.cloud.account_id},
            }
        }

    def list_databases(
        self,
        *,
        CatalogName: str,
        NextToken: str | None = None,
        MaxResults: int = 50,
        WorkGroup: str | None = None,
    ) -> Shape:
        """Raises: InvalidRequestException."""
        del WorkGroup
        arguments = {"NextToken": NextToken} if NextToken else {}
        page = self._glue(CatalogName).get_databases(MaxResults=MaxResults, **arguments)  # type: ignore[attr-defined]
        more = {"NextToken": page["NextToken"]} if page.get("NextToken") else {}
        return {"DatabaseList": [self._database(d) for d in page["DatabaseList"]], **more}

    def _database(self, raw: Shape) -> Shape:
        return {"Name": raw["Name"], "Parameters": raw.get("Parameters") or {}} | (
            {"Description": raw["Description"]} if raw.get("Description") else {}
        )

    def get_database(self, *, CatalogName: str, DatabaseName: str, WorkGroup: str | None = None) -> Shape:
        """Raises: MetadataException."""
        del WorkGroup
        try:
            found = self._glue(CatalogName).get_database(Name=DatabaseName)["Database"]  # type: ignore[attr-defined]
        except ServiceError as error:
            raise _missing(error) from error
        return {"Database": self._database(found)}

    def list_table_metadata(
        self,
        *,
        CatalogName: str,
        DatabaseName: str,
        Expression: str | None = None,
        NextToken: str | None = None,
        MaxResults: int = 50,
        WorkGroup: str | None = None,
    ) -> Shape:
        """``Expression``: a regular expression over table names. Raises: MetadataException, InvalidRequestException."""
        del WorkGroup
        arguments: Shape = {"DatabaseName": DatabaseName, "MaxResults": MaxResults}
        if Expression:
            try:
                re.compile(Expression)
            except re.error as error:
                raise invalid(f"Expression {Expression!r} is not a regular expression: {error}") from error
            arguments["Expression"] = Expression
        if NextToken:
            arguments["NextToken"] = NextToken
        try:
            page = self._glue(CatalogName).get_tables(**arguments)  # type: ignore[attr-defined]
        except ServiceError as error:
            raise _missing(error) from error
        more = {"NextToken": page["NextToken"]} if page.get("NextToken") else {}
        return {"TableMetadataList": [_table(t) for t in page["TableList"]], **more}

    def get_table_metadata(
        self, *, CatalogName: str, DatabaseName: str, TableName: str, WorkGroup: str | None = None
    ) -> Shape:
        """Raises: MetadataException."""
        del WorkGroup
        try:
            found = self._glue(CatalogName).get_table(DatabaseName=DatabaseName, Name=TableName)["Table"]  # type: ignore[attr-defined]
        except ServiceError as error:
            raise _missing(error) from error
        return {"TableMetadata": _table(found)}
