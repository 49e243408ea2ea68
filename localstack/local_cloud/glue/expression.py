"""The filter language of ``GetPartitions``: text to a tree.

Grammar (AWS: https://docs.aws.amazon.com/glue/latest/webapi/API_GetPartitions.html)::

    or    = and ("OR" and)*
    and   = not ("AND" not)*
    not   = "NOT" not | "(" or ")" | test
    test  = value ("=" | "==" | "<>" | "!=" | "<" | "<=" | ">" | ">=") value
          | value ["NOT"] "IN" "(" value ("," value)* ")"
          | value ["NOT"] "BETWEEN" value "AND" value
          | value ["NOT"] "LIKE" string
          | value "IS" ["NOT"] "NULL"
    value = identifier | string | number | ("DATE" | "TIMESTAMP") string
"""

import re
from dataclasses import dataclass


class ExpressionError(ValueError):
    """The text is not in the language."""


@dataclass(frozen=True)
class Column:
    """A partition key, by its lower-case name."""

    name: str


@dataclass(frozen=True)
class Literal:
    """A constant; ``text`` is its value without quotes."""

    text: str
    quoted: bool


Value = Column | Literal


@dataclass(frozen=True)
class Compare:
    """``left operator right``; the operator is SQLite's spelling."""

    operator: str
    left: Value
    right: Value


@dataclass(frozen=True)
class In:
    """``value IN (options)``."""

    value: Value
    options: tuple[Value, ...]


@dataclass(frozen=True)
class Between:
    """``value BETWEEN low AND high``."""

    value: Value
    low: Value
    high: Value


@dataclass(frozen=True)
class Like:
    """``value LIKE pattern``."""

    value: Value
    pattern: Literal


@dataclass(frozen=True)
class IsNull:
    """``value IS NULL``."""

    value: Value


@dataclass(frozen=True)
class Not:
    """``NOT test``."""

    test: "Test"


@dataclass(frozen=True)
class All:
    """Conjunction or, if ``any_of``, disjunction."""

    tests: tuple["Test", ...]
    any_of: bool


Test = Compare | In | Between | Like | IsNull | Not | All

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^']|'')*') | (?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?![\w.]))
    | (?P<quoted>"(?:[^"]|"")+" | `[^`]+`) | (?P<word>[^\W\d]\w*) | (?P<symbol><>|!=|<=|>=|==|[=<>(),])
    )""",
    re.VERBOSE,
)
_KEYWORDS = frozenset({"AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "IS", "NULL"})
_MAX_DEPTH = 200


def parse(text: str) -> Test:
    """The tree of an expression.

    Raises:
        ExpressionError: anything outside the grammar.
    """
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._scan(text))
        self._at = 0
        self._depth = 0

    def _scan(self, text: str) -> list[tuple[str, str]]:
        tokens: list[tuple[str, str]] = []
        end, position = len(text.rstrip()), 0
        while position < end:
            match = _TOKEN.match(text, position)
            if not match or match.lastgroup is None:
                raise ExpressionError(f"unexpected character at position {position + 1}")
            kind, word = match.lastgroup, match[match.lastgroup]
            if kind == "word" and word.upper() in _KEYWORDS:
                kind, word = "keyword", word.upper()
            tokens.append((kind, word))
            position = match.end()
        return tokens

    def parse(self) -> Test:
        tree = self._or()
        if self._at < len(self._tokens):
            raise ExpressionError(f"unexpected {self._tokens[self._at][1]}")
        return tree

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "end of expression")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token

    def _take(self, *words: str) -> str | None:
        kind, word = self._peek()
        if kind in ("keyword", "symbol") and word in words:
            self._at += 1
            return word
        return None

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise ExpressionError(f"expected {word}, found {self._peek()[1]}")

    def _or(self) -> Test:
        tests = [self._and()]
        while self._take("OR"):
            tests.append(self._and())
        return tests[0] if len(tests) == 1 else All(tuple(tests), any_of=True)

    def _and(self) -> Test:
        tests = [self._not()]
        while self._take("AND"):
            tests.append(self._not())
        return tests[0] if len(tests) == 1 else All(tuple(tests), any_of=False)

    def _not(self) -> Test:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ExpressionError(f"nested more than {_MAX_DEPTH} deep")
        try:
            if self._take("NOT"):
                return Not(self._not())
            if self._take("("):
                return self._group()
            return self._test(self._value())
        finally:
            self._depth -= 1

    def _group(self) -> Test:
        """After "(": a nested condition, or a value in parentheses as in ``(day) = '1'``."""
        start = self._at
        try:
            tree = self._or()
            self._expect(")")
        except ExpressionError:
            self._at = start
            value = self._value()
            self._expect(")")
            return self._test(value)
        return tree

    def _value(self) -> Value:
        if self._take("("):
            value = self._value()
            self._expect(")")
            return value
        kind, word = self._next()
        if kind == "string":
            return Literal(word[1:-1].replace("''", "'"), quoted=True)
        if kind == "number":
            return Literal(word, quoted=False)
        if kind == "quoted":
            return Column(word[1:-1].lower())
        if kind == "word":
            if word.upper() in ("DATE", "TIMESTAMP") and self._peek()[0] == "string":
                return self._value()
            return Column(word.lower())
        raise ExpressionError(f"expected a column or a value, found {word}")

    def _test(self, left: Value) -> Test:
        operator = self._take("=", "==", "<>", "!=", "<", "<=", ">", ">=")
        if operator:
            return Compare({"==": "=", "!=": "<>"}.get(operator, operator), left, self._value())
        if self._take("IS"):
            negated = self._take("NOT")
            self._expect("NULL")
            return Not(IsNull(left)) if negated else IsNull(left)
        negated = self._take("NOT")
        test = self._negatable(left)
        return Not(test) if negated else test

    def _negatable(self, left: Value) -> Test:
        if self._take("IN"):
            self._expect("(")
            options = [self._value()]
            while self._take(","):
                options.append(self._value())
            self._expect(")")
            return In(left, tuple(options))
        if self._take("BETWEEN"):
            low = self._value()
            self._expect("AND")
            return Between(left, low, self._value())
        if self._take("LIKE"):
            pattern = self._value()
            if not isinstance(pattern, Literal):
                raise ExpressionError("LIKE takes a string")
            return Like(left, pattern)
        raise ExpressionError(f"expected an operator, found {self._peek()[1]}")
