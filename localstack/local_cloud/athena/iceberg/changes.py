# ruff: noqa: S608 - the text is SQL by purpose; names and values in it pass typed.identifier() and typed.quote()
"""DELETE, UPDATE and MERGE on Iceberg tables.

https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-updating-iceberg-table-data.html,
https://trino.io/docs/current/sql/merge.html
"""

from typing import TYPE_CHECKING

from local_cloud.athena.catalog import Table
from local_cloud.athena.compiled import Bound
from local_cloud.athena.ddl.tokens import Reader
from local_cloud.athena.errors import QueryError, syntax, unsupported
from local_cloud.athena.iceberg import write
from local_cloud.athena.iceberg.clauses import When, alias, assignments, relation, until, when
from local_cloud.athena.outcome import Outcome
from local_cloud.athena.trino.casts import cast
from local_cloud.athena.trino.typed import Typed, identifier
from local_cloud.athena.trino.types import coercible

if TYPE_CHECKING:
    from local_cloud.athena.run import Run

_FILE, _ROW, _HIT, _CASE, _SOURCE = "$file", "$row", "$hit", "$case", "$source"


def delete(run: "Run", sql: str) -> Outcome:
    """DELETE FROM table [WHERE condition]."""
    reader = Reader(sql)
    reader.expect("DELETE", "FROM")
    table = _table(run, reader, "deletes")
    condition = until(reader) if reader.words("WHERE") else "true"
    reader.end()
    text = (
        f'SELECT {_listed(table)}, "$path" AS {identifier(_FILE)}, ({condition}) AS {identifier(_HIT)} '
        f"FROM {_name(table)}"
    )
    with run.bound(text) as bound:
        columns = [f"q.{f.sql}" for f in bound.fields[: len(table.columns)]]
        return _rewrite(run, table, bound, columns, keep=f"NOT {_hit(bound)}", hit=_hit(bound))


def update(run: "Run", sql: str) -> Outcome:
    """UPDATE table SET column = value, ... [WHERE condition]."""
    reader = Reader(sql)
    reader.expect("UPDATE")
    table = _table(run, reader, "updates")
    reader.expect("SET")
    names, values = assignments(reader, "WHERE")
    condition = until(reader) if reader.words("WHERE") else "true"
    reader.end()
    _check_columns(table, names)
    new = "".join(f", IF(({condition}), ({v})) AS {identifier(f'$v{i}')}" for i, v in enumerate(values))
    text = (
        f'SELECT {_listed(table)}, "$path" AS {identifier(_FILE)}, ({condition}) AS {identifier(_HIT)}{new} '
        f"FROM {_name(table)}"
    )
    with run.bound(text) as bound:
        columns = []
        for place, column in enumerate(table.columns):
            old = f"q.{bound.fields[place].sql}"
            if column.name in names:
                given = _assigned(bound, f"$v{names.index(column.name)}", table, column.name)
                old = f"CASE WHEN {_hit(bound)} THEN {given} ELSE {old} END"
            columns.append(old)
        return _rewrite(run, table, bound, columns, keep="true", hit=_hit(bound))


def merge(run: "Run", sql: str) -> Outcome:
    """MERGE INTO table [AS name] USING source [AS name] ON condition WHEN ...

    Raises:
        QueryError: MERGE_TARGET_ROW_MULTIPLE_MATCHES.
    """
    reader = Reader(sql)
    reader.expect("MERGE", "INTO")
    table = _table(run, reader, "merges")
    target = alias(reader, "USING") or table.name
    reader.expect("USING")
    source, name = relation(reader)
    if not name:
        raise syntax("The source of MERGE needs a name: USING (...) AS s")
    reader.expect("ON")
    condition = until(reader, "WHEN")
    whens = [when(reader)]
    while not reader.ended:
        whens.append(when(reader))
    for clause in whens:
        if clause.action == "insert" and not clause.columns:
            clause.columns = [c.name for c in table.columns]
        if len(clause.columns) != len(clause.values):
            raise syntax(f"Insert has {len(clause.columns)} columns and {len(clause.values)} values")
        _check_columns(table, clause.columns)
    with run.bound(_merged(table, target, source, name, condition, whens)) as bound:
        columns = [_merged_column(bound, table, whens, place) for place in range(len(table.columns))]
        case, row = _output(bound, _CASE), _output(bound, _ROW)
        deleting = [str(k) for k, w in enumerate(whens, 1) if w.action == "delete"]
        gone = f"coalesce({case} IN ({', '.join(deleting)}), false)" if deleting else "false"
        return _rewrite(
            run, table, bound, columns, keep=f"(({case} IS NOT NULL OR {row} IS NOT NULL) AND NOT {gone})",
            hit=f"{case} IS NOT NULL", twice=f"CASE WHEN {_output(bound, _SOURCE)} THEN {row} END",
        )  # fmt: skip


def refused(run: "Run", sql: str) -> Outcome:
    """OPTIMIZE and VACUUM: PyIceberg rewrites no files and removes no orphans."""
    del run
    raise unsupported(sql.split(None, 1)[0].upper())


def _merged(table: Table, target: str, source: str, name: str, condition: str, whens: list[When]) -> str:
    """The target's rows joined with the source's, with the number of the first clause that holds and its values."""
    t, s = identifier(target), identifier(name)
    row, found = f"{t}.{identifier(_ROW)}", f"{s}.{identifier(_SOURCE)}"
    tests = " ".join(
        f"WHEN {f'{row} IS NOT NULL AND {found}' if w.matched else f'{row} IS NULL'} AND ({w.condition}) THEN {k}"
        for k, w in enumerate(whens, 1)
    )
    case = f"(CASE {tests} END)"
    values = "".join(
        f", CASE {case} WHEN {k} THEN ({v}) END AS {identifier(f'$v{k}_{i}')}"
        for k, w in enumerate(whens, 1)
        for i, v in enumerate(w.values)
    )
    listed = ", ".join(f"{t}.{identifier(c.name)}" for c in table.columns)
    return (
        f"SELECT {listed}, {t}.{identifier(_FILE)}, {row}, {found}, {case} AS {identifier(_CASE)}{values} FROM "
        f'(SELECT *, "$path" AS {identifier(_FILE)}, row_number() OVER () AS {identifier(_ROW)} FROM {_name(table)}) '
        f"AS {t} FULL JOIN (SELECT *, true AS {identifier(_SOURCE)} FROM {source}) AS {s} ON ({condition})"
    )


def _merged_column(bound: Bound, table: Table, whens: list[When], place: int) -> str:
    name, case = table.columns[place].name, _output(bound, _CASE)
    arms = []
    for k, clause in enumerate(whens, 1):
        if name in clause.columns:
            given = _assigned(bound, f"$v{k}_{clause.columns.index(name)}", table, name)
            arms.append(f"WHEN {k} THEN {given}")
        elif clause.action == "insert":
            arms.append(f"WHEN {k} THEN NULL")
    old = f"q.{bound.fields[place].sql}"
    return f"CASE {case} {' '.join(arms)} ELSE {old} END" if arms else old


def _rewrite(
    run: "Run", table: Table, bound: Bound, columns: list[str], *, keep: str, hit: str, twice: str = ""
) -> Outcome:
    """Replaces the files with rows that are hit by what is kept of them, and adds kept rows without a file.

    ``twice``: a value that no two rows may share.
    """
    kinds = [(c.name, c.type) for c in table.columns]
    names = [f"c{i}" for i in range(len(columns))]
    made = ", ".join(f"{text} AS {name}" for text, name in zip(columns, names, strict=True))
    touched = (
        f"CREATE TEMP TABLE touched AS SELECT {made}, {_output(bound, _FILE)} AS file, {keep} AS keep, {hit} AS hit, "
        f"{twice or 'NULL'} AS twice FROM ({bound.sql}) AS q"
    )
    items = write.arrow_items([f"t.{n}" for n in names], kinds)
    rest = (
        f"SELECT {items} FROM touched AS t WHERE t.keep AND "
        "(t.file IS NULL OR t.file IN (SELECT file FROM touched WHERE hit))"
    )
    bound.lock(touched, rest)
    connection = bound.connection
    connection.execute(touched).fetchall()
    double = connection.execute(
        "SELECT 1 FROM touched WHERE twice IS NOT NULL GROUP BY twice HAVING count(*) > 1 LIMIT 1"
    ).fetchall()
    if double:
        raise QueryError(
            "MERGE_TARGET_ROW_MULTIPLE_MATCHES",
            "One MERGE target table row matched more than one source row",
        )
    count = int(connection.execute("SELECT count(*) FROM touched WHERE hit").fetchall()[0][0])
    if count:
        paths = connection.execute(
            "SELECT DISTINCT file FROM touched WHERE hit AND file IS NOT NULL"
        ).fetchall()
        rows = write.arrow(connection, rest, table.source.schema)
        write.replace(run, table, {p for (p,) in paths}, rows)
    return Outcome(bytes=run.bytes, rows=count)


def _table(run: "Run", reader: Reader, what: str) -> Table:
    database, name = reader.qualified()
    found = run.catalog.find("awsdatacatalog", database or run.database, name)
    if not isinstance(found, Table) or found.source is None or found.source.part:
        raise QueryError(
            "NOT_SUPPORTED", f"Modifying Hive table rows is not supported: {name} ({what} need Iceberg)"
        )
    return found


def _name(table: Table) -> str:
    return f"{identifier(table.database)}.{identifier(table.name)}"


def _listed(table: Table) -> str:
    return ", ".join(identifier(c.name) for c in table.columns)


def _output(bound: Bound, name: str) -> str:
    return next(f"q.{f.sql}" for f in bound.fields if f.name == name)


def _hit(bound: Bound) -> str:
    return f"coalesce({_output(bound, _HIT)}, false)"


def _check_columns(table: Table, names: list[str]) -> None:
    known = {c.name for c in table.columns}
    for name in names:
        if name not in known:
            raise QueryError("COLUMN_NOT_FOUND", f"The target table has no column '{name}'")
        if names.count(name) > 1:
            raise syntax(f"Multiple assignments for column '{name}'")


def _assigned(bound: Bound, output: str, table: Table, name: str) -> str:
    """The value of an output coerced to a column's type, as an assignment may.

    Raises:
        QueryError: TYPE_MISMATCH.
    """
    given = next(f for f in bound.fields if f.name == output)
    kind = next(c.type for c in table.columns if c.name == name)
    if not (
        coercible(given.type, kind)
        or (given.type.text and kind.text)
        or given.type.base == kind.base == "timestamp"
    ):
        raise QueryError(
            "TYPE_MISMATCH",
            f"UPDATE table column types don't match SET expressions: Table: [{kind}], Expressions: [{given.type}]",
        )
    return cast(Typed(f"q.{given.sql}", given.type), kind).sql
