"""``AthenaViews``: views of the Glue Data Catalog, one ``.sql`` file each."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg
from pydantic import Field

from mlops_platform.components.base import (
    Column,
    ComponentError,
    PlatformComponent,
    lost_connections_retried,
    table_schema,
)
from mlops_platform.components.scaffolding import AthenaViewsScaffolder
from mlops_platform.components.sql_lineage import column_sources, referenced_tables
from mlops_platform.components.table_counts import quoted
from mlops_platform.declaration import Declaration
from mlops_platform.resources.athena import AthenaResource, QueryResult
from mlops_platform.resources.glue import GlueResource

PREVIEW_ROWS = 10


@dg.scaffold_with(AthenaViewsScaffolder)
class AthenaViews(PlatformComponent):
    """Each ``<view>.sql`` beside this file holds one SELECT in Athena's SQL and becomes the view ``<view>``.

    What a view reads, and which column comes from which, is taken from the SQL itself.
    """

    database: str = Field(description="Glue database of the views, and of unqualified names in their SQL.")
    views: dict[str, str] = Field(default={}, description="Description of each view, by name.")
    group: str = "analytics"
    owners: list[str] = []
    min_rows: int = Field(default=1, description="Fewest rows a view must show; a blocking check.")

    @property
    def files(self) -> list[Path]:
        """The views' SQL files, sorted by name."""
        return sorted(self.folder.glob("*.sql"))

    def key_of(self, view: str) -> dg.AssetKey:
        """The asset key of a view or table of the database."""
        return dg.AssetKey([self.database, view])

    def check_declared(self) -> None:
        """Refuse a folder without SQL and descriptions of views that do not exist."""
        names = {f.stem for f in self.files}
        if not names:
            raise ComponentError(f"{self.where}: there is no .sql file beside it. Write one SELECT per view.")
        unknown = sorted(set(self.views) - names)
        if unknown:
            raise ComponentError(
                f"{self.where}: `views` describes {unknown}, but there is no such .sql file."
            )

    def declare(self) -> Declaration:
        """The database."""
        return Declaration(databases=(self.database,))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002 - Dagster's signature
        """One asset a view, in one step that can be subset, each with a blocking check."""
        statements = {f.stem: f.read_text(encoding="utf-8").strip().rstrip(";") for f in self.files}
        return dg.Definitions(assets=[self._assets(statements)])

    def _spec(self, view: str, sql: str) -> dg.AssetSpec:
        try:
            tables = referenced_tables(sql, self.database)
        except ValueError as error:
            raise ComponentError(f"{self.folder / view}.sql: {error}") from error
        return dg.AssetSpec(
            self.key_of(view),
            deps=[dg.AssetKey([database, table]) for database, table in tables],
            description=self.views.get(view),
            group_name=self.group,
            owners=self.owners,
            kinds={"athena", "view"},
            code_version=hashlib.sha256(sql.encode()).hexdigest()[:12],
            metadata={
                "dagster/table_name": f"{self.database}.{view}",
                "sql": dg.MetadataValue.md(f"```sql\n{sql}\n```"),
            },
        )

    def _assets(self, statements: Mapping[str, str]) -> dg.AssetsDefinition:
        specs = [self._spec(view, sql) for view, sql in statements.items()]
        checks = [
            dg.AssetCheckSpec(
                "row_count", asset=s.key, blocking=True, description=f"At least {self.min_rows} rows."
            )
            for s in specs
        ]

        @dg.multi_asset(
            specs=specs,
            check_specs=checks,
            can_subset=True,
            name=f"{self.database}__{self.folder.name}",
            pool="athena",
        )
        def views(
            context: dg.AssetExecutionContext, athena: AthenaResource, glue: GlueResource
        ) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
            with lost_connections_retried():
                for view in self._in_order(statements):
                    if self.key_of(view) in context.selected_asset_keys:
                        yield self._create(context, athena, glue, view, statements[view])

        return views

    def _in_order(self, statements: Mapping[str, str]) -> list[str]:
        """The views such that each comes after those it reads."""
        from graphlib import TopologicalSorter

        within = {
            view: {
                table
                for database, table in referenced_tables(sql, self.database)
                if database == self.database
            }
            & statements.keys()
            for view, sql in statements.items()
        }
        return list(TopologicalSorter(within).static_order())

    def _create(
        self,
        context: dg.AssetExecutionContext,
        athena: AthenaResource,
        glue: GlueResource,
        view: str,
        sql: str,
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        athena.query(f"CREATE OR REPLACE VIEW {quoted(view)} AS\n{sql}", database=self.database)
        rows = int(athena.query(f"SELECT count(*) FROM {quoted(view)}", database=self.database).scalar())  # noqa: S608 - the name is quoted
        preview = athena.query(f"SELECT * FROM {quoted(view)} LIMIT {PREVIEW_ROWS}", database=self.database)  # noqa: S608 - the name is quoted
        context.log.info("%s.%s: %d rows", self.database, view, rows)
        check = dg.AssetCheckResult(
            asset_key=self.key_of(view),
            check_name="row_count",
            passed=rows >= self.min_rows,
            metadata={"rows": rows, "min_rows": self.min_rows},
        )
        return dg.MaterializeResult(
            asset_key=self.key_of(view),
            metadata={
                "dagster/row_count": rows,
                "dagster/column_schema": table_schema(
                    [Column(name=n, type=t, description=c) for n, t, c in glue.columns(self.database, view)]
                ),
                "dagster/column_lineage": self._lineage(glue, sql),
                "preview": dg.MetadataValue.md(markdown_table(preview)),
                "preview_bytes_scanned": preview.bytes_scanned,
            },
            check_results=[check],
        )

    def _lineage(self, glue: GlueResource, sql: str) -> dg.TableColumnLineage:
        schema = {
            (database, table): [(name, type_) for name, type_, _ in glue.columns(database, table)]
            for database, table in referenced_tables(sql, self.database)
        }
        return dg.TableColumnLineage(
            deps_by_column={
                column: [
                    dg.TableColumnDep(asset_key=dg.AssetKey([database, table]), column_name=name)
                    for database, table, name in sources
                ]
                for column, sources in column_sources(sql, self.database, schema).items()
            }
        )


def markdown_table(result: QueryResult) -> str:
    """The rows of a result as a Markdown table."""
    names = [name for name, _ in result.columns]
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for row in result.rows:
        lines.append("| " + " | ".join("" if v is None else str(v).replace("|", "\\|") for v in row) + " |")
    return "\n".join(lines)
