"""``spark.sql``: names of catalog tables become views over their files; catalog changes are refused."""

from typing import Any

from local_glue import catalog, table_statements
from local_glue.run import UnsupportedError


def run(spark: Any, text: str, args: Any, native: Any) -> Any:  # noqa: PLR0911
    """Run a statement.

    The text the engine gets is the caller's own, in which only the names of catalog tables were replaced.
    """
    import sqlglot
    from sqlglot import exp

    try:
        trees = [tree for tree in sqlglot.parse(text, read="spark") if tree is not None]
    except sqlglot.errors.SqlglotError:
        return native(spark, text, args)  # the engine words the error, or knows more than the parser
    if len(trees) != 1:
        return native(spark, text, args)
    tree = trees[0]
    if isinstance(tree, exp.Use):
        catalog.use(tree.this.name)
        return spark.createDataFrame([], "result string")
    if isinstance(tree, exp.Query):
        return native(spark, _corrected(spark, _with_views(spark, text, tree)), args)
    if not _is_temporary(tree) and table_statements.run(
        spark, text, tree, lambda query: run(spark, query, args, native)
    ):
        return spark.createDataFrame([], "result string").drop("result")
    _refuse_catalog_changes(tree)
    if isinstance(tree, exp.Create):
        return native(spark, _with_views(spark, text, tree.expression) if tree.expression else text, args)
    return native(spark, text, args)


def _corrected(spark: Any, text: str) -> str:
    """The query with the engine's differences corrected."""
    import pyspark.sql.connect.proto as pb2
    import sqlglot

    from local_glue.corrections import sql_text

    def plan(query: str) -> Any:
        return pb2.Plan(root=pb2.Relation(sql=pb2.SQL(query=query)))

    client = spark.client
    return sql_text.correct_query(
        text,
        sqlglot.parse_one(text, read="spark"),
        lambda query: client._uncorrected_schema(plan(query)).fields,
        lambda query: client._uncorrected_plan(plan(query)),
    )


def _with_views(spark: Any, text: str, tree: Any) -> str:
    from sqlglot import exp

    local = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    spans = []
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier) or (not table.db and table.name.lower() in local):
            continue
        name = ".".join(part.name for part in table.parts)
        found = catalog.lookup(spark, name)
        if found is None:
            continue
        view = catalog.view_name(found)
        catalog.read(spark, found).createOrReplaceTempView(view)
        first, last = table.parts[0], table.parts[-1]
        alias = "" if table.alias else f" AS `{table.name}`"
        spans.append((first.meta["start"], last.meta["end"] + 1, f"`{view}`{alias}"))
    for start, end, replacement in sorted(spans, reverse=True):
        text = text[:start] + replacement + text[end:]
    return text


def _is_temporary(tree: Any) -> bool:
    from sqlglot import exp

    return isinstance(tree, exp.Create) and tree.find(exp.TemporaryProperty) is not None


def _refuse_catalog_changes(tree: Any) -> None:
    from sqlglot import exp

    if _is_temporary(tree) or isinstance(tree, exp.Set | exp.Describe | exp.Cache | exp.Uncache):
        return
    changes = (
        exp.Create,
        exp.Drop,
        exp.Insert,
        exp.Alter,
        exp.Delete,
        exp.Update,
        exp.Merge,
        exp.Command,
        exp.Show,
    )
    if isinstance(tree, changes):
        raise UnsupportedError(
            f"{tree.key.upper()} on the Data Catalog is not supported through spark.sql by the local Spark "
            "engine: use boto3's glue client, or write files and register them."
        )
