"""Rows of a CSV file as people really send them: every record is read, or refused with its line and the
reason.

The format is RFC 4180 with a header. A record that breaks it costs itself, never its neighbours: after a
quote that is never closed, reading goes on with the next physical line.
"""

import csv
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from .csv_lines import MAX_LINE, TooLongLineError, read_lines

MAX_RECORD_LINES = 200
MAX_RAW = 4_000  # characters of a refused record that are kept


class Row(NamedTuple):
    """One record.

    Attributes:
        row_number: the physical line it starts on; the header is line 1.
        values: the wanted columns in the order asked for, None for an empty field; None for a refused record.
        reason: why it was refused. The whole file is refused where the header is wrong: then this is its
        only row. raw: the refused record as text.
    """

    row_number: int
    values: list[str | None] | None
    reason: str | None = None
    raw: str | None = None


class _Line(NamedTuple):
    number: int
    content: bytes | TooLongLineError


class _RefusedError(Exception):
    """The record cannot be read; the message is the reason."""


def read_rows(chunks: Iterable[bytes], columns: Sequence[str]) -> Iterator[Row]:
    """Every record of the file that `chunks` make up. Blank lines are no records.

    The text may be UTF-8 (with or without a byte-order mark), UTF-16 with one, or Windows-1252, also mixed
    by the record; lines may end in LF, CRLF or CR; gzip is unpacked.

    Args:
        columns: the columns wanted; the file may have them in any order, and more.
    """
    try:
        yield from _rows(_Feed(read_lines(chunks)), columns)
    except UnicodeDecodeError as error:
        yield Row(0, None, f"file is not valid {error.encoding}", None)
    except zlib.error as error:
        yield Row(0, None, "file is a damaged gzip stream", str(error))


def _rows(feed: "_Feed", columns: Sequence[str]) -> Iterator[Row]:
    header = next(feed, None)
    if header is None:
        yield Row(1, None, "file is empty: it has no header", "")
        return
    try:
        names = [name.strip().casefold() for name in _parse(_text(header.content))]
    except _RefusedError as error:
        yield Row(1, None, f"header cannot be read: {error}", _shown(header.content))
        return
    wrong = _wrong_header(names, columns)
    if wrong:
        yield Row(1, None, wrong, _shown(header.content))
        return
    places = [names.index(column.casefold()) for column in columns]
    for line in feed:
        if isinstance(line.content, bytes) and not line.content.strip():
            continue
        yield _row(line, feed, len(names), places)


class _Feed:
    """Numbered lines that can be taken back."""

    def __init__(self, lines: Iterator[bytes | TooLongLineError]) -> None:
        self._lines = enumerate(lines, 1)
        self._returned: deque[_Line] = deque()

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> _Line:
        return self._returned.popleft() if self._returned else _Line(*next(self._lines))

    def give_back(self, lines: Sequence[_Line]) -> None:
        """These come next, in their order."""
        self._returned.extendleft(reversed(lines))


def _row(first: _Line, feed: _Feed, width: int, places: list[int]) -> Row:
    content = first.content
    taken: list[_Line] = []
    if isinstance(content, bytes) and content.count(b'"') % 2 and not _complete(content, width):
        content, taken = _continued(content, feed)
    try:
        fields = _parse(_text(content))
    except _RefusedError as error:
        feed.give_back(taken)
        return Row(first.number, None, str(error), _shown(first.content))
    if len(fields) != width:
        few = "few" if len(fields) < width else "many"
        return Row(first.number, None, f"too {few} fields ({len(fields)} of {width})", _shown(content))
    return Row(first.number, [fields[place] or None for place in places])


def _complete(content: bytes, width: int) -> bool:
    """True for a line that is a record although its quotes do not pair: `5" disk` in a plain field."""
    try:
        return len(_parse(_text(content))) == width
    except _RefusedError:
        return False


def _continued(content: bytes, feed: _Feed) -> tuple[bytes, list[_Line]]:
    """The record whose quotes pair up over several lines, and the lines it took; as it was if they never
    do.
    """
    taken: list[_Line] = []
    whole, odd = [content], True
    size = len(content)
    for line in feed:
        taken.append(line)
        if isinstance(line.content, TooLongLineError):
            break
        whole.append(line.content)
        size += len(line.content)
        odd ^= line.content.count(b'"') % 2 == 1
        if not odd or len(taken) >= MAX_RECORD_LINES or size > MAX_LINE:
            break
    if odd:
        feed.give_back(taken)
        return content, []
    return b"".join(whole), taken


def _text(content: bytes | TooLongLineError) -> str:
    if isinstance(content, TooLongLineError):
        raise _RefusedError(str(content))
    if b"\0" in content:
        raise _RefusedError("NUL byte")
    for encoding in ("utf-8", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise _RefusedError("neither UTF-8 nor Windows-1252")


def _parse(text: str) -> list[str]:
    try:
        return next(csv.reader((text,), strict=True))
    except csv.Error as error:
        if "field limit" in str(error):
            raise _RefusedError(f"field longer than {csv.field_size_limit()} characters") from error
        raise _RefusedError("broken quoting") from error


def _wrong_header(names: list[str], columns: Sequence[str]) -> str | None:
    missing = [column for column in columns if column.casefold() not in names]
    if missing:
        hint = ""
        if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
            hint = " (fields must be separated by commas)"
        return f"file lacks column {', '.join(missing)}{hint}"
    twice = sorted({column for column in columns if names.count(column.casefold()) > 1})
    return f"file has column {', '.join(twice)} twice" if twice else None


def _shown(content: bytes | TooLongLineError) -> str:
    """The record as text that any tool can show: what cannot be decoded stands as escapes."""
    content = content.start if isinstance(content, TooLongLineError) else content
    try:
        text = _text(content)
    except _RefusedError:
        text = content.decode("utf-8", "backslashreplace").replace("\0", "\\x00")
    return text.rstrip("\r\n")[:MAX_RAW]
