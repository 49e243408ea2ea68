"""One materialisation of an :class:`AthenaDashboard`: ask Athena, draw the page, put it in S3, report it."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_platform.components.athena_dashboard.data import Frame, PanelDataError, check_drawable, frame
from mlops_platform.components.athena_dashboard.page import Page
from mlops_platform.components.athena_dashboard.panel import Panel, unknown_column
from mlops_platform.components.athena_dashboard.preview import markdown
from mlops_platform.resources.athena import AthenaQueryError, AthenaResource, QueryResult
from mlops_platform.resources.s3 import S3Resource

if TYPE_CHECKING:
    from mlops_platform.components.athena_dashboard.component import AthenaDashboard

CHECK = "no_empty_panel"
QUERIES_AT_ONCE = 4  # of the 20 or so that an account may run
PREFIX = "dashboards"
LATEST_PAGE = "latest_page"  # the metadata that holds the address of the newest page


@dataclass(frozen=True)
class DashboardRun:
    """The step that makes a page, with everything it speaks to."""

    dashboard: "AthenaDashboard"
    queries: Mapping[str, str]
    context: dg.AssetExecutionContext
    athena: AthenaResource
    s3: S3Resource

    def result(self) -> dg.MaterializeResult:  # type: ignore[type-arg]
        """Ask, draw, write, report.

        Raises:
            dagster.Failure: a query failed, returned too many rows, or not what a panel needs.
        """
        results = self._ask()
        frames = {name: frame(result) for name, result in results.items()}
        panels = list(zip(self.dashboard.panels, self.dashboard.query_names(), strict=True))
        made_at = datetime.now(UTC)
        for panel, query in panels:
            self._check(panel, frames[query])
        page = Page(
            title=self.dashboard.title,
            description=self.dashboard.description,
            filters=self._filters(frames),
            panels=panels,
            frames=frames,
            made_at=f"{made_at:%Y-%m-%d %H:%M} UTC",
        ).html()
        empty = [p.title for p, query in panels if not frames[query].rows and not p.may_be_empty]
        return dg.MaterializeResult(
            metadata={
                **self._written(page.encode()),
                "preview": dg.MetadataValue.md(markdown([(p, frames[query]) for p, query in panels])),
                "queries": dg.MetadataValue.md(self._report(results)),
                "bytes_scanned": sum(r.bytes_scanned for r in results.values()),
                "made_at": dg.MetadataValue.timestamp(made_at),
                **self._data_through(frames),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name=CHECK,
                    passed=not empty,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=f"Without rows: {', '.join(empty)}" if empty else None,
                    metadata={"panels": len(panels), "empty": len(empty)},
                )
            ],
        )

    def _ask(self) -> dict[str, QueryResult]:
        """The result of each query, a few at a time; the first that fails ends the step."""
        _ = self.athena.aws.contract  # read once, before the threads need it
        with ThreadPoolExecutor(QUERIES_AT_ONCE, thread_name_prefix="dashboard") as pool:
            asked = {name: pool.submit(self._query, name, sql) for name, sql in self.queries.items()}
            try:
                return {name: answer.result() for name, answer in asked.items()}
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _query(self, name: str, sql: str) -> QueryResult:
        most = self.dashboard.max_rows
        try:
            result = self.athena.query(sql, database=self.dashboard.database, max_rows=most + 1)
        except AthenaQueryError as error:
            raise self._failure(
                f"{self._users(name)}: query {name!r} {error.state}: {error.reason}"
            ) from error
        if len(result.rows) > most:
            raise self._failure(
                f"{self._users(name)}: query {name!r} returned more than {most:,} rows. Aggregate in SQL "
                "(GROUP BY, LIMIT), so that only what the picture shows leaves Athena, or raise `max_rows`."
            )
        self.context.log.info(
            "%s: %d rows, %d bytes scanned, %.2f s",
            name,
            len(result.rows),
            result.bytes_scanned,
            result.seconds,
        )
        return result

    def _users(self, query: str) -> str:
        """The panels that show a query, for messages."""
        pairs = zip(self.dashboard.panels, self.dashboard.query_names(), strict=True)
        return "panel " + ", ".join(repr(p.title) for p, name in pairs if name == query)

    def _check(self, panel: Panel, data: Frame) -> None:
        if why := unknown_column(panel, [c for c, _ in data.columns]):
            raise self._failure(f"panel {panel.title!r}: {why}")
        try:
            check_drawable(panel, data)
        except PanelDataError as error:
            raise self._failure(f"panel {panel.title!r}: {error}") from error

    def _failure(self, text: str) -> dg.Failure:
        return dg.Failure(f"{self.dashboard.where}: {text}", allow_retries=False)

    def _filters(self, frames: Mapping[str, Frame]) -> list[str]:
        known = {c.lower() for f in frames.values() for c, _ in f.columns}
        for column in self.dashboard.filters:
            if column.lower() not in known:
                raise self._failure(f"`filters: {column}` is a column of no panel's query.")
        return self.dashboard.filters

    def _written(self, page: bytes) -> dict[str, Any]:
        """Put the page at a key of this run and, once that is safe, at the key that stays."""
        bucket = self.athena.aws.contract.artifacts_bucket
        folder = f"{PREFIX}/{'/'.join(self.dashboard.key.path)}"
        kept, latest = f"{folder}/runs/{self.context.run.run_id}.html", f"{folder}/latest.html"
        for key in (kept, latest):
            self.s3.put(bucket, key, page, content_type="text/html; charset=utf-8")
        console = self.athena.aws.session.deployment.console_url
        in_console = f"{console}/s3/object/{bucket}?prefix={latest}" if console else None
        return {
            "page": dg.MetadataValue.url(self.s3.url(bucket, kept)),
            LATEST_PAGE: dg.MetadataValue.url(self.s3.url(bucket, latest)),
            **({"console": dg.MetadataValue.url(in_console)} if in_console else {}),
            "dagster/uri": f"s3://{bucket}/{latest}",
            "page_bytes": len(page),
        }

    def _report(self, results: Mapping[str, QueryResult]) -> str:
        lines = ["| query | rows | bytes scanned | seconds | execution |", "|---|---:|---:|---:|---|"]
        console, region = self.athena.aws.session.deployment.console_url, self.athena.aws.contract.region
        for name, r in results.items():
            ran = f"`{r.execution_id}`"
            if console:
                history = f"{console}/athena/home?region={region}#/query-editor/history/{r.execution_id}"
                ran = f"[{r.execution_id}]({history})"
            lines.append(f"| {name} | {len(r.rows):,} | {r.bytes_scanned:,} | {r.seconds:.2f} | {ran} |")
        return "\n".join(lines)

    def _data_through(self, frames: Mapping[str, Frame]) -> dict[str, str]:
        """The last day among the filters' dates: how fresh the data is, whenever the page was made."""
        days = [
            str(value)[:10]
            for f in frames.values()
            for column in self.dashboard.filters
            if column.lower() in {c.lower() for c, _ in f.columns} and f.kind(column) in ("date", "time")
            for value in f.values(column)
            if value is not None
        ]
        return {"data_through": max(days)} if days else {}
