# ruff: noqa: S608 - the text is SQL by purpose; names and values in it pass typed.identifier() and typed.quote()
"""GROUP BY, ORDER BY, LIMIT and set operations."""

from dataclasses import replace

from sqlglot import exp

from local_cloud.athena.errors import QueryError, syntax, unsupported
from local_cloud.athena.trino import ordering
from local_cloud.athena.trino.casts import coerce
from local_cloud.athena.trino.expressions import Expressions
from local_cloud.athena.trino.predicates import only
from local_cloud.athena.trino.relations import Relations
from local_cloud.athena.trino.scope import Field, Scope
from local_cloud.athena.trino.syntax import position
from local_cloud.athena.trino.typed import Typed
from local_cloud.athena.trino.types import Type, common

Compiled = tuple[str, list[Field]]
Item = tuple[exp.Expr, str | None, Field | None]
"""An output column: its expression, its name, the field where it comes from a star."""


class Clauses(Relations):
    """The part of the query compiler behind WHERE."""

    # -- GROUP BY ------------------------------------------------------------------------------------------------

    def group_by(self, node: exp.Select, items: list[Item], scope: Scope) -> tuple[str, set[str]]:
        group = node.args.get("group")
        if group is None:
            return "", set()
        only(group, "expressions", "grouping_sets", "cube", "rollup")
        compiler = self.expressions(scope)
        keys: set[str] = set()

        def key(item: exp.Expr) -> str:
            if isinstance(item, exp.Literal) and not item.is_string:
                place = int(item.this) if item.this.isdigit() else 0
                if not 1 <= place <= len(items):
                    raise syntax(
                        f"GROUP BY position {item.this} is not in select list", position(item, self.sql)
                    )
                target, _, star = items[place - 1]
                value = star.typed() if star is not None else compiler.compile(target)
                self.needs.add(star.needs if star is not None else frozenset())
            else:
                value = compiler.compile(item)
            if value.type.base in ("map", "json"):
                raise QueryError(
                    "TYPE_MISMATCH",
                    f"{value.type} is not comparable, and therefore cannot be used in GROUP BY",
                    position(item, self.sql),
                )
            keys.add(value.sql)
            ordering.distinct([value], "GROUP BY")
            zoned = value.type.base == "timestamp with time zone"
            if zoned and group.find(exp.GroupingSets, exp.Cube, exp.Rollup):
                raise unsupported("GROUPING SETS over timestamp with time zone", position(item, self.sql))
            return ordering.key(value) if zoned else value.sql

        def element(item: exp.Expr) -> str:
            if isinstance(item, (exp.Cube, exp.Rollup, exp.GroupingSets)):
                name = {"Cube": "CUBE", "Rollup": "ROLLUP", "GroupingSets": "GROUPING SETS"}[
                    type(item).__name__
                ]
                return f"{name} ({', '.join(element(e) for e in item.expressions)})"
            if isinstance(item, exp.Tuple):
                return "(" + ", ".join(key(e) for e in item.expressions) + ")"
            if isinstance(item, exp.Paren):
                return "(" + key(item.this) + ")"
            return key(item)

        with self.needs.into_always():
            parts = [
                element(e)
                for name in ("expressions", "grouping_sets", "cube", "rollup")
                for e in group.args.get(name) or []
            ]
        if not parts:
            raise syntax("mismatched input '<EOF>'. Expecting: <grouping element>", position(group, self.sql))
        return " GROUP BY " + ", ".join(parts), keys

    # -- ORDER BY, LIMIT -----------------------------------------------------------------------------------------

    def order_by(
        self,
        order: exp.Expr,
        fields: list[Field],
        texts: list[str],
        values: list[Typed],
        compiler: Expressions,
        distinct: bool,
    ) -> tuple[str, str]:
        """The clause, and its keys as a window would take them."""
        parts, keys = [], []
        source = compiler.scope
        outputs = [replace(f, sql=text) for f, text in zip(fields, texts, strict=True)]
        named = {f.name.lower() for f in fields if f.name}
        kept = [f for f in source.fields if f.name is None or f.name.lower() not in named]
        qualified = [replace(f, name=f.name) for f in source.fields if f not in kept]
        for item in order.expressions:
            place = self._place(item.this, fields)
            if place is not None:
                # Ordered by the output itself, not by evaluating its expression a second time.
                self.needs.always.update(fields[place].needs)
                value = Typed(texts[place], fields[place].type)
                key = ordering.key(value)
                parts.append(f"{place + 1 if key == value.sql else key} {ordering.direction(item)}")
                keys.append(f"{key} {ordering.direction(item)}")
                continue
            compiler.scope = Scope(
                [*outputs, *kept, *[f for f in qualified if self._qualified(item.this)]], source.parent
            )
            if self._qualified(item.this):
                compiler.scope = Scope(source.fields, source.parent)
            if compiler.grouping:
                compiler.grouping.keys |= {f.sql for f in outputs}
            with self.needs.into_always():
                value = compiler.compile(item.this)
            compiler.scope = source
            if distinct and value.sql not in texts:
                raise syntax(
                    "For SELECT DISTINCT, ORDER BY expressions must appear in select list",
                    position(item, self.sql),
                )
            parts.append(f"{ordering.key(value)} {ordering.direction(item)}")
            keys.append(parts[-1])
        del values
        return " ORDER BY " + ", ".join(parts), ", ".join(keys)

    def _qualified(self, node: exp.Expr) -> bool:
        return any(len(c.parts) > 1 for c in node.find_all(exp.Column))

    def _place(self, node: exp.Expr, fields: list[Field]) -> int | None:
        """The output column an ORDER BY item names by number or by name."""
        if isinstance(node, exp.Literal) and not node.is_string:
            if not node.this.isdigit() or not 1 <= int(node.this) <= len(fields):
                raise syntax(f"ORDER BY position {node.this} is not in select list", position(node, self.sql))
            return int(node.this) - 1
        if isinstance(node, exp.Column) and len(node.parts) == 1:
            hits = [i for i, f in enumerate(fields) if f.name and f.name.lower() == node.name.lower()]
            if len({fields[i].origins or i for i in hits}) > 1:
                raise QueryError(
                    "AMBIGUOUS_NAME", f"Column '{node.name.lower()}' is ambiguous", position(node, self.sql)
                )
            return hits[0] if hits else None
        return None

    def limits(self, node: exp.Expr) -> str:
        """LIMIT, OFFSET and FETCH FIRST as text."""
        text = ""
        limit, offset = node.args.get("limit"), node.args.get("offset")
        if isinstance(limit, exp.Fetch):
            only(limit, "direction", "count", "limit_options")
            options = limit.args.get("limit_options")
            if options is not None and options.args.get("percent"):
                raise syntax("mismatched input 'PERCENT'")
            if options is None or not options.args.get("with_ties"):
                text += f" LIMIT {self._fetched(limit)}"
        elif limit is not None:
            only(limit, "expression")
            if not (
                isinstance(limit.expression, (exp.Column, exp.Var, exp.All))
                and limit.expression.name.upper() in ("ALL", "")
            ):
                text += f" LIMIT {self._count(limit.expression, 'LIMIT')}"
        if offset is not None:
            only(offset, "expression")
            text += f" OFFSET {self._count(offset.expression, 'OFFSET')}"
        return text

    def _fetched(self, fetch: exp.Fetch) -> int:
        count = fetch.args.get("count")
        return self._count(count, "FETCH FIRST") if count is not None else 1

    def ties(self, node: exp.Expr, keys: str) -> str:
        """FETCH FIRST n ROWS WITH TIES: the rows whose rank by the ORDER BY ``keys`` is within n; else ''."""
        fetch = node.args.get("limit")
        options = fetch.args.get("limit_options") if isinstance(fetch, exp.Fetch) else None
        if not isinstance(fetch, exp.Fetch) or options is None or not options.args.get("with_ties"):
            return ""
        if not keys:
            raise QueryError(
                "MISSING_ORDER_BY",
                "FETCH FIRST WITH TIES clause requires ORDER BY",
                position(fetch, self.sql),
            )
        for clause in ("offset", "distinct"):
            if node.args.get(clause):
                raise unsupported(
                    f"{clause.upper()} with FETCH FIRST ... WITH TIES", position(fetch, self.sql)
                )
        return f" QUALIFY rank() OVER (ORDER BY {keys}) <= {self._fetched(fetch)}"

    def _count(self, node: exp.Expr | None, clause: str) -> int:
        if not isinstance(node, exp.Literal) or not node.this.isdigit():
            raise syntax(f"{clause} must be a number", position(node, self.sql))
        return int(node.this)

    def bounded(self, node: exp.Expr, inner: Compiled, parent: Scope | None) -> Compiled:
        """ORDER BY, LIMIT and OFFSET around a set operation or a parenthesised query."""
        text, fields = inner
        if not any(node.args.get(k) for k in ("order", "limit", "offset")):
            return inner
        name = self.name()
        outer = [replace(f, sql=f"{name}.{f.sql}") for f in fields]
        text = f"SELECT * FROM ({text}) AS {name}"
        parts: list[str] = []
        if node.args.get("order"):
            compiler = self.expressions(Scope(outer, parent))
            for item in node.args["order"].expressions:
                place = self._place(item.this, outer)
                value = outer[place].typed() if place is not None else compiler.compile(item.this)
                parts.append(f"{ordering.key(value)} {ordering.direction(item)}")
            self.needs.always.update(*(f.needs for f in fields))
        text += self.ties(node, ", ".join(parts))
        text += f" ORDER BY {', '.join(parts)}" if parts else ""
        text += self.limits(node)
        limited = node.args.get("limit") or node.args.get("offset")
        return text, [replace(f, origins=()) for f in fields] if limited else fields

    # -- set operations ------------------------------------------------------------------------------------------

    def set_operation(self, node: exp.SetOperation, parent: Scope | None) -> Compiled:
        only(node, "this", "expression", "distinct", "order", "limit", "offset", "with_")
        left, right = self.query(node.this, parent), self.query(node.expression, parent)
        operator = type(node).__name__.upper()
        if len(left[1]) != len(right[1]):
            raise syntax(
                f"{operator} query has different number of fields: {len(left[1])}, {len(right[1])}",
                position(node, self.sql),
            )
        kinds: list[Type] = []
        for i, (a, b) in enumerate(zip(left[1], right[1], strict=True), 1):
            kind = common(a.type, b.type)
            if kind is None:
                raise QueryError(
                    "TYPE_MISMATCH",
                    f"column {i} in {operator} query has incompatible types: {a.type}, {b.type}",
                    position(node, self.sql),
                )
            kinds.append(kind)
        sides = [self._coerced(side, kinds) for side in (left, right)]
        distinct = bool(node.args.get("distinct"))
        fields = [
            Field(
                a.name,
                f"c{i}",
                kind,
                (),
                a.origins + b.origins if a.origins and b.origins else (),
                a.needs | b.needs,
            )
            for i, (a, b, kind) in enumerate(zip(left[1], right[1], kinds, strict=True))
        ]
        if distinct or not isinstance(node, exp.Union):
            self.needs.always.update(*(f.needs for f in fields))
        text = f"({sides[0]}) {operator}{'' if distinct else ' ALL'} ({sides[1]})"
        if distinct or not isinstance(node, exp.Union):
            on = ordering.distinct([f.typed() for f in fields], operator)
            if on and not isinstance(node, exp.Union):
                raise unsupported(f"{operator} of timestamp with time zone", position(node, self.sql))
            if on:
                text = f"SELECT DISTINCT{on} * FROM (({sides[0]}) UNION ALL ({sides[1]})) AS {self.name()}"
        return self.bounded(node, (text, fields), parent)

    def _coerced(self, side: Compiled, kinds: list[Type]) -> str:
        text, fields = side
        if all(f.type == k for f, k in zip(fields, kinds, strict=True)):
            return text
        name = self.name()
        columns = ", ".join(
            f"{coerce(Typed(f'{name}.{f.sql}', f.type), k).sql} AS c{i}"
            for i, (f, k) in enumerate(zip(fields, kinds, strict=True))
        )
        return f"SELECT {columns} FROM ({text}) AS {name}"
