"""What is wrong with a CSV file's header, told from the file's first bytes."""

import codecs
import csv
from collections.abc import Sequence
from dataclasses import dataclass

HEAD_BYTES = 64 * 1024


@dataclass(frozen=True)
class HeaderProblem:
    """A file whose header is not as declared: what is wrong and how to mend it."""

    key: str
    text: str


def header_problem(key: str, head: bytes, expected: Sequence[str]) -> HeaderProblem | None:
    """Compare a file's header with the declared columns, by name, in any order and case.

    Args:
        head: the first ``HEAD_BYTES`` bytes of the file.
    """
    name = key.rpartition("/")[2]
    if not head.strip():
        return HeaderProblem(key, f"{name} is empty. Drop it again with its header line, or delete it.")
    columns = read_header(head)
    found = {c.lower() for c in columns}
    missing = [c for c in expected if c.lower() not in found]
    if missing:
        return HeaderProblem(
            key,
            f"{name} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)} "
            f"(it has {', '.join(columns[:20])}). Drop it again complete, or change `columns` in defs.yaml.",
        )
    return None


def read_header(head: bytes) -> list[str]:
    """The column names in the first line, whatever of UTF-8, UTF-16 (with BOM) or cp1252 it is in."""
    lines = _decoded(head).splitlines()
    return [c.strip() for c in next(csv.reader(lines[:1]), [])]


def _decoded(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return head.decode("utf-16", errors="replace")
    # The head may end within a character: an incremental decoder leaves that one out.
    try:
        return codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        return head.decode("cp1252", errors="replace")
