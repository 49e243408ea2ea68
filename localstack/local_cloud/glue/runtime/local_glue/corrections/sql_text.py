"""SQL text: statements of ``spark.sql`` and expressions of ``F.expr``, ``where`` and ``selectExpr``.

A text is only changed where a rule says so. Then it is written anew from its syntax tree, and before that the engine
must resolve the unchanged tree's text to the very plan of the caller's text.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from local_glue.corrections import levels, rules
from local_glue.corrections.differences import DifferenceError, refuse
from local_glue.corrections.sql_scope import Scope
from local_glue.corrections.strings import as_text

_OPERATORS = ("=", "!=", "<", ">", "<=", ">=", "+", "-", "*", "/", "%", "and", "or")
_BY_CLASS = {
    "EQ": "==",
    "NEQ": "!=",
    "LT": "<",
    "LTE": "<=",
    "GT": ">",
    "GTE": ">=",
    "NullSafeEQ": "<=>",
    "Between": "between",
    "In": "in",
    "Div": "/",
    "Mod": "%",
    "Add": "+",
    "Sub": "-",
    "Mul": "*",
    "Neg": "negative",
    "DPipe": "||",
    "Case": "when",
    "If": "if",
    "Cast": "cast",
    "TryCast": "cast",
    "Like": "like",
    "ILike": "ilike",
    "RegexpLike": "rlike",
    "Extract": "extract",
    "ApproxQuantile": "percentile_approx",
}


def correct_expression(expression: Any, types_of: levels.Types, plan: Callable[[str], str]) -> bool:
    """Correct an ``expression_string`` in place; whether it was changed."""
    import sqlglot

    original = expression.expression_string.expression
    try:
        tree = sqlglot.parse_one(f"SELECT {original}", read="spark")
    except sqlglot.errors.SqlglotError:
        return False
    neutral = ", ".join(item.sql(dialect="spark") for item in tree.expressions)
    changed = levels.correct(
        [one for item in tree.expressions for one in functions(item)],
        lambda nodes: types_of([node.sql(dialect="spark") for node in nodes]),
    )
    if changed:
        _check_faithful(original, neutral, plan)
        expression.expression_string.expression = ", ".join(
            item.sql(dialect="spark") for item in tree.expressions
        )
    return changed


@cache
def _names() -> dict[type, str]:
    """The classes of syntax trees that stand for the functions of the rules."""
    import sqlglot
    from sqlglot import exp

    found: dict[type, str] = {getattr(exp, name): function for name, function in _BY_CLASS.items()}
    for name in rules.RULES:
        if not name.isidentifier() or name in _BY_CLASS.values():
            continue
        for arguments in ("a, b, c", "a, b", "a", ""):
            try:
                node = sqlglot.parse_one(f"{name}({arguments})", read="spark")
            except sqlglot.errors.SqlglotError:
                continue
            while isinstance(node, exp.Paren | exp.Cast | exp.Anonymous | exp.Column) and not isinstance(
                node, exp.Anonymous
            ):
                node = node.this
            if not isinstance(node, exp.Anonymous) and isinstance(node, exp.Func):
                found.setdefault(type(node), name)
            break
    return found


def functions(tree: Any) -> list[levels.Found]:
    """The functions in an expression that rules exist for, innermost first; subqueries have scopes of their own."""
    return _functions(tree, {})


def _functions(node: Any, bound: dict[str, Any]) -> list[levels.Found]:
    from sqlglot import exp

    found: list[levels.Found] = []
    inside = _bindings(node)
    for child in _children(node):
        if isinstance(child, exp.Query | exp.Subquery):
            continue
        found += _functions(child, {**bound, **inside} if isinstance(child, exp.Lambda) else bound)
    name = node.name.lower() if isinstance(node, exp.Anonymous) else _names().get(type(node), "")
    if name == "extract":
        if str(node.this).upper() in ("DOW", "DAYOFWEEK", "DOW_ISO", "DAYOFWEEK_ISO"):
            refuse("extract of DOW", node.sql(dialect="spark"))
        return found
    if name == "cast" and node.to.this != exp.DataType.Type.TEXT:
        return found
    if name not in rules.RULES:
        return found
    operands = [
        child for child in _children(node) if isinstance(child, exp.Expression) and _is_operand(child)
    ]
    literals = [_literal(one) for one in operands]
    if rules.harmless(name, literals) or (not operands and name != "version"):
        return found
    found.append(
        levels.Found(
            name=name,
            operands=operands,
            probes=[_outside(one, bound) for one in operands],
            literals=literals,
            height=1 + max((one.height for one in found), default=0),
            text=lambda: str(node.sql(dialect="spark")),
            replace=lambda result: _replace(node, result),
            target="string" if name == "cast" else "",
            over=(lambda other: _over(node, other)) if name in ("avg", "mean") else None,
        )
    )
    return found


def _children(node: Any) -> list[Any]:
    from sqlglot import exp

    if isinstance(node, exp.Case):
        branches = [part for one in node.args["ifs"] for part in (one.this, one.args["true"])]
        return [*branches, *([node.args["default"]] if node.args.get("default") else [])]
    children = []
    for value in node.args.values():
        children += [
            one for one in (value if isinstance(value, list) else [value]) if isinstance(one, exp.Expression)
        ]
    return children


def _is_operand(node: Any) -> bool:
    from sqlglot import exp

    if isinstance(node, exp.Identifier):  # the variable of a lambda, or a name
        return isinstance(node.parent, exp.Binary | exp.Unary | exp.Func | exp.If | exp.Lambda)
    return not isinstance(node, exp.DataType | exp.Var | exp.Lambda | exp.Star)


def _literal(node: Any) -> Any:
    from sqlglot import exp

    node = node.unnest()
    if isinstance(node, exp.Neg):
        inner = _literal(node.this)
        return -inner if isinstance(inner, int | float) else None
    if not isinstance(node, exp.Literal):
        return None
    if node.is_string:
        return node.this
    return int(node.this) if str(node.this).isdigit() else None


def _bindings(node: Any) -> dict[str, Any]:
    from sqlglot import exp

    lambdas = [child for child in _children(node) if isinstance(child, exp.Lambda)]
    if not lambdas:
        return {}
    others = [child for child in _children(node) if not isinstance(child, exp.Lambda)]
    array = others[0].sql(dialect="spark")
    name = node.name.lower() if isinstance(node, exp.Anonymous) else node.sql_name().lower()
    values = [f"({array})[0]", "0"]
    if name in ("aggregate", "reduce") and len(others) > 1:
        values = [others[1].sql(dialect="spark"), f"({array})[0]"]
    if name in ("map_filter", "transform_keys", "transform_values"):
        values = [f"map_keys({array})[0]", f"map_values({array})[0]"]
    found = {}
    for one in lambdas:
        for variable, value in zip(one.expressions, values, strict=False):
            found[variable.name.lower()] = value
    return found


def _outside(node: Any, bound: dict[str, Any]) -> Any:
    import sqlglot
    from sqlglot import exp

    if not bound:
        return node
    copy = exp.Paren(this=node.copy())
    for _ in bound:
        for part in list(copy.find_all(exp.Column, exp.Identifier)):
            if isinstance(part, exp.Identifier) and isinstance(part.parent, exp.Column):
                continue
            if part.name.lower() in bound and not (isinstance(part, exp.Column) and part.table):
                part.replace(sqlglot.parse_one(bound[part.name.lower()], read="spark"))
    return copy.this


def _over(node: Any, name: str) -> Any:
    """An average as another aggregate, with its window and filter."""
    from sqlglot import exp

    whole = _with_window(node)
    copy = whole.copy()
    inner = copy.find(type(node))
    other = exp.Sum if name == "sum" else exp.Count
    new = other(this=inner.this.copy())
    if inner is copy:
        return new
    inner.replace(new)
    return copy


def _with_window(node: Any) -> Any:
    from sqlglot import exp

    while isinstance(node.parent, exp.Window | exp.Filter) and node.parent.this is node:
        node = node.parent
    return node


def _replace(node: Any, result: Any) -> None:
    import sqlglot

    name = _names().get(type(node))
    place = _with_window(node) if name in ("avg", "mean") else node
    if isinstance(result, rules.Same):
        _replace_operands(node, result)
        return
    inner = _same(result)
    if inner is not None:
        _replace_operands(node, inner)
    place.replace(sqlglot.parse_one(f"({_sql(result, place)})", read="spark"))


def _same(value: Any) -> Any:
    match value:
        case rules.Same():
            return value
        case rules.Cast(inner, _):
            return _same(inner)
        case rules.Call(_, arguments):
            return next((found for one in arguments if (found := _same(one)) is not None), None)
    return None


def _replace_operands(node: Any, same: Any) -> None:
    import sqlglot

    operands = [child for child in _children(node) if _is_operand(child)]
    for operand, new in zip(operands, same.arguments, strict=True):
        if not (isinstance(new, rules.Raw) and new.node is operand):
            operand.replace(sqlglot.parse_one(f"({_sql(new, node)})", read="spark"))


def _sql(value: Any, node: Any) -> str:  # noqa: PLR0911
    """A rule's expression as SQL; ``Same`` is the node, whose operands were replaced before."""
    match value:
        case rules.Raw(inner):
            return str(inner.sql(dialect="spark"))
        case rules.Sql(text):
            return text
        case rules.Cast(inner, kind):
            return f"CAST({_sql(inner, node)} AS {kind})"
        case rules.Same():
            return str(node.sql(dialect="spark"))
        case rules.Call("__json_part", (inner,)):
            return _sql(json_part(inner), node)
        case rules.Call("when", arguments):
            texts = [_sql(one, node) for one in arguments]
            pairs = "".join(f" WHEN {texts[n]} THEN {texts[n + 1]}" for n in range(0, len(texts) - 1, 2))
            return f"CASE{pairs}{f' ELSE {texts[-1]}' if len(texts) % 2 else ''} END"
        case rules.Call(name, arguments):
            texts = [_sql(one, node) for one in arguments]
            if name in _OPERATORS:
                return "(" + f" {name} ".join(f"({text})" for text in texts) + ")"
            return f"{name}({', '.join(texts)})"
    raise TypeError(f"{value!r} is no expression")


def json_part(part: Any) -> Any:
    """A part of a JSON text, or an error where Spark would write it otherwise: spaces, escapes, fractions."""
    first = rules.Call("substring", (part, rules.Sql("1"), rules.Sql("1")))
    inside = rules.Call("contains", (rules.Sql("'{['"), first))
    messy = rules.Call(
        "or",
        (
            rules.Call("rlike", (part, rules.Sql("'[[:space:]]|[0-9][.eE]'"))),
            rules.Call("contains", (part, rules.Sql("chr(92)"))),
        ),
    )
    nested = rules.Call(
        "and", (rules.Call("!=", (part, rules.Sql("''"))), rules.Call("and", (inside, messy)))
    )
    number = rules.Call("rlike", (part, rules.Sql("'^-?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?$'")))
    fraction = rules.Call("rlike", (part, rules.Sql("'[.eE]'")))
    other = rules.Call("!=", (as_text(rules.Cast(part, "double")), part))
    written = rules.Call("and", (rules.Call("and", (number, fraction)), other))
    message = rules.Call(
        "concat",
        (rules.Sql("'get_json_object: Spark would write this part otherwise, use from_json: '"), part),
    )
    error = rules.Call("raise_error", (message,))
    return rules.Call("when", (nested, error, written, error, part))


def correct_query(
    text: str, tree: Any, types_of: Callable[[str], list[Any]], plan: Callable[[str], str]
) -> str:
    """The text of a query with its differences corrected.

    Args:
        text: the caller's text; ``tree`` is its syntax tree, which is changed.
        types_of: the fields of a query's result.
        plan: the engine's resolved plan of a query.

    Raises:
        DifferenceError: a difference that is refused.
    """
    from sqlglot import exp

    neutral = tree.sql(dialect="spark")
    changed = False
    for select in reversed(list(tree.find_all(exp.Select))):
        changed = _correct_select(select, types_of, text if select is tree else "") or changed
    if not changed:
        return text
    _check_faithful(text, neutral, plan)
    return str(tree.sql(dialect="spark"))


def _check_faithful(text: str, neutral: str, plan: Callable[[str], str]) -> None:
    if neutral != text and plan(neutral) != plan(text):
        raise DifferenceError(
            "This text needs a correction for the local Spark engine (decimal arithmetic, doubles as strings, isnan), "
            f"but cannot be written anew faithfully: use the DataFrame API for that part. The text: {text[:200]}"
        )


def _correct_select(select: Any, types_of: Callable[[str], list[Any]], text: str) -> bool:
    from sqlglot import exp

    found = [one for root in _clauses(select) for one in _functions(root, {})]
    if not found:
        return False
    scope = Scope(select, types_of)
    items = list(select.expressions)
    affected = [
        n
        for n, item in enumerate(items)
        if not isinstance(item, exp.Alias | exp.Column | exp.Star) and _functions(item, {})
    ]
    names = dict(
        zip(affected, [field.name for field in scope.fields([items[n] for n in affected])], strict=True)
    )
    if affected and text:  # the caller's own spelling
        given = types_of(text)
        names = {n: given[n].name for n in affected} if len(given) == len(items) else names
    changed = levels.correct(found, scope.types_of)
    if changed:
        for number, item in enumerate(select.expressions):
            if number in names and not isinstance(item, exp.Alias):
                item.replace(exp.alias_(item.copy(), names[number], quoted=True))
    return changed


def _clauses(select: Any) -> list[Any]:
    from sqlglot import exp

    parts = list(select.expressions)
    parts += [
        one
        for one in (select.args.get(key) for key in ("where", "group", "having", "order", "qualify"))
        if one
    ]
    for join in select.args.get("joins") or []:
        parts += [join.args["on"]] if join.args.get("on") else []
    for lateral in select.args.get("laterals") or []:
        parts += [lateral.this] if isinstance(lateral, exp.Lateral) else []
    return parts
