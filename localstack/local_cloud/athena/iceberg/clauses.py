"""The clauses of UPDATE and MERGE: texts cut at key words that stand outside parentheses and CASE."""

from dataclasses import dataclass, field

from local_cloud.athena.ddl.tokens import Reader
from local_cloud.athena.trino.typed import identifier


@dataclass
class When:
    """A WHEN clause: ``action`` is update, delete or insert; texts are Trino SQL."""

    matched: bool
    condition: str
    action: str
    columns: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)


def until(reader: Reader, *stops: str) -> str:
    """The text up to one of the words or symbols ``stops`` at the top level, which stays unread, or to the end."""
    start = end = reader.peek().start
    depth = 0
    while not reader.ended:
        token = reader.peek()
        if depth == 0 and (token.upper in stops or (token.kind == "symbol" and token.text in stops)):
            break
        if token.kind == "symbol":
            depth += (token.text in "([") - (token.text in ")]")
        elif token.upper in ("CASE", "END"):
            depth += 1 if token.upper == "CASE" else -1
        end = reader.next().end
    if end == start:
        raise reader.error("<expression>")
    return reader.sql[start:end]


def assignments(reader: Reader, *stops: str) -> tuple[list[str], list[str]]:
    """``a = x, b = y``: columns and texts."""
    columns, values = [], []
    while True:
        name = reader.name()
        while reader.symbol("."):
            name = reader.name()  # Trino takes no qualifier here, Athena's examples have one
        columns.append(name)
        reader.need("=")
        values.append(until(reader, ",", *stops))
        if not reader.symbol(","):
            return columns, values


def alias(reader: Reader, *stops: str) -> str:
    """``[AS] name``, or "" before one of ``stops``."""
    if reader.words("AS"):
        return reader.name()
    token = reader.peek()
    return "" if token.kind == "end" or token.upper in stops else reader.name()


def relation(reader: Reader) -> tuple[str, str]:
    """USING's table or subquery with its alias and column names, and the name it goes by ("": none)."""
    if reader.peek().text == "(":
        text, name = _subquery(reader), ""
    else:
        start = reader.peek().start
        _, name = reader.qualified()
        text = reader.sql[start : reader.tokens[reader.at - 1].end]
    name = alias(reader, "ON") or name
    columns = _subquery(reader) if reader.peek().text == "(" else ""
    return f"{text} AS {identifier(name)} {columns}", name


def _subquery(reader: Reader) -> str:
    start, depth = reader.peek().start, 0
    while True:
        token = reader.next()
        if token.kind == "symbol":
            depth += (token.text == "(") - (token.text == ")")
        if depth == 0:
            return reader.sql[start : token.end]


def when(reader: Reader) -> When:
    """``WHEN [NOT] MATCHED [AND condition] THEN UPDATE SET ... | DELETE | INSERT [(...)] VALUES (...)``."""
    reader.expect("WHEN")
    matched = not reader.words("NOT")
    reader.expect("MATCHED")
    condition = until(reader, "THEN") if reader.words("AND") else "true"
    reader.expect("THEN")
    if not matched:
        reader.expect("INSERT")
        columns = []
        if reader.symbol("("):
            columns.append(reader.name())
            while reader.symbol(","):
                columns.append(reader.name())
            reader.need(")")
        reader.expect("VALUES")
        reader.need("(")
        values = [until(reader, ",", ")")]
        while reader.symbol(","):
            values.append(until(reader, ",", ")"))
        reader.need(")")
        return When(False, condition, "insert", columns, values)
    if reader.words("DELETE"):
        return When(True, condition, "delete")
    reader.expect("UPDATE", "SET")
    columns, values = assignments(reader, "WHEN")
    return When(True, condition, "update", columns, values)
