"""``GlueTable``: a table in the lake that a Glue job writes; with counts, schema, lineage, log and checks."""

import hashlib
from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from mlops_platform.components.base import (
    Column,
    ComponentError,
    PlatformComponent,
    column_lineage,
    lost_connections_retried,
    table_schema,
)
from mlops_platform.components.glue_table_run import GlueTableRun
from mlops_platform.components.scaffolding import GlueTableScaffolder
from mlops_platform.components.table_checks import TableCheckSettings, check_specs
from mlops_platform.declaration import Declaration, GlueJobNeeds
from mlops_platform.resources.athena import AthenaResource
from mlops_platform.resources.aws import AwsResource
from mlops_platform.resources.glue import GlueResource
from mlops_platform.resources.s3 import S3Resource

JOB_PARAMETERS = (
    "database",
    "table",
    "lake_path",
    "source_path",
    "partitions",
    "quarantine_table",
    "connection",
)


@dg.scaffold_with(GlueTableScaffolder)
class GlueTable(PlatformComponent):
    """A Hive-partitioned Parquet table in the Glue Data Catalog, written by the Glue script beside this file.

    The script is called as on AWS with ``--database --table --lake_path``, and, where they apply,
    ``--source_path --partitions --quarantine_table --connection``, plus ``arguments``. A range of
    partitions is one job run.
    """

    database: str
    table: str
    script: str = Field(description="The Glue script, a file beside this defs.yaml.")
    csv_source: str | None = Field(
        default=None, description="The S3CsvSource it reads, partition by partition."
    )
    start_date: str | None = Field(default=None, description="First day; makes the table partitioned by day.")
    end_date: str | None = None
    partition_column: str = "day"
    deps: list[str] = Field(default=[], description="Further assets it reads, e.g. `support/customers`.")
    connections: list[str] = Field(
        default=[], description="Glue connections of the job (PostgresSource names)."
    )
    quarantine_table: str | None = Field(
        default=None, description="Table of malformed rows the script writes."
    )
    arguments: dict[str, str] = Field(
        default={}, description="Further job arguments, without the leading --."
    )
    columns: list[Column] = []
    checks: TableCheckSettings = TableCheckSettings()
    worker_type: str = "G.1X"
    number_of_workers: int = 2
    timeout_minutes: int = 60
    description: str | None = None
    owners: list[str] = []
    group: str = "etl"

    @property
    def key(self) -> dg.AssetKey:
        """The table's asset key."""
        return dg.AssetKey([self.database, self.table])

    @property
    def quarantine_key(self) -> dg.AssetKey | None:
        """The asset key of the table of malformed rows."""
        return dg.AssetKey([self.database, self.quarantine_table]) if self.quarantine_table else None

    @property
    def job_name(self) -> str:
        """The Glue job's declared name."""
        return f"{self.database}-{self.table}"

    def check_declared(self) -> None:
        """Refuse a missing script, a source without days, and arguments the platform sets itself."""
        if not (self.folder / self.script).is_file():
            raise ComponentError(f"{self.where}: there is no script {self.script!r} beside it.")
        if self.csv_source and not self.start_date:
            raise ComponentError(f"{self.where}: csv_source needs start_date, the first day to read.")
        taken = sorted(set(self.arguments) & set(JOB_PARAMETERS))
        if taken:
            raise ComponentError(
                f"{self.where}: the platform sets the arguments {taken} itself; rename yours."
            )

    def declare(self) -> Declaration:
        """A Glue job, its database and its connections."""
        job = GlueJobNeeds(
            name=self.job_name,
            script=str(self.folder / self.script),
            connections=tuple(self.connections),
            worker_type=self.worker_type,
            number_of_workers=self.number_of_workers,
            timeout_minutes=self.timeout_minutes,
        )
        return Declaration(glue_jobs=(job,), databases=(self.database,))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002 - Dagster's signature
        """The table (and its quarantine) as one step, with its blocking checks."""
        return dg.Definitions(assets=[self._asset()])

    def _specs(self) -> list[dg.AssetSpec]:
        upstream = [self.csv_source, *self.deps] if self.csv_source else self.deps
        spec = dg.AssetSpec(
            self.key,
            deps=[dg.AssetKey(d.split("/")) for d in upstream],
            description=self.description,
            group_name=self.group,
            owners=self.owners,
            kinds={"glue", "parquet"},
            code_version=_digest((self.folder / self.script).read_bytes()),
            metadata={
                "dagster/table_name": f"{self.database}.{self.table}",
                "dagster/column_schema": table_schema(self.columns),
            },
        )
        lineage = column_lineage(self.columns, self.where)
        if lineage is not None:
            spec = spec.merge_attributes(metadata={"dagster/column_lineage": lineage})
        if self.quarantine_key is None:
            return [spec]
        text = f"Rows that {self.table} refused, each with its file, row number and reason."
        metadata = {"dagster/table_name": f"{self.database}.{self.quarantine_table}"}
        return [spec, spec.replace_attributes(key=self.quarantine_key, description=text, metadata=metadata)]

    def _asset(self) -> dg.AssetsDefinition:
        partitions = (
            dg.DailyPartitionsDefinition(start_date=self.start_date, end_date=self.end_date)
            if self.start_date
            else None
        )

        @dg.multi_asset(
            specs=self._specs(),
            name=f"{self.database}__{self.table}",
            check_specs=check_specs(self.key, self.checks, quarantined=self.quarantine_table is not None),
            partitions_def=partitions,
            backfill_policy=dg.BackfillPolicy.single_run() if partitions else None,
            pool="glue",
        )
        def write(
            context: dg.AssetExecutionContext,
            aws: AwsResource,
            s3: S3Resource,
            glue: GlueResource,
            athena: AthenaResource,
        ) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
            with lost_connections_retried():
                yield from GlueTableRun(self, context, aws, s3, glue, athena).results()

        return write


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
