"""Random SQL and random files: rows or an error in Athena's style, never anything else."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from local_cloud.athena.errors import QueryError
from local_cloud.athena.statements import kind_of
from local_cloud.athena.trino.functions import AGGREGATE_RULES, SCALARS, WINDOW_RULES

from mlops_platform_tests.athena.conformance_cases import answer

ATOMS = st.sampled_from(
    r"""1|0|-7|2.5|1e0|'a'|''|NULL|true|x|t.x|y|DATE '2020-01-31'|TIMESTAMP '2020-01-01 10:00:00'|INTERVAL '1' DAY
    |ARRAY[1, 2]|ARRAY['a']|ARRAY[]|MAP(ARRAY['k'], ARRAY[1])|ROW(1, 'b')|JSON '{"a": 1}'|X'65'|'day'|'$.a'|'\d'
    |e -> e|(a, b) -> a|*|?|current_date|now()|(SELECT 1)|9223372036854775807""".replace("\n    ", "").split(
        "|"
    )
)
NAMES = st.sampled_from(sorted({*SCALARS, *AGGREGATE_RULES, *WINDOW_RULES, "foo", "checksum"}))
OPERATORS = st.sampled_from(
    ["+", "-", "*", "/", "%", "=", "<", "||", "AND", "OR", "LIKE", "IS DISTINCT FROM"]
)


def _grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    call = st.builds(lambda n, a: f"{n}({', '.join(a)})", NAMES, st.lists(inner, max_size=3))
    binary = st.builds(lambda a, o, b: f"({a} {o} {b})", inner, OPERATORS, inner)
    cast = st.builds(
        lambda a, t: f"CAST({a} AS {t})",
        inner,
        st.sampled_from(
            [
                "integer",
                "varchar",
                "varchar(1)",
                "decimal(3,1)",
                "date",
                "timestamp",
                "json",
                "array(varchar)",
            ]
        ),
    )
    case = st.builds(lambda a, b: f"CASE WHEN {a} THEN {b} END", inner, inner)
    over = st.builds(lambda a: f"{a} OVER (ORDER BY x)", call)
    return call | binary | cast | case | over


EXPRESSIONS = st.recursive(ATOMS, _grow, max_leaves=5)
STYLE = re.compile(r"[A-Z][A-Z_]+: ")


def _check(sql: str) -> None:
    try:
        types, rows = answer(sql)
    except QueryError as error:
        _in_style(sql, error)
        return
    assert all(len(row) == len(types) for row in rows)


def _in_style(sql: str, error: QueryError) -> None:
    assert STYLE.match(error.reason), error.reason
    assert error.name != "GENERIC_INTERNAL_ERROR", f"{sql}\n{error.reason}"


@given(
    EXPRESSIONS,
    st.sampled_from(["", " WHERE x > 1", " GROUP BY x", " ORDER BY 1", " LIMIT 1", " GROUP BY ROLLUP (x)"]),
)
@settings(max_examples=250, deadline=None)
def test_random_expressions(expression: str, tail: str) -> None:
    _check(f"SELECT {expression} FROM (VALUES (1, 'p'), (2, NULL)) AS t(x, y){tail}")


@given(st.text(alphabet="SELCTFROM ()*,'\"1a=-;WHB", max_size=40))
@settings(max_examples=150, deadline=None)
def test_random_text(text: str) -> None:
    try:
        kind_of("SELECT " + text)
    except QueryError as error:
        _in_style(text, error)
        return
    _check("SELECT " + text)
