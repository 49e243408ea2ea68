"""Date patterns: MySQL's (date_format, date_parse) and Joda's (format_datetime, parse_datetime) as DuckDB's."""

import re

from local_cloud.athena.errors import QueryError, unsupported

# https://trino.io/docs/current/functions/datetime.html#mysql-date-functions
_MYSQL = {
    "a": "%a", "b": "%b", "c": "%-m", "d": "%d", "e": "%-d", "f": "%f", "H": "%H", "h": "%I", "I": "%I", "i": "%M",
    "j": "%j", "k": "%-H", "l": "%-I", "M": "%B", "m": "%m", "p": "%p", "r": "%I:%M:%S %p", "S": "%S", "s": "%S",
    "T": "%H:%M:%S", "v": "%V", "W": "%A", "x": "%G", "Y": "%Y", "y": "%y", "%": "%%",
}  # fmt: skip
_MYSQL_PARSED = "abcdefHhIijklMmprSsTWYy%"


def mysql(pattern: str, *, parsing: bool) -> str:
    """A MySQL date pattern as DuckDB's strftime or strptime pattern.

    Raises:
        QueryError: INVALID_FUNCTION_ARGUMENT for what Trino refuses, NOT_SUPPORTED for what only this engine does.
    """
    out, at = "", 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char != "%":
            out += char
            continue
        letter = pattern[at : at + 1]
        at += 1
        if letter in tuple("DUuVXw"):
            raise QueryError("INVALID_FUNCTION_ARGUMENT", f"%{letter} not supported in date format string")
        if letter in _MYSQL and parsing and letter not in _MYSQL_PARSED:
            raise unsupported(f"date_parse with %{letter}")
        out += _MYSQL.get(letter, letter.replace("%", "%%"))
    return out


# https://www.joda.org/joda-time/apidocs/org/joda/time/format/DateTimeFormat.html
_JODA: tuple[tuple[str, str], ...] = (
    (r"y{1,1}|y{3,}|Y{1,1}|Y{3,}", "%Y"),
    (r"yy|YY", "%y"),
    (r"M", "%-m"),
    (r"MM", "%m"),
    (r"MMM", "%b"),
    (r"M{4,}", "%B"),
    (r"d", "%-d"),
    (r"dd", "%d"),
    (r"D", "%-j"),
    (r"DDD", "%j"),
    (r"H", "%-H"),
    (r"HH", "%H"),
    (r"h", "%-I"),
    (r"hh", "%I"),
    (r"m", "%-M"),
    (r"mm", "%M"),
    (r"s", "%-S"),
    (r"ss", "%S"),
    (r"SSS", "%g"),
    (r"a+", "%p"),
    (r"E{1,3}", "%a"),
    (r"E{4,}", "%A"),
    (r"e", "%u"),
    (r"ww", "%V"),
    (r"x{3,}|x", "%G"),
)


def joda(pattern: str, *, parsing: bool) -> str:
    """A Joda pattern as DuckDB's; raises NOT_SUPPORTED for letters without a counterpart."""
    out = ""
    for found in re.finditer(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+|'", pattern):
        piece = found.group(0)
        if piece.startswith("'"):
            out += "'" if piece == "''" else (found.group(1) or "").replace("''", "'").replace("%", "%%")
        elif piece[0].isalpha():
            out += _joda_letter(piece, parsing=parsing)
        else:
            out += piece.replace("%", "%%")
    return out


def _joda_letter(piece: str, *, parsing: bool) -> str:
    for pattern, letter in _JODA:
        if re.fullmatch(pattern, piece) and not (parsing and letter in ("%V", "%G", "%u")):
            return letter
    raise unsupported(f"Date pattern '{piece}'")


def replacement(text: str) -> str:
    """A Java replacement (``$1``, ``\\$``) as RE2's (``\\1``).

    Raises:
        QueryError: NOT_SUPPORTED for named groups and groups above 9.
    """
    out, at = "", 0
    while at < len(text):
        char = text[at]
        following = text[at + 1 : at + 2]
        if char == "\\":
            out += "\\\\" if following == "\\" else following
            at += 2
        elif char == "$":
            if not following.isdigit() or text[at + 2 : at + 3].isdigit():
                raise unsupported(f"Replacement '{text}'")
            out += "\\" + following
            at += 2
        else:
            out += char
            at += 1
    return out


def pattern(text: str) -> str:
    """A Java regular expression that RE2 reads the same way.

    Raises:
        QueryError: NOT_SUPPORTED for look-around, back references, possessive quantifiers and atomic groups.
    """
    bare = re.sub(r"\\\\", "", text)
    if re.search(
        r"\(\?[=!>]|\(\?<[=!]|\\[1-9]|\\[GZRXk]|\\h|\\p\{(?:Is|In|java)|&&|[*+?}]\+|\[[^\]]*\[",
        re.sub(r"\\.", "", bare) if "[" in bare else bare,
    ):
        raise unsupported(f"Regular expression '{text}'")
    return text.replace("(?<", "(?P<")


def json_path(path: str) -> str:
    """A path of json_extract as DuckDB's.

    Raises:
        QueryError: INVALID_FUNCTION_ARGUMENT or NOT_SUPPORTED.
    """
    if path == "$":
        return "$"
    if not path.startswith("$"):
        path = "$." + path if re.match(r"\w", path) else path
    out, rest = "$", path[1:]
    while rest:
        found = re.match(r"\.([\w-]+)|\[\s*(\d+)\s*\]|\[\"((?:[^\"\\]|\\.)*)\"\]|\['([^'\\]*)'\]", rest)
        if not found:
            if re.search(r"\*|\.\.|\?|\[-", rest):
                raise unsupported(f"JSON path '{path}'")
            raise QueryError("INVALID_FUNCTION_ARGUMENT", f"Invalid JSON path: '{path}'")
        name, index, quoted, single = found.groups()
        if index is not None:
            out += f"[{index}]"
        else:
            member = name if name is not None else quoted if quoted is not None else single
            if '"' in member or "\\" in member:
                raise unsupported(f"JSON path '{path}'")
            out += f'."{member}"'
        rest = rest[found.end() :]
    return out
