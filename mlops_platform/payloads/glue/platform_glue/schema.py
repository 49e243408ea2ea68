"""Which changes of a table's columns its earlier files survive."""

from collections.abc import Sequence

# A column of the first type may become the second: readers widen the earlier files' values.
_WIDER = {
    ("tinyint", "smallint"), ("tinyint", "int"), ("tinyint", "bigint"), ("smallint", "int"),
    ("smallint", "bigint"), ("int", "bigint"), ("float", "double"),
}  # fmt: skip


class PublishError(Exception):
    """The table cannot take what was written; the message says why and what to do."""


def merged_columns(
    table: str, found: Sequence[dict[str, str]], new: Sequence[dict[str, str]]
) -> list[dict[str, str]]:
    """The table's columns, widened and followed by the new ones.

    Columns the new frame lacks stay: they read as NULL in its files.

    Raises:
        PublishError: a column has changed to a type that does not hold its earlier values.
    """
    wanted = {column["Name"]: column["Type"] for column in new}
    merged = []
    for column in found:
        name, kind = column["Name"], column["Type"]
        target = wanted.pop(name, kind)
        if target != kind and (kind, target) not in _WIDER and (target, kind) not in _WIDER:
            raise PublishError(
                f"Column {name} of {table} is {kind} in the catalog, the job writes {target}. "
                f"Cast it in the script, or drop the table and rebuild its partitions."
            )
        merged.append({**column, "Type": target if (kind, target) in _WIDER else kind})
    return merged + [{"Name": name, "Type": kind} for name, kind in wanted.items()]
