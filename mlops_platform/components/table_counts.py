"""What a table holds after a run, asked of Athena: so it holds for any script, whatever it reports itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlops_platform.resources.athena import AthenaResource

if TYPE_CHECKING:
    from mlops_platform.components.glue_table import GlueTable

TOP_REASONS = 20


@dataclass(frozen=True)
class PartitionCounts:
    """Rows, duplicates of the unique key and quarantined rows, by partition (``""`` if unpartitioned).

    Attributes:
        reasons: (reason, rows) of the quarantined rows, most frequent first.
    """

    rows: dict[str, int]
    duplicates: dict[str, int]
    quarantined: dict[str, int] = field(default_factory=dict)
    reasons: list[tuple[str, int]] = field(default_factory=list)

    @property
    def total_rows(self) -> int:
        """Rows of all partitions together."""
        return sum(self.rows.values())

    @property
    def total_quarantined(self) -> int:
        """Quarantined rows of all partitions together."""
        return sum(self.quarantined.values())


def count_partitions(
    athena: AthenaResource, table: "GlueTable", partitions: Sequence[str] | None
) -> PartitionCounts:
    """Count what the partitions (None: the whole table) hold now.

    Raises:
        AthenaQueryError: the table cannot be read.
    """
    unique = ", ".join(quoted(c) for c in table.checks.unique)
    distinct = (
        f"count(DISTINCT ROW({unique}))" if len(table.checks.unique) > 1 else f"count(DISTINCT {unique})"
    )
    duplicates = f"count(*) - {distinct}" if unique else "0"
    main = _grouped(athena, table, table.table, f"count(*), {duplicates}", partitions)
    rows = {day: values[0] for day, values in main.items()}
    counts = PartitionCounts(rows, {day: values[1] for day, values in main.items()})
    if table.quarantine_table is None:
        return counts
    refused = _grouped(athena, table, table.quarantine_table, "count(*)", partitions)
    where, parameters = _filter(table.partition_column, partitions)
    reasons = athena.query(
        f"SELECT reason, count(*) AS n FROM {quoted(table.quarantine_table)}{where} "  # noqa: S608 - names are quoted, values are parameters
        f"GROUP BY reason ORDER BY n DESC, reason LIMIT {TOP_REASONS}",
        database=table.database,
        parameters=parameters,
    )
    return PartitionCounts(
        counts.rows,
        counts.duplicates,
        {day: values[0] for day, values in refused.items()},
        [(str(reason), int(n)) for reason, n in reasons.rows],
    )


def quoted(name: str) -> str:
    """A name as a delimited identifier of Athena's SQL."""
    return '"' + name.replace('"', '""') + '"'


def _grouped(
    athena: AthenaResource, table: "GlueTable", name: str, aggregates: str, partitions: Sequence[str] | None
) -> dict[str, list[int]]:
    where, parameters = _filter(table.partition_column, partitions)
    column = quoted(table.partition_column)
    key, group = (
        (f"CAST({column} AS varchar)", f" GROUP BY {column}") if partitions is not None else ("''", "")
    )
    result = athena.query(
        f"SELECT {key}, {aggregates} FROM {quoted(name)}{where}{group}",  # noqa: S608 - names are quoted, values are parameters
        database=table.database,
        parameters=parameters,
    )
    return {str(row[0] or ""): [int(v) for v in row[1:]] for row in result.rows}


def _filter(column: str, partitions: Sequence[str] | None) -> tuple[str, list[str]]:
    if partitions is None:
        return "", []
    literals = ["'" + p.replace("'", "''") + "'" for p in (min(partitions), max(partitions))]
    return f" WHERE {quoted(column)} BETWEEN ? AND ?", literals
