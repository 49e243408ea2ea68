"""Tokens of Hive DDL: back-quoted names, both kinds of strings, comments."""

import re
from typing import NamedTuple

from local_cloud.athena.errors import syntax
from local_cloud.athena.trino.syntax import position_at


class Token(NamedTuple):
    """``kind``: word, name (quoted), string, number, symbol. ``start``/``end`` are offsets in the statement."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def upper(self) -> str:
        return self.text.upper() if self.kind == "word" else ""


_PATTERN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)
    |`(?P<back>(?:[^`]|``)+)`
    |'(?P<single>(?:[^'\\]|\\.|'')*)'
    |"(?P<double>(?:[^"\\]|\\.|"")*)"
    |(?P<number>\d+(?:\.\d+)?(?![A-Za-z_]))
    |(?P<word>[A-Za-z_0-9$]+)
    |(?P<symbol><=|>=|<>|!=|[^\s\w])""",
    re.X | re.S,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "Z": "\x1a"}


def unescape(text: str) -> str:
    """A Hive string's value: ``\\t``, ``\\u0001``, ``\\001``."""

    def one(found: re.Match[str]) -> str:
        body = found.group(1)
        if body[0] == "u":
            return chr(int(body[1:], 16))
        if len(body) == 3:
            return chr(int(body, 8))
        return _ESCAPES.get(body, body)

    return re.sub(r"\\(u[0-9a-fA-F]{4}|[0-3][0-7]{2}|.)", one, text, flags=re.S)


def tokens(sql: str) -> list[Token]:
    """The statement's tokens without comments.

    Raises:
        QueryError: SYNTAX_ERROR.
    """
    found, at = [], 0
    while at < len(sql):
        match = _PATTERN.match(sql, at)
        if not match:
            raise syntax(f"mismatched input '{sql[at]}'", position_at(sql, at))
        kind = str(match.lastgroup)
        text = str(match.group(kind))
        if kind == "back":
            found.append(Token("name", text.replace("``", "`"), at, match.end()))
        elif kind == "single":
            found.append(Token("string", unescape(text.replace("''", "'")), at, match.end()))
        elif kind == "double":
            found.append(Token("name", text.replace('""', '"'), at, match.end()))
        elif kind != "space":
            found.append(Token(kind, text, at, match.end()))
        at = match.end()
    while found and found[-1].text == ";" and found[-1].kind == "symbol":
        found.pop()
    return found


class Reader:
    """Walks over the tokens of a statement."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self.tokens = tokens(sql)
        self.at = 0

    def peek(self, ahead: int = 0) -> Token:
        """The token ``ahead``; at the end one of kind ``end``."""
        place = self.at + ahead
        return (
            self.tokens[place]
            if place < len(self.tokens)
            else Token("end", "<EOF>", len(self.sql), len(self.sql))
        )

    def next(self) -> Token:
        token = self.peek()
        if token.kind == "end":
            raise self.error()
        self.at += 1
        return token

    def error(self, expecting: str = "") -> Exception:
        token = self.peek()
        tail = f". Expecting: {expecting}" if expecting else ""
        return syntax(f"mismatched input '{token.text}'{tail}", position_at(self.sql, token.start))

    def words(self, *expected: str) -> bool:
        """Takes the words if they come next."""
        if [self.peek(i).upper for i in range(len(expected))] == list(expected):
            self.at += len(expected)
            return True
        return False

    def expect(self, *expected: str) -> None:
        for word in expected:
            if not self.words(word):
                raise self.error(f"'{word}'")

    def symbol(self, text: str) -> bool:
        """Takes the symbol if it comes next."""
        if self.peek().kind == "symbol" and self.peek().text == text:
            self.at += 1
            return True
        return False

    def need(self, text: str) -> None:
        if not self.symbol(text):
            raise self.error(f"'{text}'")

    def name(self) -> str:
        """An identifier, lower case."""
        if self.peek().kind not in ("word", "name"):
            raise self.error("<identifier>")
        return self.next().text.lower()

    def string(self) -> str:
        """A string literal; Hive also takes double quotes."""
        token = self.peek()
        if token.kind == "string":
            return self.next().text
        if token.kind == "name" and self.sql[token.start] == '"':
            return unescape(self.next().text)
        raise self.error("<string>")

    def end(self) -> None:
        if self.peek().kind != "end":
            raise self.error("<EOF>")

    @property
    def ended(self) -> bool:
        return self.peek().kind == "end"

    def qualified(self) -> tuple[str | None, str]:
        """``[catalog.][database.]name`` as (database, name)."""
        # SHOW CREATE TABLE writes `database.table` in one pair of back quotes, and Hive takes it.
        parts = self.name().split(".")
        while self.symbol("."):
            parts.append(self.name())
        if len(parts) > 3 or (len(parts) == 3 and parts[0] != "awsdatacatalog"):
            raise self.error()
        return (parts[-2] if len(parts) > 1 else None), parts[-1]

    def rest(self) -> str:
        """The text from here to the end."""
        last = self.tokens[-1].end if self.tokens else len(self.sql)
        return self.sql[self.peek().start : last]
