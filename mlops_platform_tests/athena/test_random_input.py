"""Statements of the corpus taken apart, random files under random declarations: rows or an error in Athena's style."""

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from local_cloud.athena.errors import QueryError
from local_cloud.athena.statements import kind_of
from local_cloud.errors import ServiceError

from mlops_platform_tests.athena.conformance_cases import answer, cases
from mlops_platform_tests.athena.conftest import BUCKET, Athena
from mlops_platform_tests.fixtures_cloud import RunningCloud

STYLE = re.compile(r"[A-Z][A-Z_]+: ")
TOKEN = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\w+|\s+|[^\w\s]")
STATEMENTS = [TOKEN.findall(case.sql) for case in cases()]
WORDS = sorted({t for tokens in STATEMENTS for t in tokens if not t.isspace()})

SQL_SETTINGS = settings(max_examples=250, deadline=None)
FILE_SETTINGS = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def in_style(reason: str, about: object) -> None:
    assert STYLE.match(reason), f"{about}\n{reason}"
    assert not reason.startswith("GENERIC_INTERNAL_ERROR"), f"{about}\n{reason}"


class EmptyGlue:
    """A catalog without databases."""

    def get_database(self, **_: Any) -> Any:
        raise ServiceError("EntityNotFoundException", "not found")

    get_table = get_database

    def get_databases(self, **_: Any) -> Any:
        return {"DatabaseList": []}


@st.composite
def mutants(draw: st.DrawFn) -> str:
    """A statement of the corpus with one to three tokens replaced, doubled, dropped or exchanged."""
    tokens = list(draw(st.sampled_from(STATEMENTS)))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(tokens) - 1))
        match draw(st.sampled_from(["replace", "double", "drop", "exchange"])):
            case "replace":
                tokens[place] = draw(st.sampled_from(WORDS))
            case "double":
                tokens.insert(place, tokens[place])
            case "drop" if len(tokens) > 1:
                del tokens[place]
            case "exchange":
                other = draw(st.integers(0, len(tokens) - 1))
                tokens[place], tokens[other] = tokens[other], tokens[place]
    return "".join(tokens)


@given(mutants())
@SQL_SETTINGS
def test_mutated_statements(sql: str) -> None:
    try:
        if kind_of(sql).handler == "query":
            types, rows = answer(sql, EmptyGlue())
            assert all(len(row) == len(types) for row in rows)
    except QueryError as error:
        in_style(error.reason, sql)


SCALARS = [
    "string",
    "int",
    "bigint",
    "tinyint",
    "double",
    "float",
    "boolean",
    "date",
    "timestamp",
    "decimal(5,2)",
]
NESTED = [
    "array<int>",
    "map<string,int>",
    "struct<a:int,b:string>",
    "array<struct<a:double>>",
    "varchar(3)",
    "char(2)",
]
CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
LAZY = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
JSON = ["org.openx.data.jsonserde.JsonSerDe", "org.apache.hive.hcatalog.data.JsonSerDe"]
CELLS = st.sampled_from(
    ["1", "-7", "2.5", "1e400", "99999999999999999999", "true", "2026-01-31", "2026-13-01", "2026-01-01 10:00:00.123",
     "", "\\N", "NULL", "NaN", '"', '"a"', "a\\,b", "é", "\x00", "\x01", "\x02x\x03", " x ", "\t", "\ufeff"]
)  # fmt: skip
LINES = st.lists(st.lists(CELLS, max_size=5).map(",".join), max_size=6).flatmap(
    lambda lines: st.sampled_from(["\n", "\r\n"]).map(lambda end: end.join(lines).encode())
)
JSON_VALUES = st.recursive(
    st.sampled_from(
        [
            "1",
            "2.5",
            "1e400",
            "true",
            "null",
            '"x"',
            '"2026-01-31"',
            '"\\ud800"',
            "-0",
            "99999999999999999999",
            "NaN",
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda v: f"[{','.join(v)}]")
        | st.dictionaries(st.sampled_from(["a", "A", "b", "c0", "c1", "C1", ""]), inner, max_size=3).map(
            lambda d: "{" + ",".join(f'"{k}":{v}' for k, v in d.items()) + "}"
        )
    ),
    max_leaves=6,
)
JSON_LINES = st.lists(
    st.dictionaries(st.sampled_from(["c0", "c1", "C0", "c2", "x"]), JSON_VALUES, max_size=4).map(
        lambda d: "{" + ", ".join(f'"{k}": {v}' for k, v in d.items()) + "}"
    )
    | JSON_VALUES
    | st.sampled_from(["{", "{}", "", "[]", '{"c0": }', '{"c0": 1} trailing']),
    max_size=5,
).map(lambda lines: "\n".join(lines).encode("utf-8", "surrogatepass"))


@pytest.fixture(scope="module")
def user(local_cloud: RunningCloud) -> Iterator[Athena]:
    user = Athena(local_cloud, f"db_{uuid.uuid4().hex[:8]}")
    user.s3.create_bucket(Bucket=BUCKET)
    user.glue.create_database(DatabaseInput={"Name": user.database})
    yield user
    user.glue.delete_database(Name=user.database)


def read(user: Athena, body: bytes, types: list[str], serde: str, parameters: dict[str, str]) -> None:
    """Declares the file as a table and reads all of it."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    location = user.put(f"{user.database}/{name}/data", body)
    properties = {k: v for k, v in parameters.items() if k.startswith("skip.")}
    table: dict[str, Any] = {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": properties,
        "StorageDescriptor": {
            "Columns": [{"Name": f"c{i}", "Type": t} for i, t in enumerate(types)],
            "Location": location,
            "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
            "SerdeInfo": {
                "SerializationLibrary": serde,
                "Parameters": {k: v for k, v in parameters.items() if k not in properties},
            },
        },
    }
    user.glue.create_table(DatabaseName=user.database, TableInput=table)
    found = user.wait(user.start(f"SELECT * FROM {name}"))
    about = (body, types, serde, parameters)
    if found.state == "FAILED":
        in_style(found.reason, about)
    else:
        assert found.state == "SUCCEEDED"
        assert all(len(row) == len(types) for row in found.rows), about


@given(
    LINES | st.binary(max_size=40),
    st.lists(st.sampled_from(SCALARS + NESTED), min_size=1, max_size=4),
    st.sampled_from([CSV, LAZY]),
    st.dictionaries(
        st.sampled_from(["skip.header.line.count", "escape.delim", "serialization.null.format", "quoteChar"]),
        st.sampled_from(["0", "1", "\\", "'", "NULL"]),
        max_size=2,
    ),
)
@FILE_SETTINGS
def test_random_text_files(
    user: Athena, body: bytes, types: list[str], serde: str, parameters: dict[str, str]
) -> None:
    delimiter = {"separatorChar": ","} if serde == CSV else {"field.delim": ","}
    read(user, body, types, serde, {**parameters, **delimiter})


@given(
    JSON_LINES | st.binary(max_size=40),
    st.lists(st.sampled_from(SCALARS + NESTED), min_size=1, max_size=3),
    st.sampled_from(JSON),
    st.sampled_from(
        [{}, {"ignore.malformed.json": "true"}, {"case.insensitive": "false"}, {"mapping.c0": "x"}]
    ),
)
@FILE_SETTINGS
def test_random_json_files(
    user: Athena, body: bytes, types: list[str], serde: str, parameters: dict[str, str]
) -> None:
    read(user, body, types, serde, parameters)
