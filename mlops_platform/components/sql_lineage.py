"""What a SELECT in Athena's SQL reads: its tables, and which column comes from which."""

from collections.abc import Mapping, Sequence


def referenced_tables(sql: str, database: str) -> list[tuple[str, str]]:
    """(database, table) of every table or view the statement reads, sorted; lower case, as Glue keeps names.

    Raises:
        ValueError: the SQL does not parse.
    """
    from sqlglot import exp
    from sqlglot.optimizer.scope import traverse_scope

    found: set[tuple[str, str]] = set()
    for scope in traverse_scope(_parse(sql)):
        for source in scope.sources.values():
            if isinstance(source, exp.Table):
                found.add(((source.db or database).lower(), source.name.lower()))
    return sorted(found)


def output_columns(sql: str) -> list[str] | None:
    """The names of a SELECT's columns; None where only the catalog knows them (``*``, unnamed expressions).

    Raises:
        ValueError: the SQL does not parse, or is no SELECT.
    """
    from sqlglot import exp

    tree = _parse(sql)
    if not isinstance(tree, exp.Query):
        raise ValueError("not a SELECT in Athena's SQL. Write one SELECT (or WITH ... SELECT).")
    names: list[str] = tree.named_selects
    return None if "*" in names or "" in names else names


def column_sources(
    sql: str, database: str, schema: Mapping[tuple[str, str], Sequence[tuple[str, str]]]
) -> dict[str, list[tuple[str, str, str]]]:
    """The (database, table, column) that each output column is made of.

    Args:
        schema: (name, type) of the columns of every table that the statement reads.
    """
    from sqlglot import exp
    from sqlglot.lineage import lineage
    from sqlglot.optimizer.qualify import qualify

    nested: dict[str, object] = {
        db: {t: dict(columns) for (d, t), columns in schema.items() if d == db}
        for db in {d for d, _ in schema}
    }
    tree = qualify(_parse(sql), schema=nested, db=database, dialect="athena", validate_qualify_columns=False)
    sources: dict[str, list[tuple[str, str, str]]] = {}
    for column in tree.named_selects:
        leaves = (
            n for n in lineage(column, tree, schema=nested, dialect="athena").walk() if not n.downstream
        )
        found = {
            (
                (n.expression.db or database).lower(),
                n.expression.name.lower(),
                n.name.rpartition(".")[2].strip('"'),
            )
            for n in leaves
            if isinstance(n.expression, exp.Table)
        }
        if found:
            sources[column] = sorted(found)
    return sources


def _parse(sql: str):  # type: ignore[no-untyped-def]  # sqlglot is imported where it is used
    import sqlglot
    from sqlglot.errors import ParseError

    try:
        return sqlglot.parse_one(sql, dialect="athena")
    except ParseError as error:
        raise ValueError(f"not a SELECT in Athena's SQL: {error}") from error
