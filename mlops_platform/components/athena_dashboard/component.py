"""What a user declares of a dashboard, and the asset it becomes."""

import hashlib
from pathlib import Path

import dagster as dg
from pydantic import Field

from mlops_platform.components.athena_dashboard.panel import Panel, problem, unknown_column
from mlops_platform.components.athena_dashboard.run import CHECK, DashboardRun
from mlops_platform.components.base import ComponentError, PlatformComponent, lost_connections_retried
from mlops_platform.components.scaffolding import AthenaDashboardScaffolder
from mlops_platform.components.sql_lineage import output_columns, referenced_tables
from mlops_platform.declaration import Declaration
from mlops_platform.resources.athena import AthenaResource
from mlops_platform.resources.s3 import S3Resource

MOST_ROWS = 50_000


@dg.scaffold_with(AthenaDashboardScaffolder)
class AthenaDashboard(PlatformComponent):
    """A page of charts that opens anywhere: each panel shows what one Athena query returns.

    Athena does the work and only the few rows a picture needs leave it. What the page reads, and so its
    place in the asset graph, is taken from the SQL.
    """

    database: str = Field(description="Glue database of unqualified names in the SQL.")
    title: str
    description: str | None = None
    panels: list[Panel]
    filters: list[str] = Field(
        default=[],
        description="Columns by which the reader narrows the page: every panel whose query returns the column "
        "follows. A date becomes a range, anything else a choice.",
    )
    name: str | None = Field(
        default=None, description="Last part of the asset's key; the folder's name by default."
    )
    group: str = "analytics"
    owners: list[str] = []
    max_rows: int = Field(
        default=5_000, gt=0, le=MOST_ROWS, description="Most rows a query may return; more is an error."
    )

    @property
    def key(self) -> dg.AssetKey:
        """The asset's key."""
        return dg.AssetKey([self.database, self.name or self.folder.name])

    def queries(self) -> dict[str, str]:
        """The SQL of each distinct query, by name: a file's stem, or ``panel_<n>`` for inline SQL.

        Raises:
            ComponentError: a panel's file does not exist.
        """
        found: dict[str, str] = {}
        for panel, name in zip(self.panels, self.query_names(), strict=True):
            if name in found:
                continue
            text = panel.sql if panel.query is None else self._file(panel).read_text(encoding="utf-8")
            found[name] = (text or "").strip().rstrip(";")
        return found

    def query_names(self) -> list[str]:
        """The name of each panel's query, in the panels' order."""
        return [p.query or f"panel_{n}" for n, p in enumerate(self.panels, 1)]

    def check_declared(self) -> None:
        """Refuse panels that cannot be drawn, naming panel and key."""
        if not self.panels:
            raise ComponentError(f"{self.where}: `panels` is empty. Declare at least one.")
        for panel in self.panels:
            self.refuse(panel, problem(panel))
        returned: dict[str, list[str] | None] = {}
        for name, sql in self.queries().items():
            try:
                returned[name] = output_columns(sql)
            except ValueError as error:
                raise ComponentError(f"{self._origin(name)}: {error}") from error
        for panel, name in zip(self.panels, self.query_names(), strict=True):
            if columns := returned[name]:
                self.refuse(panel, unknown_column(panel, columns))
        known = {c.lower() for columns in returned.values() for c in columns or []}
        if None not in returned.values() and (unknown := [f for f in self.filters if f.lower() not in known]):
            raise ComponentError(f"{self.where}: `filters: {unknown[0]}` is a column of no panel's query.")

    def refuse(self, panel: Panel, why: str | None) -> None:
        """Raises ComponentError naming file and panel, if there is a reason why."""
        if why:
            raise ComponentError(f"{self.where}: panel {panel.title!r}: {why}")

    def declare(self) -> Declaration:
        """The database."""
        return Declaration(databases=(self.database,))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002 - Dagster's signature
        """One asset, depending on all that its queries read, with a check that no panel is empty."""
        queries = self.queries()
        tables = sorted({t for sql in queries.values() for t in referenced_tables(sql, self.database)})
        text = self.model_dump_json() + "".join(queries.values())

        @dg.asset(
            key=self.key,
            deps=[dg.AssetKey([database, table]) for database, table in tables],
            description=self.description or self.title,
            group_name=self.group,
            owners=self.owners,
            kinds={"athena", "dashboard"},
            code_version=hashlib.sha256(text.encode()).hexdigest()[:12],
            pool="athena",
            metadata={
                "sql": dg.MetadataValue.md(
                    "\n".join(f"**{name}**\n```sql\n{sql}\n```" for name, sql in queries.items())
                )
            },
            check_specs=[
                dg.AssetCheckSpec(CHECK, asset=self.key, description="No panel of the page is empty.")
            ],
        )
        def dashboard(
            context: dg.AssetExecutionContext, athena: AthenaResource, s3: S3Resource
        ) -> dg.MaterializeResult:  # type: ignore[type-arg]
            with lost_connections_retried():
                return DashboardRun(self, queries, context, athena, s3).result()

        return dg.Definitions(assets=[dashboard])

    def _file(self, panel: Panel) -> Path:
        path = self.folder / f"{panel.query}.sql"
        if path.parent != self.folder or not path.is_file():
            there = ", ".join(sorted(f.stem for f in self.folder.glob("*.sql"))) or "none"
            self.refuse(panel, f"`query: {panel.query}`: there is no {path.name} beside it (there: {there}).")
        return path

    def _origin(self, name: str) -> str:
        file = self.folder / f"{name}.sql"
        if any(p.query == name for p in self.panels):
            return str(file)
        panel = self.panels[self.query_names().index(name)]
        return f"{self.where}: panel {panel.title!r}: `sql`"
