"""Texts and labels out of a table's Parquet files; what cannot be used is counted and kept with the reason."""

import hashlib
import io
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from . import objects
from .errors import TrainingError

if TYPE_CHECKING:
    import pyarrow as pa

_READERS = 8
_RAW = 500  # characters of a refused text that are kept


class Row(NamedTuple):
    """One usable row. `key` is the SHA-256 of its normalised text: rows that read the same share it."""

    key: str
    id: str
    text: str
    label: int


class BadRow(NamedTuple):
    """One row that cannot be used."""

    source: str
    id: str
    reason: str
    text: str


@dataclass
class Corpus:
    """All rows of some files, in the order of their keys (so the files' layout does not matter).

    Attributes:
        labels: names of the labels; `Row.label` is a place in it.
        silent: rows with neither text nor label; they are no fault and are only counted.
        files: URI and ETag of what was read.
    """

    labels: list[str]
    rows: list[Row] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    silent: int = 0
    files: list[dict[str, str]] = field(default_factory=list)

    @property
    def version(self) -> str:
        """SHA-256 over all rows: equal data gives an equal version, however it lies in files."""
        digest = hashlib.sha256("\n".join(self.labels).encode())
        for row in self.rows:
            digest.update(f"{row.key}\t{row.id}\t{row.text}\t{row.label}\n".encode())
        return digest.hexdigest()

    def counts(self) -> dict[str, Any]:
        """What became of every row."""
        reasons = Counter(re.sub(r"\d+", "N", row.reason) for row in self.bad)
        return {
            "read": len(self.rows) + len(self.bad) + self.silent,
            "usable": len(self.rows),
            "silent": self.silent,
            "bad": len(self.bad),
            "reasons": dict(sorted(reasons.items())),
        }


def normalised(text: str) -> str:
    """The text without what does not change how it reads: case, marks, spaces. Empty only for no letters."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.findall(r"\w+", plain)) or plain.strip()


def key_of(text: str) -> str:
    """What rows with the same normalised text share."""
    return hashlib.sha256(normalised(text).encode("utf-8", "surrogatepass")).hexdigest()


class LabelNames:
    """Labels as declared: `NAME`, or `NAME=VALUE|VALUE` for the column's values it stands for."""

    def __init__(self, declared: Sequence[str]) -> None:
        self.names: list[str] = []
        self._places: dict[str, int] = {}
        for place, item in enumerate(declared):
            name, _, values = item.partition("=")
            self.names.append(name)
            for value in values.split("|") if values else [name]:
                if self._places.setdefault(value, place) != place:
                    raise TrainingError(f"The value {value!r} stands for two labels. Give it to one of them.")
        if len(set(self.names)) < 2 or len(set(self.names)) != len(self.names):
            raise TrainingError(f"labels is {list(declared)}; two or more different names are needed.")

    def place(self, value: object) -> int | None:
        """The label's place, None for a value that stands for none. 4 and 4.0 are the same value."""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return self._places.get(str(value))


def read_corpus(
    data: Sequence[str], *, text: str, label: str, id_column: str, labels: Sequence[str], max_chars: int
) -> Corpus:
    """The rows of the files `data` names (see `data_files`).

    Raises:
        TrainingError: no file, no usable row, a file that is no Parquet, a column that is not there.
    """
    names = LabelNames(labels)
    corpus = Corpus(names.names)
    for item, table in read_tables(data_files(data), [id_column, text, label]):
        corpus.files.append({"uri": item.uri, "etag": item.etag})
        for row_id, said, value in zip(
            *(table.column(n).to_pylist() for n in (id_column, text, label)), strict=True
        ):
            _take(corpus, names, item.uri, "" if row_id is None else str(row_id), said, value, max_chars)
    corpus.rows.sort()
    if not corpus.rows:
        raise TrainingError(
            f"None of {corpus.counts()['read']} rows has both {text} and {label} as declared: {corpus.counts()}."
        )
    return corpus


def _take(
    corpus: Corpus, names: LabelNames, source: str, row_id: str, said: Any, value: Any, most: int
) -> None:
    blank = said is None or not str(said).strip()
    if blank and value is None:
        corpus.silent += 1
        return
    reason = text_fault(said, most)
    place = names.place(value)
    if reason is None and value is None:
        reason = "label is missing"
    elif reason is None and place is None:
        reason = f"label {str(value)[:40]!r} is none of the declared"
    if reason is None and place is not None:
        corpus.rows.append(Row(key_of(said), row_id, said, place))
    else:
        corpus.bad.append(BadRow(source, row_id, str(reason), "" if blank else str(said)[:_RAW]))


def text_fault(said: Any, most: int) -> str | None:
    """Why the value is no text a model can read; None if it is one."""
    if said is None or (isinstance(said, str) and not said.strip()):
        return "text is missing"
    if not isinstance(said, str):
        return f"text is {type(said).__name__}, not text"
    if len(said) > most:
        return f"text has {len(said)} characters, {most} are allowed"
    return None


def data_files(data: Sequence[str]) -> list[objects.Found]:
    """The Parquet files: each entry is one (`.parquet`), a prefix, or a JSON list of entries (`.json`).

    Raises:
        TrainingError: there is no file.
    """
    found: dict[str, objects.Found] = {}
    for entry in data:
        if entry.endswith(".json"):
            nested = objects.read_json(entry)
            if not isinstance(nested, list) or not all(isinstance(one, str) for one in nested):
                raise TrainingError(f"{entry} must hold a JSON list of S3 URIs.")
            found.update((item.uri, item) for item in data_files(nested))
            continue
        exact = entry.endswith(".parquet")
        for item in objects.listed(entry if exact else entry.rstrip("/") + "/"):
            name = item.uri.rpartition("/")[2]
            hidden = name.startswith(("_", ".")) or not item.size
            if (item.uri == entry) if exact else not hidden:
                found[item.uri] = item
    if not found:
        raise TrainingError(
            f"There is no Parquet file under {list(data)[:5]}. Name what the table's partitions lie in."
        )
    return [found[uri] for uri in sorted(found)]


def read_tables(
    files: Sequence[objects.Found], columns: Sequence[str]
) -> Iterator[tuple[objects.Found, "pa.Table"]]:
    """Each file with its columns, a few files read ahead at a time."""
    with ThreadPoolExecutor(_READERS) as pool:
        for first in range(0, len(files), _READERS):
            some = files[first : first + _READERS]
            yield from zip(some, pool.map(lambda item: _read_table(item, columns), some), strict=True)


def _read_table(item: objects.Found, columns: Sequence[str]) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        parquet = pq.ParquetFile(io.BytesIO(objects.read(item.uri)))
        missing = sorted(set(columns) - set(parquet.schema_arrow.names))
        if missing:
            raise TrainingError(
                f"{item.uri} has no column {', '.join(missing)}; it has {parquet.schema_arrow.names}."
            )
        return parquet.read(columns=list(dict.fromkeys(columns)))
    except pa.ArrowInvalid as error:
        raise TrainingError(f"{item.uri} cannot be read as Parquet: {error}.") from error


def partition_value(uri: str, column: str) -> str:
    """The value of `column=value` in the file's name.

    Raises:
        TrainingError: the name has no such part.
    """
    for part in uri.split("/"):
        name, mark, value = part.partition("=")
        if mark and name == column:
            return unquote(value)
    raise TrainingError(f"{uri} does not say its partition: no folder {column}=... in its name.")


def dead_letters(bad: Sequence[BadRow]) -> bytes:
    """The refused rows as JSON Lines."""
    return b"".join(json.dumps(row._asdict(), ensure_ascii=True).encode() + b"\n" for row in bad)


def label_counts(labels: Sequence[str], rows: Sequence[Row]) -> Mapping[str, int]:
    """Rows by label."""
    found = Counter(row.label for row in rows)
    return {name: found[place] for place, name in enumerate(labels)}
