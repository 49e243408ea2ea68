"""Repairs what a kill in the middle of an S3 write leaves on disk, before MiniStack reads it.

MiniStack replaces an object's file first and its ``.meta.json`` sidecar second. A kill in between leaves new
bytes under the old ETag and size: never acknowledged, but a reader that trusts ETags would be misled.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

SIDECAR = ".meta.json"


def repair_torn_writes(objects_dir: Path) -> list[Path]:
    """Removes unfinished temporary files, and from sidecars the ETag and size of bytes that are gone.

    MiniStack computes both anew when they are missing. Returns the repaired sidecars.
    """
    repaired = []
    for path in _files(objects_dir):
        if path.name.endswith(".tmp"):
            path.unlink()
        elif path.name.endswith(SIDECAR):
            data = Path(str(path)[: -len(SIDECAR)])
            if data.is_file() and data.stat().st_mtime_ns > path.stat().st_mtime_ns:
                _forget_content(path)
                repaired.append(path)
    return repaired


def _forget_content(sidecar: Path) -> None:
    try:
        meta = json.loads(sidecar.read_text())
    except ValueError:
        sidecar.unlink()  # MiniStack ignores an unreadable sidecar; without it everything is computed anew
        return
    if meta.get("is_delete_marker"):
        return
    for name in ("etag", "size", "checksums"):
        meta.pop(name, None)
    temporary = sidecar.with_name(sidecar.name + ".tmp")
    temporary.write_text(json.dumps(meta))
    temporary.replace(sidecar)


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        for name in names:
            yield Path(parent, name)
