"""``GlueTable``: a table in the lake that a Glue job writes; with counts, schema, lineage, log and checks."""

from collections.abc import Iterator, Mapping, Sequence

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
from mlops_platform.components.csv_drops import day_prefix
from mlops_platform.components.drop_runs import read_version_metadata
from mlops_platform.components.scaffolding import GlueTableScaffolder
from mlops_platform.components.table_checks import TableCheckSettings, check_results, check_specs
from mlops_platform.components.table_counts import PartitionCounts, count_partitions
from mlops_platform.declaration import Declaration, GlueJobNeeds
from mlops_platform.resources.athena import AthenaResource
from mlops_platform.resources.aws import AwsResource
from mlops_platform.resources.glue import GlueJobError, GlueJobRun, GlueResource
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
                versions = self._drop_versions(context, aws, s3)
                run = self._run(context, aws, glue, versions)
                counts = count_partitions(athena, self, sorted(versions) if partitions else None)
                yield from self._results(context, glue, run, counts, versions)

        return write

    def _drop_versions(
        self, context: dg.AssetExecutionContext, aws: AwsResource, s3: S3Resource
    ) -> dict[str, str]:
        """The days to write, each with the version of its drop (empty text where no CSV source is read)."""
        if not context.has_partition_key and not context.has_partition_key_range:
            return {}
        days = list(context.partition_keys)
        if self.csv_source is None:
            return dict.fromkeys(days, "")
        source = aws.contract.csv_source(self.csv_source)
        drops = {day: s3.drop(source.bucket, day_prefix(source.prefix, day)) for day in days}
        versions = {day: drop.data_version for day, drop in drops.items() if drop.objects}
        if not versions:
            raise dg.Failure(
                f"There is no drop of {self.csv_source} for {days[0]}"
                + (f" .. {days[-1]}" if len(days) > 1 else "")
                + f". Put CSV files under s3://{source.bucket}/{day_prefix(source.prefix, days[0])}",
                allow_retries=False,
            )
        if len(versions) < len(days):
            context.log.warning(
                "No drop for %s; these days stay as they are.", sorted(set(days) - set(versions))
            )
        return versions

    def _run(
        self,
        context: dg.AssetExecutionContext,
        aws: AwsResource,
        glue: GlueResource,
        versions: Mapping[str, str],
    ) -> GlueJobRun:
        contract = aws.contract
        arguments = {
            "database": self.database,
            "table": self.table,
            "lake_path": f"s3://{contract.lake_bucket}",
        }
        if versions:
            arguments["partitions"] = ",".join(sorted(versions))
        if self.csv_source:
            source = contract.csv_source(self.csv_source)
            arguments["source_path"] = f"s3://{source.bucket}/{source.prefix}"
        if self.quarantine_table:
            arguments["quarantine_table"] = self.quarantine_table
        if self.connections:
            arguments["connection"] = ",".join(
                contract.postgres_source(c).glue_connection for c in self.connections
            )
        arguments |= self.arguments
        job = contract.glue_job(self.job_name)
        context.log.info("Starting Glue job %s %s", job, arguments)
        try:
            return glue.run_job(
                job,
                {f"--{k}": v for k, v in arguments.items()},
                on_log=lambda line: print(line, flush=True),  # noqa: T201 - the step's stdout is where Dagster keeps a job's log
            )
        except GlueJobError as error:
            raise dg.Failure(str(error), metadata={"log": _log(error.run)}, allow_retries=False) from error

    def _results(
        self,
        context: dg.AssetExecutionContext,
        glue: GlueResource,
        run: GlueJobRun,
        counts: PartitionCounts,
        versions: Mapping[str, str],
    ) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
        columns = glue.columns(self.database, self.table)
        for day, version in versions.items():
            self._partition_metadata(context, day, version, counts)
        yield dg.MaterializeResult(
            asset_key=self.key,
            metadata={
                "dagster/column_schema": table_schema(
                    [Column(name=n, type=t, description=c) for n, t, c in columns]
                ),
                **({} if versions else {"dagster/row_count": counts.total_rows}),
                "dagster/uri": glue.table(self.database, self.table)["StorageDescriptor"]["Location"],
                "job_run": f"{run.job_name} {run.run_id}",
                "job_seconds": run.seconds,
                "log": _log(run),
            },
            check_results=check_results(
                self.key,
                self.checks,
                self.columns,
                columns,
                counts,
                quarantined=self.quarantine_table is not None,
            ),
        )
        if self.quarantine_key is not None:
            reasons = "\n".join(f"| {r} | {n:,} |" for r, n in counts.reasons)
            yield dg.MaterializeResult(
                asset_key=self.quarantine_key,
                metadata={
                    **({} if versions else {"dagster/row_count": counts.total_quarantined}),
                    "reasons": dg.MetadataValue.md("| reason | rows |\n|---|---:|\n" + reasons),
                },
            )

    def _partition_metadata(
        self, context: dg.AssetExecutionContext, day: str, version: str, counts: PartitionCounts
    ) -> None:
        read = {read_version_metadata(self.csv_source): version} if self.csv_source else {}
        refused = {"dagster/row_count": counts.quarantined.get(day, 0)}
        own = {"dagster/row_count": counts.rows.get(day, 0), "quarantined_rows": refused["dagster/row_count"]}
        context.add_asset_metadata({**read, **own}, asset_key=self.key, partition_key=day)
        if self.quarantine_key is not None:
            context.add_asset_metadata({**read, **refused}, asset_key=self.quarantine_key, partition_key=day)


def _log(run: GlueJobRun) -> dg.MarkdownMetadataValue:
    lines: Sequence[str] = run.log_tail or ["(the job wrote nothing)"]
    return dg.MetadataValue.md(f"`{run.log_group}` stream `{run.run_id}`\n```\n" + "\n".join(lines) + "\n```")


def _digest(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()[:12]
