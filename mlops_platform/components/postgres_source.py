"""``PostgresSource``: tables of a PostgreSQL database, observed and checked."""

from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from mlops_platform.components.base import Column, PlatformComponent, table_schema
from mlops_platform.components.scaffolding import PostgresSourceScaffolder
from mlops_platform.declaration import Declaration, PostgresNeeds
from mlops_platform.resources.postgres import PostgresResource, TableState


class PostgresTable(dg.Model, dg.Resolvable):
    """One table: what its columns are declared to be, and how its changes are noticed."""

    name: str
    columns: list[Column] = Field(default=[], description="Declared columns; left out, none are checked.")
    description: str | None = None
    min_rows: int = Field(default=1, description="Fewest rows the table may have.")
    version_column: str | None = Field(
        default=None,
        description="An indexed column that grows with each change, e.g. updated_at. Left out, the data "
        "version is a digest of every row: exact, one full scan an observation.",
    )


@dg.scaffold_with(PostgresSourceScaffolder)
class PostgresSource(PlatformComponent):
    """Tables of one PostgreSQL database, reached with the credentials in a Secrets Manager secret.

    Each table is an observable asset whose data version changes when the table does.
    """

    name: str = Field(description="Name of the source and of its Glue connection; prefix of the asset keys.")
    secret: str = Field(description="Secrets Manager name; JSON with host, port, username, password, dbname.")
    database: str | None = Field(default=None, description="Database that a laptop creates; default `name`.")
    schema_name: str = Field(default="public", description="PostgreSQL schema of the tables.")
    tables: list[PostgresTable]
    group: str = "sources"
    owners: list[str] = []
    observe_cron: str | None = Field(
        default=None, description="Observe by this schedule; left out, on request."
    )

    def declare(self) -> Declaration:
        """A secret and a Glue connection."""
        needs = PostgresNeeds(name=self.name, secret_id=self.secret, database=self.database or self.name)
        return Declaration(postgres=(needs,))

    def key_of(self, table: str) -> dg.AssetKey:
        """The asset key of one of the tables."""
        return dg.AssetKey([self.name, table])

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002 - Dagster's signature
        """One observable asset and two checks a table."""
        return dg.Definitions(assets=[self._assets()], asset_checks=[self._checks()])

    def _spec(self, table: PostgresTable) -> dg.AssetSpec:
        return dg.AssetSpec(
            self.key_of(table.name),
            description=table.description,
            group_name=self.group,
            owners=self.owners,
            kinds={"postgres", "table"},
            metadata={"dagster/table_name": f"{self.schema_name}.{table.name}"},
            automation_condition=(
                dg.AutomationCondition.on_cron(self.observe_cron) if self.observe_cron else None
            ),
        )

    def _state(self, postgres: PostgresResource, table: PostgresTable) -> TableState:
        return postgres.table_state(self.name, self.schema_name, table.name, table.version_column)

    def _assets(self) -> dg.AssetsDefinition:
        @dg.multi_observable_source_asset(  # type: ignore[untyped-decorator]
            specs=[self._spec(t) for t in self.tables], name=f"observe_{self.name}", can_subset=True
        )
        def observe(
            context: dg.AssetExecutionContext, postgres: PostgresResource
        ) -> Iterator[dg.ObserveResult]:
            for table in self.tables:
                key = self.key_of(table.name)
                if key not in context.selected_asset_keys:
                    continue
                state = self._state(postgres, table)
                context.log.info(
                    "%s: %d rows, version %s", key.to_user_string(), state.row_count, state.data_version
                )
                yield dg.ObserveResult(
                    asset_key=key,
                    data_version=dg.DataVersion(state.data_version),
                    metadata={
                        "dagster/row_count": state.row_count,
                        "dagster/column_schema": _schema(state),
                    },
                )

        assets: dg.AssetsDefinition = observe
        return assets

    def _checks(self) -> dg.AssetChecksDefinition:
        specs = [
            spec
            for table in self.tables
            for spec in (
                dg.AssetCheckSpec(
                    "row_count", asset=self.key_of(table.name), description=f"At least {table.min_rows} rows."
                ),
                dg.AssetCheckSpec(
                    "schema", asset=self.key_of(table.name), description="The declared columns exist."
                ),
            )
        ]

        @dg.multi_asset_check(specs=specs, name=f"check_{self.name}", can_subset=True)
        def checks(
            context: dg.AssetCheckExecutionContext, postgres: PostgresResource
        ) -> Iterator[dg.AssetCheckResult]:
            selected = context.selected_asset_check_keys
            for table in self.tables:
                key = self.key_of(table.name)
                wanted = {k.name for k in selected if k.asset_key == key}
                if not wanted:
                    continue
                state = self._state(postgres, table)
                results = (_row_count_result(key, table, state), _schema_result(key, table, state))
                yield from (r for r in results if r.check_name in wanted)

        return checks


def _row_count_result(key: dg.AssetKey, table: PostgresTable, state: TableState) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="row_count",
        passed=state.row_count >= table.min_rows,
        metadata={"row_count": state.row_count, "min_rows": table.min_rows},
    )


def _schema_result(key: dg.AssetKey, table: PostgresTable, state: TableState) -> dg.AssetCheckResult:
    found = {name: type_ for name, type_, _, _ in state.columns}
    wrong = [
        f"{c.name} is missing" if c.name not in found else f"{c.name} is {found[c.name]}, declared {c.type}"
        for c in table.columns
        if found.get(c.name) != c.type
    ]
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="schema",
        passed=not wrong,
        description="; ".join(wrong) or f"{len(table.columns)} declared columns are there.",
        metadata={"dagster/column_schema": _schema(state)},
    )


def _schema(state: TableState) -> dg.TableSchema:
    return table_schema(
        [Column(name=n, type=t, required=not nullable, description=d) for n, t, nullable, d in state.columns]
    )
