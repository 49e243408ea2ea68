"""Every record of a CSV file is read, or refused with its line and the reason."""

import csv
import gzip
import io
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_platform.payloads.glue.platform_glue.csv_lines import MAX_LINE
from mlops_platform.payloads.glue.platform_glue.csv_rows import Row, read_rows

COLUMNS = ("id", "text", "n")
HEADER = "id,text,n\n"


def rows(content: bytes | str, chunk: int = 7) -> list[Row]:
    data = content.encode() if isinstance(content, str) else content
    return list(read_rows((data[i : i + chunk] for i in range(0, len(data), chunk)), COLUMNS))


def outcome(found: list[Row]) -> list[object]:
    """Values of what was read, (line, reason) of what was refused."""
    return [row.values if row.reason is None else (row.row_number, row.reason) for row in found]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("1,a,2\n", [["1", "a", "2"]]),
        ("1,a,2", [["1", "a", "2"]]),
        ("1,,\n", [["1", None, None]]),
        ('1,"a ""b"" c",2\n', [["1", 'a "b" c', "2"]]),
        ('1,"a\nb\r\nc",2\n3,d,4\n', [["1", "a\nb\r\nc", "2"], ["3", "d", "4"]]),
        ("1,a,2\r\n3,b,4\r\n", [["1", "a", "2"], ["3", "b", "4"]]),
        ("\n1,a,2\n  \n3,b,4\n\n", [["1", "a", "2"], ["3", "b", "4"]]),
        ('1,5" disk,2\n3,b,4\n', [["1", '5" disk', "2"], ["3", "b", "4"]]),
        ("1,a\n3,b,4\n", [(2, "too few fields (2 of 3)"), ["3", "b", "4"]]),
        ("1,a,2,9\n3,b,4\n", [(2, "too many fields (4 of 3)"), ["3", "b", "4"]]),
        ('1,"a\nb",2,9\n3,b,4\n', [(2, "too many fields (4 of 3)"), ["3", "b", "4"]]),
        ('1,"never closed,2\n3,b,4\n', [(2, "broken quoting"), ["3", "b", "4"]]),
        (
            '1,"never closed\n3,"b\nc",4\n5,d,6\n',
            [(2, "broken quoting"), ["3", "b\nc", "4"], ["5", "d", "6"]],
        ),
        ('1,"a"x,2\n3,b,4\n', [(2, "broken quoting"), ["3", "b", "4"]]),
        ("1,a\0b,2\n3,b,4\n", [(2, "NUL byte"), ["3", "b", "4"]]),
        (f"1,{'x' * 140_000},2\n3,b,4\n", [(2, "field longer than 131072 characters"), ["3", "b", "4"]]),
    ],
)
def test_records(body: str, expected: list[object]) -> None:
    assert outcome(rows(HEADER + body, chunk=4096)) == expected
    assert outcome(rows(HEADER + body, chunk=4096)) == outcome(rows(HEADER + body, chunk=65_537))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "file is empty: it has no header"),
        (b"id,n\n1,2\n", "file lacks column text"),
        (b"id;text;n\n1;a;2\n", "file lacks column id, text, n (fields must be separated by commas)"),
        (b"id,text,n,id\n1,a,2,3\n", "file has column id twice"),
        (b'"id,text,n\n1,a,2\n', "header cannot be read: broken quoting"),
        (b"\xff\xfe\x00", "file is not valid utf-16"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_refused_row(content: bytes, reason: str) -> None:
    (row,) = rows(content)
    assert (row.values, row.reason) == (None, reason) or (row.reason or "").startswith(reason)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16"])
@pytest.mark.parametrize("chunk", [1, 2, 3, 64])
def test_encodings(encoding: str, chunk: int) -> None:
    content = (HEADER + "1,Søren Grün café,2\n3,plain,4\n").encode(encoding)
    assert outcome(rows(content, chunk)) == [["1", "Søren Grün café", "2"], ["3", "plain", "4"]]


def test_encodings_mixed_in_one_file() -> None:
    content = HEADER.encode() + "1,café,2\n".encode() + "3,café,4\n".encode("cp1252") + b"5,\x81\x8d,6\n"
    found = rows(content)
    assert outcome(found)[:2] == [["1", "café", "2"], ["3", "café", "4"]]
    assert found[2].reason == "neither UTF-8 nor Windows-1252"
    assert found[2].raw == "5,\\x81\\x8d,6"


def test_columns_in_another_order_and_more_of_them() -> None:
    assert outcome(rows(" N ,extra,ID,Text\n2,x,1,a\n")) == [["1", "a", "2"]]


def test_carriage_return_alone_ends_lines() -> None:
    assert outcome(rows("id,text,n\r1,a,2\r3,b,4\r")) == [["1", "a", "2"], ["3", "b", "4"]]


def test_gzip_and_a_damaged_one() -> None:
    packed = gzip.compress((HEADER + "1,a,2\n" * 1000).encode())
    assert outcome(rows(packed, 100)) == [["1", "a", "2"]] * 1000
    assert rows(packed[:-20], 10)[-1].reason == "file is a damaged gzip stream"


def test_a_huge_line_is_refused_without_being_held() -> None:
    def content() -> Iterator[bytes]:
        yield HEADER.encode()
        for _ in range(64):
            yield b"x" * MAX_LINE
        yield b"\n3,b,4\n"

    found = list(read_rows(content(), COLUMNS))
    assert outcome(found) == [(2, f"line longer than {MAX_LINE} bytes"), ["3", "b", "4"]]
    assert len(found[0].raw or "") <= 4000


FIELD = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 99).map(str), FIELD, FIELD), max_size=20), st.integers(1, 50))
def test_whatever_pythons_writer_writes_is_read_back(records: list[tuple[str, str, str]], chunk: int) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([COLUMNS, *records])
    assert outcome(rows(out.getvalue(), chunk)) == [[value or None for value in record] for record in records]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["1,a,2\n", '3,"b\nc",4\n', '5,"open,6\n', "7\n", "a,b,c,d\n"]), max_size=30))
def test_a_broken_record_costs_only_itself(lines: list[str]) -> None:
    found = rows(HEADER + "".join(lines), chunk=11)
    assert len(found) == len(lines)
    good = [row.values for row in found if row.reason is None]
    assert good == [
        {"1": ["1", "a", "2"], "3": ["3", "b\nc", "4"]}[line[0]] for line in lines if line[0] in "13"
    ]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_bytes_are_answered_the_same_in_any_chunks(body: bytes, chunk: int) -> None:
    content = HEADER.encode() + body
    assert rows(content, chunk) == rows(content, 1000)
    assert all((row.values is None) == (row.reason is not None) for row in rows(content))
