"""A plain asset against the platform's resources: the query beside this file, its rows in the metadata."""

from pathlib import Path

import dagster as dg

from mlops_platform.components.athena_views import markdown_table
from mlops_platform.components.sql_lineage import referenced_tables
from mlops_platform.resources import AthenaResource

DATABASE = "support_desk"
SQL = (Path(__file__).parent / "worst_weeks.sql").read_text(encoding="utf-8")


@dg.asset(
    key=[DATABASE, "worst_weeks"],
    deps=[dg.AssetKey([database, table]) for database, table in referenced_tables(SQL, DATABASE)],
    group_name="analytics",
    owners=["team:support"],
    kinds={"athena"},
    pool="athena",
    description="The weeks and services in which customers waited longest.",
)
def worst_weeks(athena: AthenaResource) -> dg.MaterializeResult:
    """Run the query in Athena and show what it found."""
    result = athena.query(SQL, database=DATABASE)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(result.rows),
            "rows": dg.MetadataValue.md(markdown_table(result)),
            "sql": dg.MetadataValue.md(f"```sql\n{SQL}\n```"),
            "bytes_scanned": result.bytes_scanned,
            "dagster/uri": result.output_location,
        }
    )
