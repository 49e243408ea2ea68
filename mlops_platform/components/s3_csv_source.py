"""``S3CsvSource``: daily drops of CSV files in S3, observed, checked, and watched by a sensor."""

import warnings
from datetime import date

import dagster as dg
from pydantic import Field

from mlops_platform.components.base import Column, ComponentError, PlatformComponent, table_schema
from mlops_platform.components.csv_drops import day_prefix, drops_by_day, observation
from mlops_platform.components.csv_headers import HEAD_BYTES, HeaderProblem, header_problem
from mlops_platform.components.s3_event_sensor import SensorSettings, event_sensor, reconcile_sensor
from mlops_platform.components.scaffolding import S3CsvSourceScaffolder
from mlops_platform.declaration import CsvSourceNeeds, Declaration
from mlops_platform.resources.aws import AwsResource
from mlops_platform.resources.s3 import S3Resource


@dg.scaffold_with(S3CsvSourceScaffolder)
class S3CsvSource(PlatformComponent):
    """Daily drops of CSV files under one prefix of the raw bucket.

    Drop files at ``s3://<raw bucket>/<prefix>day=YYYY-MM-DD/<anything>.csv``. Each day is a partition whose
    data version follows the ETags and sizes of its objects. Two sensors start what reads it: one on S3's
    events, one that now and then compares a listing with what is on record.
    """

    name: str = Field(description="Asset key of the source; slashes make a prefix.")
    start_date: str = Field(description="First day, YYYY-MM-DD.")
    end_date: str | None = Field(default=None, description="Day after the last one; open if left out.")
    prefix: str | None = Field(default=None, description="Key prefix in the raw bucket; default `<name>/`.")
    columns: list[Column] = Field(description="The columns every file's header must have, in any order.")
    description: str | None = None
    owners: list[str] = []
    group: str = "sources"
    sensor: SensorSettings = SensorSettings()

    @property
    def key(self) -> dg.AssetKey:
        """The source's asset key."""
        return dg.AssetKey(self.name.split("/"))

    @property
    def key_prefix(self) -> str:
        """Prefix of every object of the source, ends with a slash."""
        return (self.prefix or self.name).rstrip("/") + "/"

    @property
    def partitions(self) -> dg.DailyPartitionsDefinition:
        """A partition a day."""
        return dg.DailyPartitionsDefinition(start_date=self.start_date, end_date=self.end_date)

    def check_declared(self) -> None:
        """Refuse bad dates and columns that are named twice."""
        for day in filter(None, (self.start_date, self.end_date)):
            try:
                date.fromisoformat(day)
            except ValueError as error:
                raise ComponentError(f"{self.where}: {day!r} is not a date. Write YYYY-MM-DD.") from error
        names = [c.name.lower() for c in self.columns]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ComponentError(f"{self.where}: columns {twice} are declared twice.")

    def declare(self) -> Declaration:
        """A prefix of the raw bucket, with its events in a queue."""
        return Declaration(csv_sources=(CsvSourceNeeds(name=self.name, prefix=self.key_prefix),))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002 - Dagster's signature
        """The observable asset, its check and its sensors."""
        return dg.Definitions(
            assets=[self._asset()],
            asset_checks=[self._header_check()],
            sensors=[
                event_sensor(self.name, self.key, self.sensor),
                reconcile_sensor(self.name, self.key, self.sensor),
            ],
        )

    def _asset(self) -> dg.SourceAsset:
        name, key = self.name, self.key

        @dg.observable_source_asset(
            key=key,
            description=self.description,
            group_name=self.group,
            partitions_def=self.partitions,
            metadata={
                "dagster/column_schema": table_schema(self.columns),
                "prefix": self.key_prefix,
            },
            tags={"dagster/kind/s3": "", "dagster/kind/csv": ""},
        )
        def observe(
            context: dg.OpExecutionContext, s3: S3Resource, aws: AwsResource
        ) -> dg.DataVersionsByPartition:
            source = aws.contract.csv_source(name)
            days = 0
            for day, drop in drops_by_day(s3, source.bucket, source.prefix):
                context.log_event(observation(key, day, drop))
                days += 1
            context.log.info("%s: %d days with drops in s3://%s/%s", name, days, source.bucket, source.prefix)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", dg.BetaWarning)
                return dg.DataVersionsByPartition({})  # each day's version is in the observation logged above

        return observe

    def _header_check(self) -> dg.AssetChecksDefinition:
        name, expected = self.name, [c.name for c in self.columns]

        @dg.asset_check(
            asset=self.key,
            name="headers",
            description="Every file of the day has a readable header with the declared columns.",
            partitions_def=self.partitions,
        )
        def headers(
            context: dg.AssetCheckExecutionContext, s3: S3Resource, aws: AwsResource
        ) -> dg.AssetCheckResult:
            source = aws.contract.csv_source(name)
            files, problems = 0, []
            for day in context.op_execution_context.partition_keys:
                for item in s3.drop(source.bucket, day_prefix(source.prefix, day)).objects:
                    files += 1
                    head = s3.head(source.bucket, item.key, HEAD_BYTES) if item.size else b""
                    problem = header_problem(item.key, head, expected)
                    if problem is not None:
                        problems.append(problem)
            return _header_result(files, problems)

        return headers


def _header_result(files: int, problems: list[HeaderProblem]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=not problems,
        severity=dg.AssetCheckSeverity.WARN if len(problems) < files else dg.AssetCheckSeverity.ERROR,
        description="; ".join(p.text for p in problems[:3]) or f"{files} files have the declared columns.",
        metadata={
            "files": files,
            "problems": dg.MetadataValue.md("\n".join(f"- `{p.key}`: {p.text}" for p in problems) or "none"),
        },
    )
