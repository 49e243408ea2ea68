"""The blocking checks of a table: what follows it does not run on a table that fails one."""

from collections.abc import Iterator, Sequence

import dagster as dg
from pydantic import Field

from mlops_platform.components.base import Column
from mlops_platform.components.table_counts import PartitionCounts


class TableCheckSettings(dg.Model, dg.Resolvable):
    """What a table must fulfil."""

    min_rows: int = Field(default=1, description="Fewest rows of each partition written.")
    unique: list[str] = Field(
        default=[], description="Columns whose values together occur once in a partition."
    )
    max_quarantined: float = Field(default=0.05, description="Largest share of rows that may be malformed.")


def check_specs(
    key: dg.AssetKey, settings: TableCheckSettings, *, quarantined: bool
) -> list[dg.AssetCheckSpec]:
    """The checks a table has: always rows and schema, the others where they apply."""
    texts = {
        "row_count": f"Each partition written has at least {settings.min_rows} rows.",
        "schema": "The catalog has the declared columns with the declared types.",
    }
    if settings.unique:
        texts["unique"] = f"{', '.join(settings.unique)} occur once in a partition."
    if quarantined:
        texts["quarantined"] = f"At most {settings.max_quarantined:.1%} of the rows were malformed."
    return [
        dg.AssetCheckSpec(name, asset=key, blocking=True, description=text) for name, text in texts.items()
    ]


def check_results(
    key: dg.AssetKey,
    settings: TableCheckSettings,
    declared: Sequence[Column],
    found: Sequence[tuple[str, str, str | None]],
    counts: PartitionCounts,
    *,
    quarantined: bool,
) -> list[dg.AssetCheckResult]:
    """The outcome of each of the table's checks."""
    results = [_row_count(key, settings, counts), _schema(key, declared, found)]
    if settings.unique:
        duplicates = {day: n for day, n in counts.duplicates.items() if n}
        results.append(
            dg.AssetCheckResult(
                asset_key=key,
                check_name="unique",
                passed=not duplicates,
                description=f"Duplicates: {duplicates}" if duplicates else None,
                metadata={"duplicates": sum(duplicates.values())},
            )
        )
    if quarantined:
        results.append(_quarantined(key, settings, counts))
    return results


def _row_count(
    key: dg.AssetKey, settings: TableCheckSettings, counts: PartitionCounts
) -> dg.AssetCheckResult:
    short = {day: n for day, n in counts.rows.items() if n < settings.min_rows}
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="row_count",
        passed=bool(counts.rows) and not short,
        description=f"Too few rows: {short}" if short else None,
        metadata={"rows": counts.total_rows, "partitions": len(counts.rows)},
    )


def _schema(
    key: dg.AssetKey, declared: Sequence[Column], found: Sequence[tuple[str, str, str | None]]
) -> dg.AssetCheckResult:
    types = {name: type_ for name, type_, _ in found}
    wrong = list(_differences(declared, types))
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="schema",
        passed=not wrong,
        description="; ".join(wrong) or f"{len(declared)} declared columns are there.",
        metadata={"columns": len(types)},
    )


def _differences(declared: Sequence[Column], types: dict[str, str]) -> Iterator[str]:
    for column in declared:
        if column.name.lower() not in types:
            yield f"{column.name} is missing"
        elif types[column.name.lower()] != column.type.lower():
            yield f"{column.name} is {types[column.name.lower()]}, declared {column.type}"


def _quarantined(
    key: dg.AssetKey, settings: TableCheckSettings, counts: PartitionCounts
) -> dg.AssetCheckResult:
    total = counts.total_rows + counts.total_quarantined
    share = counts.total_quarantined / total if total else 0.0
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="quarantined",
        passed=share <= settings.max_quarantined,
        description=f"{counts.total_quarantined:,} of {total:,} rows ({share:.2%}) were malformed.",
        metadata={"quarantined": counts.total_quarantined, "share": share},
    )
