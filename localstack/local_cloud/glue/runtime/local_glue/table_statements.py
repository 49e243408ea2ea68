"""``INSERT``, ``CREATE TABLE``, ``DROP TABLE`` and ``CREATE DATABASE`` of ``spark.sql``, on the Data Catalog."""

import re
from collections.abc import Callable
from typing import Any

from local_glue import catalog, s3, table_writes, tables
from local_glue.run import UnsupportedError

Query = Callable[[str], Any]


def run(spark: Any, text: str, tree: Any, query: Query) -> bool:
    """Run a statement that changes the catalog; ``False`` if it is none of these.

    Args:
        query: makes a DataFrame of a query's text.
    """
    from sqlglot import exp

    if isinstance(tree, exp.Insert):
        _insert(spark, text, tree, query)
    elif isinstance(tree, exp.Create) and tree.kind == "TABLE":
        _create_table(spark, text, tree, query)
    elif isinstance(tree, exp.Create) and tree.kind in ("DATABASE", "SCHEMA"):
        _create_database(tree)
    elif isinstance(tree, exp.Drop) and tree.kind == "TABLE":
        _drop_table(tree)
    else:
        return False
    return True


def _name(table: Any) -> str:
    return ".".join(part.name for part in table.parts)


def _query_text(text: str, *, after: str = "") -> str:
    """The query inside a statement: the caller's own text, from its first token on."""
    from sqlglot import TokenType, tokenize

    depth, armed, tokens = 0, not after, tokenize(text, read="spark")
    starts = (TokenType.SELECT, TokenType.WITH, TokenType.VALUES, TokenType.FROM)
    for number, token in enumerate(tokens):
        if depth == 0 and not armed and token.text.upper() == after:
            armed = True
            continue
        opens = token.token_type == TokenType.L_PAREN
        if depth == 0 and armed and number:
            following = tokens[number + 1] if opens and number + 1 < len(tokens) else token
            if following.token_type in starts:
                return text[token.start :].rstrip().rstrip(";")
        depth += opens - (token.token_type == TokenType.R_PAREN)
    raise UnsupportedError(f"No query is found in the statement: {text[:200]}")


def _insert(spark: Any, text: str, tree: Any, query: Query) -> None:
    from pyspark.errors.exceptions.connect import AnalysisException
    from sqlglot import exp

    if (
        tree.args.get("with_")
        or tree.args.get("with")
        or tree.args.get("where")
        or tree.args.get("is_function")
    ):
        raise UnsupportedError(
            f"This form of INSERT is not supported by the local Spark engine: {text[:200]}"
        )
    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    if not isinstance(target, exp.Table):
        raise UnsupportedError(
            f"INSERT OVERWRITE DIRECTORY is not supported by the local Spark engine: {text[:200]}"
        )
    database, name = tables.names(_name(target))
    table = tables.find(database, name)
    if table is None:
        raise AnalysisException(
            f"[TABLE_OR_VIEW_NOT_FOUND] The table or view `{database}`.`{name}` cannot be found."
        )
    fixed = _fixed(target)
    listed = (
        [column.name.lower() for column in tree.this.expressions] if isinstance(tree.this, exp.Schema) else []
    )
    source = query(_values_as_query(_query_text(text)))
    frame = _arranged(source, table, fixed, listed)
    mode = table_writes.mode_of(spark, table) if tree.args.get("overwrite") else None
    if mode == "dynamic" and fixed and len(fixed) == len(table["PartitionKeys"]):
        mode = "static"
    tables.insert(frame, table, mode, fixed)


def _values_as_query(text: str) -> str:
    return "SELECT * FROM " + text if re.match(r"\s*VALUES\b", text, re.IGNORECASE) else text  # noqa: S608


def _fixed(target: Any) -> dict[str, str]:
    """The partition values that the statement names."""
    from sqlglot import exp

    clause = target.args.get("partition")
    found = {}
    for part in clause.find_all(exp.EQ) if clause else []:
        if not isinstance(part.expression, exp.Literal):
            raise UnsupportedError(f"PARTITION ({part.sql(dialect='spark')}): the value must be a literal.")
        found[part.this.name.lower()] = part.expression.name
    return found


def _arranged(source: Any, table: dict[str, Any], fixed: dict[str, str], listed: list[str]) -> Any:
    """The query's columns under the table's names, with the named partition values and NULL where none is given."""
    from pyspark.errors.exceptions.connect import AnalysisException
    from pyspark.sql.connect import functions as F

    columns = tables.columns_of(table)
    given = listed or [name for name, _ in columns if name not in fixed]
    unknown = [name for name in [*listed, *fixed] if name not in dict(columns)]
    if unknown or len(source.columns) != len(given):
        problem = (
            f"no column {unknown[0]}"
            if unknown
            else f"{len(given)} columns expected, {len(source.columns)} given"
        )
        raise AnalysisException(
            f"[INSERT_COLUMN_ARITY_MISMATCH] Cannot write to {tables.full_name(table)}: {problem}."
        )
    frame = source.toDF(*[f"c{number}" for number in range(len(given))])
    places = {name: f"c{number}" for number, name in enumerate(given)}
    chosen = []
    for name, kind in columns:
        column = F.col(places[name]) if name in places else F.lit(fixed.get(name)).cast(kind)
        chosen.append(column.alias(name))
    return frame.select(*chosen)


def _create_table(spark: Any, text: str, tree: Any, query: Query) -> None:
    from pyspark.errors.exceptions.connect import AnalysisException
    from sqlglot import exp

    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    database, name = tables.names(_name(target))
    found = tables.find(database, name)
    source, path, keys, key_columns, hive = _properties(text, tree)
    if found is not None:
        if tree.args.get("exists"):
            return
        if not tree.args.get("replace"):
            raise AnalysisException(
                f"[TABLE_OR_VIEW_ALREADY_EXISTS] Cannot create table or view `{database}`.`{name}` because it already "
                "exists. Choose a different name, drop or replace the existing object, or add the IF NOT EXISTS clause."
            )
        raise UnsupportedError(
            "CREATE OR REPLACE TABLE is not supported by the local Spark engine: DROP TABLE first."
        )
    if tree.expression is not None:
        frame = query(_query_text(text, after="AS"))
        table_writes.replace(frame, f"{database}.{name}", keys, source, path, None)
        return
    definitions = [*(tree.this.expressions if isinstance(tree.this, exp.Schema) else []), *key_columns]
    ddl = ", ".join(f"`{one.name}` {one.args['kind'].sql(dialect='spark')}" for one in definitions)
    fields = spark.createDataFrame([], ddl).schema.fields
    columns = [(field.name, field.dataType.simpleString()) for field in fields]
    tables.create(f"{database}.{name}", columns, keys, source, path, hive=hive)


def _properties(text: str, tree: Any) -> tuple[str, str | None, list[str], list[Any], bool]:
    """Format, location, partition keys (and their definitions, if they stand there), whether it is a Hive table."""
    from sqlglot import exp

    source, path, keys, key_columns = "", None, [], []
    for one in tree.args["properties"].expressions if tree.args.get("properties") else []:
        match one:
            case exp.FileFormatProperty():
                source = one.name.lower() or str(one.this).lower()
            case exp.LocationProperty():
                path = one.this.name
            case exp.PartitionedByProperty():
                parts = one.this.expressions if isinstance(one.this, exp.Schema | exp.Tuple) else [one.this]
                keys = [part.name for part in parts]
                key_columns = [part for part in parts if isinstance(part, exp.ColumnDef)]
            case exp.ExternalProperty():
                pass
            case _:
                raise UnsupportedError(
                    f"CREATE TABLE with {one.sql(dialect='spark')} is not supported by the local Spark engine."
                )
    if not source:
        raise UnsupportedError(
            "CREATE TABLE needs USING parquet (or json): Hive's text tables are not supported."
        )
    return source, path, keys, key_columns, not re.search(r"\bUSING\b", text, re.IGNORECASE)


def _create_database(tree: Any) -> None:
    from pyspark.errors.exceptions.connect import AnalysisException
    from sqlglot import exp

    name = tree.this.name.lower()
    body = {"Name": name}
    for one in tree.args["properties"].expressions if tree.args.get("properties") else []:
        if isinstance(one, exp.LocationProperty):
            body["LocationUri"] = one.this.name
        elif isinstance(one, exp.SchemaCommentProperty):
            body["Description"] = one.this.name
        else:
            raise UnsupportedError(f"CREATE DATABASE with {one.sql(dialect='spark')} is not supported here.")
    if catalog.database_exists(name):
        if tree.args.get("exists"):
            return
        raise AnalysisException(
            f"[SCHEMA_ALREADY_EXISTS] Cannot create schema `{name}` because it already exists."
        )
    catalog.glue().create_database(DatabaseInput=body)


def _drop_table(tree: Any) -> None:
    from pyspark.errors.exceptions.connect import AnalysisException
    from sqlglot import exp

    targets = list(tree.find_all(exp.Table))
    if len(targets) != 1:
        raise UnsupportedError("DROP TABLE drops one table at a time.")
    database, name = tables.names(_name(targets[0]))
    table = tables.find(database, name)
    if table is None:
        if tree.args.get("exists"):
            return
        raise AnalysisException(
            f"[TABLE_OR_VIEW_NOT_FOUND] The table or view `{database}`.`{name}` cannot be found."
        )
    managed = table.get("TableType") == "MANAGED_TABLE"
    tables.drop(table, files=managed and s3.is_s3(table["StorageDescriptor"]["Location"]))
