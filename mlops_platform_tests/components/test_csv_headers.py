"""What the header check says about each kind of bad file."""

import gzip

import pytest

from mlops_platform.components.csv_headers import header_problem

EXPECTED = ["ticket_id", "priority", "Opened"]


@pytest.mark.parametrize(
    "head",
    [
        b"ticket_id,priority,opened\n1,high,2026\n",
        b"opened,TICKET_ID,priority,extra\r\n",
        b"\xef\xbb\xbfticket_id,priority,opened\n",
        b'"ticket_id","priority","opened"\n',
        "ticket_id,priority,opened,größe\n".encode("cp1252"),
        "ticket_id,priority,opened\n".encode("utf-16"),
        "ticket_id,priority,opened\nö".encode()[:-1],
    ],
)
def test_good_headers(head: bytes) -> None:
    assert header_problem("tickets/day=2026-01-01/a.csv", head, EXPECTED) is None


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"", "a.csv is empty"),
        (b" \r\n", "a.csv is empty"),
        (b"ticket_id,opened\n1,2\n", "lacks the column priority"),
        (b"1,2,3\n", "lacks the columns ticket_id, priority, Opened"),
        ("ticket_id,priority".encode("utf-16"), "lacks the column Opened"),
        (gzip.compress(b"ticket_id,priority,opened\n", mtime=0), "lacks the columns"),
    ],
)
def test_bad_headers_name_the_file_and_the_cure(head: bytes, says: str) -> None:
    problem = header_problem("tickets/day=2026-01-01/a.csv", head, EXPECTED)
    assert problem is not None
    assert says in problem.text
    assert "a.csv" in problem.text
