"""The filter language of GetPartitions: cases by type, errors, random expressions against an evaluator."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from local_cloud.errors import ServiceError
from local_cloud.glue import GlueEngine

from mlops_platform_tests.glue.conftest import new_engine, table_input

ROWS: dict[str, list[str]] = {
    "string": ["a", "B", "b", "100%", "it's", "x_y", "xzy"],
    "int": ["-5", "0", "7", "10", "200"],
    "bigint": ["9007199254740993", "9007199254740992", "-1"],
    "date": ["2025-12-31", "2026-01-01", "2026-02-01"],
    "timestamp": ["2026-01-01 00:00:00", "2026-01-01 00:00:00.5", "2026-01-01 10:00:00"],
    "decimal(20,4)": ["-1.5", "0", "1.25", "1.3", "10", "123456789012345.6789"],
}
CASES = [
    ("string", "k = 'a'", ["a"]),
    ("string", "K='b'", ["b"]),
    ("string", "\"k\" = 'b'", ["b"]),
    ("string", "`k` = 'b'", ["b"]),
    ("string", "'a' = k", ["a"]),
    ("string", "(k) = ('a')", ["a"]),
    ("string", "k = 'it''s'", ["it's"]),
    ("string", "k LIKE 'x_y'", ["x_y", "xzy"]),
    ("string", r"k LIKE 'x\_y'", ["x_y"]),
    ("string", "k like '%\\%'", ["100%"]),
    ("string", "k LIKE 'B%'", ["B"]),
    ("string", "k NOT LIKE '%y' AND k <> 'a'", ["B", "b", "100%", "it's"]),
    ("string", "k IN ('a', 'B', 'zz')", ["a", "B"]),
    ("string", "k not in ('a','B','b','100%')", ["it's", "x_y", "xzy"]),
    ("string", "k IS NULL", []),
    ("string", "k IS NOT NULL AND k < 'B'", ["100%"]),
    ("string", "k = 'A' OR k = 'a' AND k = 'zz'", []),
    ("string", "(k = 'b' OR k = 'a') AND NOT (k = 'a')", ["b"]),
    ("int", "k = 7", ["7"]),
    ("int", "k = '7'", ["7"]),
    ("int", "k > 7", ["10", "200"]),
    ("int", "k >= -5 and k<0", ["-5"]),
    ("int", "k between 0 and 10", ["0", "7", "10"]),
    ("int", "k NOT BETWEEN 0 AND 10", ["-5", "200"]),
    ("int", "k != 7 AND k <> 10", ["-5", "0", "200"]),
    ("int", "not k > 7 or k = 200", ["-5", "0", "7", "200"]),
    ("bigint", "k = 9007199254740993", ["9007199254740993"]),
    ("bigint", "k > 9007199254740992", ["9007199254740993"]),
    ("date", "k > '2025-12-31'", ["2026-01-01", "2026-02-01"]),
    ("date", "k = date '2026-01-01'", ["2026-01-01"]),
    ("date", "k IN ('2026-01-01')", ["2026-01-01"]),
    ("timestamp", "k > '2026-01-01 00:00:00'", ["2026-01-01 00:00:00.5", "2026-01-01 10:00:00"]),
    ("timestamp", "k = timestamp '2026-01-01 00:00:00.500'", ["2026-01-01 00:00:00.5"]),
    ("decimal(20,4)", "k = 1.250", ["1.25"]),
    ("decimal(20,4)", "k < 1.3", ["-1.5", "0", "1.25"]),
    ("decimal(20,4)", "k > 123456789012345.6788", ["123456789012345.6789"]),
    ("decimal(20,4)", "k between -2 and 0", ["-1.5", "0"]),
]
ERRORS = [
    ("string", "k =", "Unsupported expression"),
    ("string", "k = 'a", "Unsupported expression"),
    ("string", "k = 'a' OR", "Unsupported expression"),
    ("string", "k", "Unsupported expression"),
    ("string", "upper(k) = 'A'", "Unsupported expression"),
    ("string", "k = 'a'; DROP TABLE partitions", "Unsupported expression"),
    ("string", "1 = 1", "Unsupported expression"),
    ("string", "k IN ()", "Unsupported expression"),
    ("string", "(" * 5000 + "k = 'a'", "Unsupported expression"),
    ("string", "other = 'a'", "Unknown column 'other'"),
    ("int", "k = 'seven'", '"seven" is not an integer.'),
    ("int", "k LIKE '1%'", "LIKE compares string columns"),
    ("date", "k = '2026-13-01'", "2026-13-01 is not a date."),
    ("timestamp", "k = '2026-01-01'", "is not a timestamp."),
    ("decimal(20,4)", "k = 'x'", "x is not a decimal."),
    ("boolean", "k = 'true'", "Unknown type : 'boolean'"),
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GlueEngine]:
    made = new_engine(Path(tmp_path_factory.mktemp("expressions")))
    made.create_database(DatabaseInput={"Name": "d"})
    for kind, values in {**ROWS, "boolean": ["true"]}.items():
        add_table(made, name_of(kind), {"k": kind}, [[value] for value in values])
    yield made
    made.close()


def name_of(kind: str) -> str:
    return "t_" + kind.split("(", maxsplit=1)[0]


def add_table(engine: GlueEngine, name: str, keys: dict[str, str], rows: list[list[str]]) -> None:
    engine.create_table(DatabaseName="d", TableInput=table_input(name, keys=keys))
    engine.batch_create_partition(
        DatabaseName="d", TableName=name, PartitionInputList=[{"Values": values} for values in rows]
    )


def select(engine: GlueEngine, table: str, expression: str) -> list[list[str]]:
    answer = engine.get_partitions(DatabaseName="d", TableName=table, Expression=expression)
    return [partition["Values"] for partition in answer["Partitions"]]


@pytest.mark.parametrize(("kind", "expression", "expected"), CASES)
def test_cases(engine: GlueEngine, kind: str, expression: str, expected: list[str]) -> None:
    assert [values[0] for values in select(engine, name_of(kind), expression)] == expected


@pytest.mark.parametrize(("kind", "expression", "message"), ERRORS)
def test_errors(engine: GlueEngine, kind: str, expression: str, message: str) -> None:
    with pytest.raises(ServiceError) as refused:
        select(engine, name_of(kind), expression)
    assert refused.value.code == "InvalidInputException"
    assert message in refused.value.message


def test_values_that_do_not_fit_their_type_are_null(engine: GlueEngine) -> None:
    add_table(engine, "odd", {"n": "int", "s": "string"}, [["__HIVE_DEFAULT_PARTITION__", "x"], ["3", "y"]])
    assert select(engine, "odd", "n IS NULL") == [["__HIVE_DEFAULT_PARTITION__", "x"]]
    assert select(engine, "odd", "n <> 4") == [["3", "y"]]
    assert select(engine, "odd", "NOT (n = 3)") == []


def test_more_keys_than_there_are_indexes(engine: GlueEngine) -> None:
    keys = {f"k{number}": "int" for number in range(6)}
    add_table(engine, "wide", keys, [[str(row * 10 + number) for number in range(6)] for row in range(4)])
    assert select(engine, "wide", "k5 = 25 AND k0 = 20") == [["20", "21", "22", "23", "24", "25"]]
    assert select(engine, "wide", "k4 >= 24 AND k5 IN (25, 35)")[1][0] == "30"


NUMBERS = st.integers(-20, 20)
TREES = st.recursive(
    st.one_of(
        st.tuples(st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), st.sampled_from("ab"), NUMBERS),
        st.tuples(st.just("in"), st.sampled_from("ab"), st.lists(NUMBERS, min_size=1, max_size=3)),
        st.tuples(st.just("between"), st.sampled_from("ab"), NUMBERS, NUMBERS),
    ),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["and", "or"]), inner, inner), st.tuples(st.just("not"), inner)
    ),
    max_leaves=8,
)


def text(tree: Any) -> str:
    match tree:
        case ("and" | "or" as word, left, right):
            return f"({text(left)}) {word.upper()} ({text(right)})"
        case ("not", inner):
            return f"NOT ({text(inner)})"
        case ("in", column, options):
            return f"{column} IN ({', '.join(map(str, options))})"
        case ("between", column, low, high):
            return f"{column} between {low} AND '{high}'"
        case (operator, column, number):
            return f"{column} {operator} {number}"
    raise AssertionError(tree)


def holds(tree: Any, row: dict[str, Decimal]) -> bool:
    match tree:
        case ("and", left, right):
            return holds(left, row) and holds(right, row)
        case ("or", left, right):
            return holds(left, row) or holds(right, row)
        case ("not", inner):
            return not holds(inner, row)
        case ("in", column, options):
            return row[column] in options
        case ("between", column, low, high):
            return low <= row[column] <= high
        case (operator, column, number):
            value = row[column]
            return {
                "=": value == number,
                "<>": value != number,
                "<": value < number,
                "<=": value <= number,
                ">": value > number,
                ">=": value >= number,
            }[operator]
    raise AssertionError(tree)


PAIRS = [(a, b) for a in (-20, -3, 0, 4, 19) for b in ("-7.5", "-0.01", "0", "3", "12.25")]


@pytest.fixture(scope="module")
def pairs(engine: GlueEngine) -> GlueEngine:
    add_table(engine, "pairs", {"a": "int", "b": "decimal(10,2)"}, [[str(a), b] for a, b in PAIRS])
    return engine


@settings(max_examples=150, deadline=None)
@given(tree=TREES)
def test_random_expressions_agree_with_a_plain_evaluator(pairs: GlueEngine, tree: Any) -> None:
    expected = [[str(a), b] for a, b in PAIRS if holds(tree, {"a": Decimal(a), "b": Decimal(b)})]
    assert select(pairs, "pairs", text(tree)) == expected


@settings(max_examples=300, deadline=None)
@given(garbage=st.text(alphabet="ab k='\"()<>!=,.0123456789%_-\\ANDORTILKE\n", max_size=40))
def test_random_text_is_answered_or_refused(pairs: GlueEngine, garbage: str) -> None:
    code = "answered"
    try:
        select(pairs, "pairs", garbage)
    except ServiceError as error:
        code = error.code
    assert code in ("answered", "InvalidInputException")
