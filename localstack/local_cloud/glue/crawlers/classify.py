"""From an object to its schema: compression, then format.

Order of AWS: custom classifiers first, then the built-in ones
(https://docs.aws.amazon.com/glue/latest/dg/add-classifier.html).
"""

import bz2
import gzip
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from local_cloud.glue.crawlers import columnar, csv_files, json_files
from local_cloud.glue.crawlers.schema import Schema

SAMPLE_BYTES = 1 << 20
"""Of text formats, what is read of a file to know its schema: AWS, too, looks at the first megabyte."""
_PACKED: dict[bytes, tuple[str, Callable[..., Any]]] = {
    b"\x1f\x8b": ("gzip", gzip.open),
    b"BZ": ("bzip2", bz2.open),
}
_REFUSED = {
    b"Obj\x01": "Avro",
    b"PK\x03\x04": "a ZIP archive",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"\xff\x06\x00\x00sNaPpY": "compressed with snappy",
    b"<?xml": "XML",
    b"SEQ\x06": "a Hadoop sequence file",
}


class ClassificationError(Exception):
    """A file the local cloud cannot classify though AWS would."""


def classify(path: Path, name: str, size: int, classifiers: Sequence[dict[str, Any]]) -> Schema | None:
    """The schema of one object, or ``None`` where AWS's classification is ``UNKNOWN``.

    Args:
        path: a file with the object's bytes.
        name: what to call it in errors.
        size: the object's bytes.
        classifiers: custom ``CsvClassifier`` shapes in the crawler's order.

    Raises:
        ClassificationError: the format is one AWS knows and the local cloud does not, or the file is damaged.
    """
    with path.open("rb") as file:
        start = file.read(16)
    for magic, what in _REFUSED.items():
        if start.startswith(magic):
            raise ClassificationError(
                f"{name} is {what}: the local cloud's crawlers read CSV, JSON, Parquet and ORC, plain or in gzip or "
                "bzip2. Leave it out by an exclusion pattern or create its table by hand."
            )
    if start[:4] == b"PAR1" or start[:3] == b"ORC":
        import pyarrow as pa

        try:
            read = columnar.parquet if start[:4] == b"PAR1" else columnar.orc
            return replace(read(path), size=size)
        except (pa.ArrowInvalid, OSError) as error:
            raise ClassificationError(f"{name} is damaged: {error}") from None
    compression, opener = _PACKED.get(start[:2], ("none", open))
    try:
        with opener(path, "rb") as file:
            sample = file.read(SAMPLE_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ClassificationError(f"{name} is damaged: {error}") from None
    return _text(sample, size, compression, classifiers)


def _text(sample: bytes, size: int, compression: str, classifiers: Sequence[dict[str, Any]]) -> Schema | None:
    complete = len(sample) <= SAMPLE_BYTES
    whole_lines = sample if complete else sample[: sample.rfind(b"\n") + 1]
    try:
        text = whole_lines.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    if not text.strip() or "\0" in text:
        return None
    found = None
    for classifier in classifiers:
        found = found or csv_files.classify(text, classifier)
    found = found or json_files.classify(text if complete else sample.decode("utf-8-sig", "ignore"), complete)
    found = found or csv_files.classify(text)
    if found is None:
        return None
    schema, looked_at = found
    records = _records(schema, text, looked_at)
    if not complete:  # of a file that was not read to its end, and of a packed one, the rest is estimated
        records = round(records * max(1.0, size / len(sample)))
    return replace(schema, compression=compression, records=max(1, records), size=size)


def _records(schema: Schema, text: str, looked_at: int) -> int:
    if schema.classification == "json":
        lines = text.count("\n") + (not text.endswith("\n"))
        return max(looked_at, lines) if looked_at >= json_files.DOCUMENTS else looked_at
    header = "skip.header.line.count" in dict(schema.parameters)
    lines = sum(1 for line in text.splitlines() if line) if looked_at >= csv_files.ROWS else looked_at
    return lines - header
