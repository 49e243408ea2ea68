"""One materialisation of a :class:`GlueTable`: run the job, ask Athena what is there now, report it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from mlops_platform.components.base import Column, column_lineage, table_schema
from mlops_platform.components.csv_drops import day_prefix
from mlops_platform.components.drop_runs import read_version_metadata
from mlops_platform.components.table_checks import check_results
from mlops_platform.components.table_counts import PartitionCounts, count_partitions
from mlops_platform.resources.athena import AthenaResource
from mlops_platform.resources.aws import AwsResource
from mlops_platform.resources.glue import GlueJobError, GlueJobRun, GlueResource
from mlops_platform.resources.s3 import S3Resource

if TYPE_CHECKING:
    from mlops_platform.components.glue_table import GlueTable


@dataclass(frozen=True)
class GlueTableRun:
    """The step that writes a table, with everything it speaks to."""

    table: "GlueTable"
    context: dg.AssetExecutionContext
    aws: AwsResource
    s3: S3Resource
    glue: GlueResource
    athena: AthenaResource

    def results(self) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
        """Write the partitions asked for and report the table, and its quarantine if it has one.

        Raises:
            dagster.Failure: there is nothing to read, or the job did not succeed.
        """
        versions = self._drop_versions()
        run = self._run_job(versions)
        counts = count_partitions(self.athena, self.table, sorted(versions) if versions else None)
        yield from self._materializations(run, counts, versions)

    def _drop_versions(self) -> dict[str, str]:
        """The days to write, each with the version of its drop (empty text where no CSV source is read)."""
        if not self.context.has_partition_key and not self.context.has_partition_key_range:
            return {}
        days = list(self.context.partition_keys)
        if self.table.csv_source is None:
            return dict.fromkeys(days, "")
        source = self.aws.contract.csv_source(self.table.csv_source)
        drops = {day: self.s3.drop(source.bucket, day_prefix(source.prefix, day)) for day in days}
        versions = {day: drop.data_version for day, drop in drops.items() if drop.objects}
        if not versions:
            raise dg.Failure(
                f"There is no drop of {self.table.csv_source} for {days[0]}"
                + (f" .. {days[-1]}" if len(days) > 1 else "")
                + f". Put CSV files under s3://{source.bucket}/{day_prefix(source.prefix, days[0])}",
                allow_retries=False,
            )
        if len(versions) < len(days):
            self.context.log.warning(
                "No drop for %s; these days stay as they are.", sorted(set(days) - set(versions))
            )
        return versions

    def _run_job(self, versions: Mapping[str, str]) -> GlueJobRun:
        contract = self.aws.contract
        arguments = {
            "database": self.table.database,
            "table": self.table.table,
            "lake_path": f"s3://{contract.lake_bucket}",
        }
        if versions:
            arguments["partitions"] = ",".join(sorted(versions))
        if self.table.csv_source:
            source = contract.csv_source(self.table.csv_source)
            arguments["source_path"] = f"s3://{source.bucket}/{source.prefix}"
        if self.table.quarantine_table:
            arguments["quarantine_table"] = self.table.quarantine_table
        if self.table.connections:
            arguments["connection"] = ",".join(
                contract.postgres_source(c).glue_connection for c in self.table.connections
            )
        arguments |= self.table.arguments
        job = contract.glue_job(self.table.job_name)
        self.context.log.info("Starting Glue job %s %s", job, arguments)
        try:
            return self.glue.run_job(
                job,
                {f"--{k}": v for k, v in arguments.items()},
                on_log=lambda line: print(line, flush=True),  # noqa: T201 - the step's stdout is where Dagster keeps a job's log
            )
        except GlueJobError as error:
            raise dg.Failure(str(error), metadata={"log": _log(error.run)}, allow_retries=False) from error

    def _materializations(
        self, run: GlueJobRun, counts: PartitionCounts, versions: Mapping[str, str]
    ) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
        columns = self.glue.columns(self.table.database, self.table.table)
        for day, version in versions.items():
            self._partition_metadata(day, version, counts)
        meanings = {c.name.lower(): c.description for c in self.table.columns}
        lineage = column_lineage(self.table.columns, self.table.where)
        yield dg.MaterializeResult(
            asset_key=self.table.key,
            metadata={
                "dagster/column_schema": table_schema(
                    [Column(name=n, type=t, description=c or meanings.get(n)) for n, t, c in columns]
                ),
                **({"dagster/column_lineage": lineage} if lineage else {}),
                **({} if versions else {"dagster/row_count": counts.total_rows}),
                "dagster/uri": self.glue.table(self.table.database, self.table.table)["StorageDescriptor"][
                    "Location"
                ],
                "job_run": f"{run.job_name} {run.run_id}",
                "job_seconds": run.seconds,
                "log": _log(run),
            },
            check_results=check_results(
                self.table.key,
                self.table.checks,
                self.table.columns,
                columns,
                counts,
                quarantined=self.table.quarantine_table is not None,
            ),
        )
        if self.table.quarantine_key is not None:
            reasons = "\n".join(f"| {r} | {n:,} |" for r, n in counts.reasons)
            yield dg.MaterializeResult(
                asset_key=self.table.quarantine_key,
                metadata={
                    **({} if versions else {"dagster/row_count": counts.total_quarantined}),
                    "reasons": dg.MetadataValue.md("| reason | rows |\n|---|---:|\n" + reasons),
                },
            )

    def _partition_metadata(self, day: str, version: str, counts: PartitionCounts) -> None:
        read = {read_version_metadata(self.table.csv_source): version} if self.table.csv_source else {}
        refused = {"dagster/row_count": counts.quarantined.get(day, 0)}
        own = {"dagster/row_count": counts.rows.get(day, 0), "quarantined_rows": refused["dagster/row_count"]}
        self.context.add_asset_metadata({**read, **own}, asset_key=self.table.key, partition_key=day)
        if self.table.quarantine_key is not None:
            self.context.add_asset_metadata(
                {**read, **refused}, asset_key=self.table.quarantine_key, partition_key=day
            )


def _log(run: GlueJobRun) -> dg.MarkdownMetadataValue:
    lines: Sequence[str] = run.log_tail or ["(the job wrote nothing)"]
    return dg.MetadataValue.md(f"`{run.log_group}` stream `{run.run_id}`\n```\n" + "\n".join(lines) + "\n```")
