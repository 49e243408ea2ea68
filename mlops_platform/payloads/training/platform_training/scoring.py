"""`score`: what a registered version says of new rows, as Parquet files for a table.

Files go to `<output>/run=<id>/<partition>=<value>/`, in a folder of the run's own. Nobody reads them before
the caller points the catalog there, so a run that fails or is repeated leaves the table as it was.
"""

import io
import os
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from . import objects, stopping
from .devices import device_for
from .errors import TrainingError
from .registry import ModelRegistry
from .reports import Reporter
from .rows import BadRow, data_files, dead_letters, partition_value, read_tables, text_fault
from .settings import ScoreSettings

if TYPE_CHECKING:
    import pyarrow as pa

RESULT = "_scoring.json"  # hidden from readers of the folder, as in Hive


@dataclass
class _Part:
    """One partition's rows."""

    ids: list[Any] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


def score(settings: ScoreSettings) -> dict[str, Any]:
    """Scores every row that has a text; the result, also written to `<output>/run=<id>/_scoring.json`.

    The result names each partition's location and rows, for the caller to register. The table's columns: the
    id, `label` (string), `confidence` (double: its probability), one double per label named
    `<label>_probability`, `model_version` (string).

    Raises:
        TrainingError: no data, no such version, a file that says no partition.
    """
    if not settings.output or not settings.registry or not settings.data:
        raise TrainingError("Give --data, --registry and --output.")
    run_path = objects.join(settings.output, f"run={_run_id(settings)}")
    with Reporter() as report, tempfile.TemporaryDirectory(prefix="score-") as folder:
        parts, bad, silent = _read(settings)
        report(
            {"partitions": len(parts), "rows": sum(len(part.ids) for part in parts.values()), "bad": len(bad)}
        )
        stopping.check()
        registry = ModelRegistry(settings.registry, settings.name)
        version = registry.download(settings.version, Path(folder))
        tables, seconds = _scored(
            settings, parts, Path(folder), version.id, int(version.lineage["settings"]["max_tokens"])
        )
        partitions = []
        for value, table in tables.items():
            stopping.check()
            location = f"{run_path}/{settings.partition_column}={quote(value, safe='-_.~ ')}/"
            objects.write(f"{location}part-00000.parquet", _parquet(table))
            partitions.append({"value": value, "location": location, "rows": table.num_rows})
        if bad:
            objects.write(f"{run_path}/_dead_letters.jsonl", dead_letters(bad))
        rows = sum(part["rows"] for part in partitions)
        columns = [{"Name": one.name, "Type": _hive(one.type)} for one in next(iter(tables.values())).schema]
        result = {
            "model_version": version.id,
            "rows": rows,
            "silent": silent,
            "bad": len(bad),
            "labels": dict(
                sum((Counter(table.column("label").to_pylist()) for table in tables.values()), Counter())
            ),
            "partitions": partitions,
            "columns": columns,
            "seconds": round(seconds, 2),
            "rows_per_second": round(rows / seconds, 1) if seconds else None,
        }
        objects.write_json(f"{run_path}/{RESULT}", result)
        report({"rows": rows, "rows_per_second": result["rows_per_second"], "model_version": version.id})
        return result


def _run_id(settings: ScoreSettings) -> str:
    """The run's folder; a retry of a job writes to the same one."""
    found = settings.run_id or os.environ.get("AWS_BATCH_JOB_ID", "").replace(":", "-")
    if not found or "/" in found:
        raise TrainingError("run_id is needed outside of Batch, a name without slashes.")
    return found


def _read(settings: ScoreSettings) -> tuple[dict[str, _Part], list[BadRow], int]:
    parts: dict[str, _Part] = {}
    bad: list[BadRow] = []
    silent = 0
    for item, table in read_tables(data_files(settings.data), [settings.id_column, settings.text_column]):
        part = parts.setdefault(partition_value(item.uri, settings.partition_column), _Part())
        columns = (table.column(name).to_pylist() for name in (settings.id_column, settings.text_column))
        for row_id, text in zip(*columns, strict=True):
            if text is None or (isinstance(text, str) and not text.strip()):
                silent += 1
            elif reason := text_fault(text, settings.max_text_chars):
                bad.append(BadRow(item.uri, str(row_id), reason, str(text)[:500]))
            else:
                part.ids.append(row_id)
                part.texts.append(text)
    return parts, bad, silent


def _scored(
    settings: ScoreSettings, parts: dict[str, _Part], folder: Path, version: str, max_tokens: int
) -> "tuple[dict[str, pa.Table], float]":
    """A table per partition, and the seconds it took. All partitions are batched together, by length; a text
    that comes twice is scored once.
    """
    import numpy as np

    from .batches import encode
    from .forward import probabilities, suit
    from .models import load

    device = device_for(settings.precision)
    model, tokenizer = load(folder)
    begun = time.perf_counter()
    texts = sorted({text for part in parts.values() for text in part.texts})
    place = {text: number for number, text in enumerate(texts)}
    found = probabilities(suit(model, device), encode(tokenizer, texts, max_tokens), device, stopping.check)
    names = [model.config.id2label[number] for number in range(model.config.num_labels)]
    tables = {}
    for value, part in sorted(parts.items()):
        rows = np.asarray([place[text] for text in part.texts], dtype=np.int64)
        tables[value] = _table(settings.id_column, part.ids, found[rows], names, version)
    return tables, time.perf_counter() - begun


def _table(id_column: str, ids: list[Any], found: Any, names: list[str], version: str) -> "pa.Table":
    import numpy as np
    import pyarrow as pa

    best = found.argmax(1)
    rounded = np.round(found.astype(np.float64), 6)
    columns = {
        id_column: pa.array([None if one is None else str(one) for one in ids], pa.string()),
        "label": pa.array([names[place] for place in best], pa.string()),
        "confidence": pa.array(rounded[np.arange(len(best)), best], pa.float64()),
    }
    columns |= {
        f"{name}_probability": pa.array(rounded[:, at], pa.float64()) for at, name in enumerate(names)
    }
    columns["model_version"] = pa.array([version] * len(ids), pa.string())
    return pa.table(columns)


def _parquet(table: "pa.Table") -> bytes:
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _hive(kind: Any) -> str:
    """The column's type in the Glue catalog."""
    return {"string": "string", "double": "double"}[str(kind)]
