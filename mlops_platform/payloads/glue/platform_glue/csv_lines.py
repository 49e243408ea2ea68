"""Physical lines of a CSV object, from chunks of bytes of any size, in bounded memory."""

import codecs
import zlib
from collections.abc import Iterable, Iterator

MAX_LINE = 1024 * 1024
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class TooLongLineError(ValueError):
    """A line longer than MAX_LINE; `start` holds its first bytes."""

    def __init__(self, start: bytes) -> None:
        super().__init__(f"line longer than {MAX_LINE} bytes")
        self.start = start


def read_lines(chunks: Iterable[bytes]) -> Iterator[bytes | TooLongLineError]:
    """The lines with their ends (LF, CRLF, or CR alone if the file has no LF), as UTF-8 or as they are.

    A gzip stream is unpacked, a UTF-16 file recoded, a byte-order mark dropped. A line longer than MAX_LINE
    comes as an error value in its place.

    Raises:
        UnicodeDecodeError: a UTF-16 file is damaged.
        zlib.error: a gzip stream is damaged.
    """
    pieces = _recoded(_unpacked(chunks))
    rest, end, skipping = b"", b"", False
    for piece in pieces:
        rest += piece
        if not end:
            end = _line_end(rest)
            if not end and len(rest) <= MAX_LINE:
                continue
            end = end or b"\n"
        *lines, rest = rest.split(end)
        for line in lines:
            if skipping:
                skipping = False
            elif len(line) > MAX_LINE:
                yield TooLongLineError(line[:1000])
            else:
                yield line + end
        if len(rest) > MAX_LINE:
            if not skipping:
                yield TooLongLineError(rest[:1000])
            rest, skipping = b"", True
    yield from (line + (end or b"\r") for line in _last(rest, end) if not skipping)


def _last(rest: bytes, end: bytes) -> list[bytes]:
    """What follows the last line end; a file of one line may still end its lines with CR alone."""
    if not end and b"\r" in rest:
        return [line for line in rest.split(b"\r") if line]
    return [rest] if rest else []


def _line_end(start: bytes) -> bytes:
    """What ends lines, as far as the start of the file tells; empty if it does not tell yet."""
    if b"\n" in start:
        return b"\n"
    return b"\r" if len(start) > 65536 and b"\r" in start else b""


def _unpacked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    unpacker = None
    for number, chunk in enumerate(chunks):
        if number == 0 and chunk[:2] == b"\x1f\x8b":
            unpacker = zlib.decompressobj(wbits=31)
        yield unpacker.decompress(chunk) if unpacker else chunk
    if unpacker:
        yield unpacker.flush()
        if not unpacker.eof:
            raise zlib.error("the gzip stream ends too early")


def _recoded(chunks: Iterable[bytes]) -> Iterator[bytes]:
    start, decoder, started = b"", None, False
    for chunk in chunks:
        if not started:
            start += chunk
            if len(start) < 3:
                continue
            started, chunk = True, start.removeprefix(codecs.BOM_UTF8)  # noqa: PLW2901 - the first chunk loses its mark
            if start[:2] in _UTF16:
                decoder = codecs.getincrementaldecoder("utf-16")()
        yield decoder.decode(chunk).encode() if decoder else chunk
    if not started and start:
        yield start
    if decoder:
        yield decoder.decode(b"", final=True).encode()
