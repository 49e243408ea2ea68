# ruff: noqa: S608 - the text is SQL by purpose; names and values in it pass typed.identifier() and typed.quote()
"""FROM without tables: joins, VALUES, UNNEST; and which predicates may prune partitions."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sqlglot import exp

from local_cloud.athena.errors import QueryError, syntax, unsupported
from local_cloud.athena.trino.casts import coerce
from local_cloud.athena.trino.expressions import Expressions
from local_cloud.athena.trino.operators import comparison
from local_cloud.athena.trino.predicates import only
from local_cloud.athena.trino.pruning import glue_expression
from local_cloud.athena.trino.scope import Field, Needs, Scope
from local_cloud.athena.trino.syntax import position
from local_cloud.athena.trino.typed import Typed, identifier
from local_cloud.athena.trino.types import BIGINT, UNKNOWN, Type, common

if TYPE_CHECKING:
    from local_cloud.athena.catalog import Table

PATH = "$path"
Compiled = tuple[str, list[Field]]


@dataclass
class Scan:
    """One reading of a table under the alias ``relation``: the columns it must give.

    ``predicates`` are over its partition columns, aliased ``p``; ``glue`` those the catalog can judge itself.
    """

    number: int
    table: "Table"
    relation: str
    columns: set[str] = field(default_factory=set)
    predicates: list[str] = field(default_factory=list)
    glue: list[str] = field(default_factory=list)

    @property
    def placeholder(self) -> str:
        return f"\x01SCAN{self.number}\x01"


@dataclass
class Cte:
    """A WITH name: its query, column aliases, the names visible to it, and where it was written.

    ``working``: inside its own recursive step, the text and fields of the step before.
    """

    query: exp.Expr
    columns: list[str]
    visible: "dict[str, Cte]"
    parent: Scope | None
    recursive: bool = False
    working: Compiled | None = None


class Joins:
    """The part of the query compiler that joins relations and hands predicates to scans."""

    sql: str
    needs: Needs
    scans: list[Scan]

    def query(self, node: exp.Expr, parent: Scope | None) -> Compiled:
        raise NotImplementedError

    def expressions(self, scope: Scope) -> Expressions:
        raise NotImplementedError

    def relation(self, node: exp.Expr, scope: Scope) -> Compiled:
        raise NotImplementedError

    def name(self) -> str:
        raise NotImplementedError

    def _coerced(self, side: Compiled, kinds: list[Type]) -> str:
        raise NotImplementedError

    def aliased(self, fields: list[Field], alias: exp.Expr | None, node: exp.Expr) -> list[Field]:
        raise NotImplementedError

    # -- VALUES, UNNEST ------------------------------------------------------------------------------------------

    def values(self, node: exp.Values, parent: Scope | None) -> Compiled:
        """VALUES rows, each column brought to one type."""
        compiler = self.expressions(Scope([], parent))
        rows = []
        for item in node.expressions:
            cells = (
                item.expressions
                if isinstance(item, exp.Tuple)
                else [item.this if isinstance(item, exp.Paren) else item]
            )
            rows.append([compiler.compile(cell) for cell in cells])
        if len({len(r) for r in rows}) != 1:
            raise syntax("Values rows have mismatched sizes", position(node, self.sql))
        kinds: list[Type] = []
        for column in zip(*rows, strict=True):
            kind: Type | None = UNKNOWN
            for cell in column:
                kind = common(kind, cell.type) if kind is not None else None
            if kind is None:
                raise QueryError(
                    "TYPE_MISMATCH", "Values rows have mismatched types", position(node, self.sql)
                )
            kinds.append(kind)
        texts = ", ".join(
            "(" + ", ".join(coerce(c, k).sql for c, k in zip(r, kinds, strict=True)) + ")" for r in rows
        )
        listed = ", ".join(f"c{i}" for i in range(len(kinds)))
        name = self.name()
        return f"SELECT {listed} FROM (VALUES {texts}) AS {name}({listed})", [
            Field(f"_col{i}", f"c{i}", kind) for i, kind in enumerate(kinds)
        ]

    def _unnest(self, node: exp.Unnest, scope: Scope) -> Compiled:
        only(node, "expressions", "alias", "offset")
        compiler = self.expressions(scope)
        with self.needs.into_always():
            values = [compiler.compile(e) for e in node.expressions]
        name = self.name()
        columns: list[str] = []
        fields: list[Field] = []
        lengths: list[str] = []
        for value in values:
            self._unnested(value, name, columns, fields, lengths)
        ordinal = node.args.get("offset")
        longest = f"greatest({', '.join(lengths)})" if len(lengths) > 1 else lengths[0]
        if ordinal:
            columns.append(
                f"unnest(generate_series(CAST(1 AS BIGINT), coalesce({longest}, 0))) AS c{len(fields)}"
            )
            fields.append(Field("ordinality", f"{name}.c{len(fields)}", BIGINT))
        alias = node.args.get("alias")
        if alias is not None and ordinal and alias.args.get("columns"):
            alias = alias.copy()  # sqlglot took the last alias for the ordinality
            alias.append(
                "columns",
                exp.to_identifier(ordinal.name if isinstance(ordinal, exp.Expression) else "ordinality"),
            )
        return f"LATERAL (SELECT {self._spread(columns, fields, name)}) AS {name}", self.aliased(
            fields, alias, node
        )

    def _spread(self, columns: list[str], fields: list[Field], name: str) -> str:
        """The outputs of an UNNEST: lists side by side, a row's members taken apart."""
        inner = ", ".join(columns)
        outer = ", ".join(f"{f.sql.removeprefix(name + '.')} " for f in fields)
        if all(f.sql.startswith(f"{name}.c") for f in fields):
            return inner
        return f"{outer} FROM (SELECT {inner})"

    def _unnested(
        self, value: Typed, name: str, columns: list[str], fields: list[Field], lengths: list[str]
    ) -> None:
        if value.type.base == "map":
            lengths.append(f"len(map_keys({value.sql}))")
            for part, kind in zip(("map_keys", "map_values"), value.type.args, strict=True):
                columns.append(f"unnest({part}({value.sql})) AS c{len(fields)}")
                fields.append(Field(None, f"{name}.c{len(fields)}", kind))
            return
        if value.type.base != "array":
            raise QueryError("TYPE_MISMATCH", f"Cannot unnest type: {value.type}")
        lengths.append(f"len({value.sql})")
        element = value.type.args[0]
        if element.base == "row":
            for i, (member, kind) in enumerate(element.args, 1):
                columns.append(f"unnest(list_transform({value.sql}, lambda u: u.f{i})) AS c{len(fields)}")
                fields.append(Field(member, f"{name}.c{len(fields)}", kind))
            return
        columns.append(f"unnest({value.sql}) AS c{len(fields)}")
        fields.append(Field(None, f"{name}.c{len(fields)}", element))

    def sampled(self, node: exp.Expr, scope: Scope) -> Compiled:
        """TABLESAMPLE BERNOULLI | SYSTEM (percentage); SYSTEM takes whole blocks of rows."""
        sample = node.args["sample"]
        only(sample, "method", "percent")
        method, percent = str(sample.args.get("method") or "").upper(), sample.args.get("percent")
        if method not in ("BERNOULLI", "SYSTEM") or isinstance(node, (exp.Unnest, exp.Lateral)):
            raise unsupported(f"TABLESAMPLE {method}", position(node, self.sql))
        if not isinstance(percent, exp.Literal) or percent.is_string:
            raise unsupported("TABLESAMPLE with a percentage that is no number", position(node, self.sql))
        if not 0 <= float(percent.this) <= 100:
            raise QueryError(
                "NUMERIC_VALUE_OUT_OF_RANGE",
                "Sample percentage must be between 0 and 100",
                position(percent, self.sql),
            )
        bare = node.copy()
        bare.set("sample", None)
        text, fields = self.relation(bare, scope)
        return f"{text} TABLESAMPLE {method}({float(percent.this)!r} PERCENT)", fields

    # -- joins ---------------------------------------------------------------------------------------------------

    def joined(self, text: str, fields: list[Field], joins: list[exp.Join], parent: Scope | None) -> Compiled:
        for join in joins:
            only(join, "this", "side", "kind", "on", "using", "method")
            if join.args.get("method"):
                raise QueryError(
                    "NOT_SUPPORTED",
                    f"{join.args['method'].capitalize()} join not supported",
                    position(join, self.sql),
                )
            right_text, right = self.relation(join.this, Scope(fields, parent))
            text, fields = self._join(join, text, fields, right_text, right, parent)
        return text, fields

    def _join(
        self,
        join: exp.Join,
        text: str,
        left: list[Field],
        right_text: str,
        right: list[Field],
        parent: Scope | None,
    ) -> Compiled:
        side, kind = (join.side or "").upper(), (join.kind or "").upper()
        if kind not in ("", "INNER", "OUTER", "CROSS"):
            raise unsupported(f"{kind} JOIN", position(join, self.sql))
        on, using = join.args.get("on"), join.args.get("using")
        if not side and (kind == "CROSS" or (on is None and using is None)):
            return f"{text} CROSS JOIN {right_text}", [*left, *right]
        if on is None and using is None:
            raise syntax("mismatched input: a join needs ON or USING", position(join, self.sql))
        word = f"{side} JOIN" if side else "JOIN"
        if using:
            return self._using(using, word, side, (text, left), (right_text, right), join)
        on_ = on or exp.true()
        scope = Scope([*left, *right], parent)
        with self.needs.into_always():
            condition = self.expressions(scope).filter(on_, "JOIN ON")
        if side == "":
            self.prune(on_, scope)
        elif side == "LEFT":
            self.prune(on_, scope, right)
        elif side == "RIGHT":
            self.prune(on_, scope, left)
        left, right = self._nullable(side, left, right)
        return f"{text} {word} {right_text} ON {condition.sql}", [*left, *right]

    def _nullable(self, side: str, left: list[Field], right: list[Field]) -> tuple[list[Field], list[Field]]:
        """Fields that an outer join may fill with NULL no longer stand for their column when pruning."""
        if side in ("LEFT", "FULL"):
            right = [replace(f, origins=()) for f in right]
        if side in ("RIGHT", "FULL"):
            left = [replace(f, origins=()) for f in left]
        return left, right

    def _using(
        self, using: list[exp.Expr], word: str, side: str, left: Compiled, right: Compiled, join: exp.Join
    ) -> Compiled:
        conditions, merged, used = [], [], []
        for column in using:
            name = column.name.lower()
            sides = [Scope(fields).find((name,)) for fields in (left[1], right[1])]
            if sides[0] is None or sides[1] is None:
                where = "left" if sides[0] is None else "right"
                raise QueryError(
                    "COLUMN_NOT_FOUND",
                    f"Column '{name}' is missing from {where} side of join",
                    position(join, self.sql),
                )
            a, b = sides[0][0], sides[1][0]
            self.needs.always.update(a.needs | b.needs)
            conditions.append(comparison("=", a.typed(), b.typed()).sql)
            kind = common(a.type, b.type) or a.type
            x, y = coerce(a.typed(), kind).sql, coerce(b.typed(), kind).sql
            text = {"RIGHT": y, "FULL": f"coalesce({x}, {y})"}.get(side, x)
            origins = {"RIGHT": b.origins, "FULL": ()}.get(side, a.origins if side else a.origins + b.origins)
            merged.append(
                Field(column.name, text, kind, (), origins if a.type == b.type else (), a.needs | b.needs)
            )
            used += [a, b]
        lefts, rights = self._nullable(side, left[1], right[1])
        named = {(f.sql) for f in used}
        rest = [f for f in [*lefts, *rights] if f.sql not in named]
        return f"{left[0]} {word} {right[0]} ON {' AND '.join(conditions)}", [*merged, *rest]

    # -- pruning -------------------------------------------------------------------------------------------------

    def prune(self, condition: exp.Expr, scope: Scope, among: list[Field] | None = None) -> None:
        """Hands every conjunct over prunable columns alone to the scans it concerns.

        ``among``: the fields that may prune, where not all of the scope's may; names mean what they mean in ``scope``.
        """
        while isinstance(condition, exp.Paren):
            condition = condition.this
        for conjunct in condition.flatten() if isinstance(condition, exp.And) else [condition]:
            if isinstance(conjunct, exp.And):
                self.prune(conjunct, scope, among)
            else:
                self._prune_by(conjunct, scope, scope.fields if among is None else among)

    def _prune_by(self, conjunct: exp.Expr, scope: Scope, among: list[Field]) -> None:
        if conjunct.find(exp.Query, exp.Placeholder, exp.Lambda, exp.Window):
            return
        fields: dict[int, Field] = {}
        for column in conjunct.find_all(exp.Column):
            found = scope.find(tuple(p.name.lower() for p in column.parts))
            if found is None or not any(found[0] is f for f in among):
                return
            fields[id(found[0])] = found[0]
        if not fields:
            return
        for number in {n for n, _ in next(iter(fields.values())).origins}:
            self._prune_scan(self.scans[number], conjunct, fields, scope)

    def _prune_scan(self, scan: Scan, conjunct: exp.Expr, fields: dict[int, Field], scope: Scope) -> None:
        keys = {c.name: c.type for c in scan.table.prunable}
        replaced = {}
        for key, f in fields.items():
            names = {n for s, n in f.origins if s == scan.number}
            if len(names) != 1 or not names <= keys.keys():
                return
            name = names.pop()
            if keys[name] != f.type:
                return
            replaced[key] = replace(f, sql=f"p.{identifier(name)}")
        narrowed = Scope([replaced.get(id(f), f) for f in scope.fields], None)
        value = self.expressions(narrowed).boolean(conjunct, "WHERE")
        if value.volatile:
            return
        scan.predicates.append(value.sql)
        by_path = {}
        for column in conjunct.find_all(exp.Column):
            found = scope.find(tuple(p.name.lower() for p in column.parts))
            if found is not None:
                by_path[id(column)] = next(n for s, n in found[0].origins if s == scan.number)
        pushed = glue_expression(conjunct, lambda c: by_path[id(c)], keys)
        if pushed:
            scan.glue.append(pushed)
