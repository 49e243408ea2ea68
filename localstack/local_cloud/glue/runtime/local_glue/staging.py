"""S3 for Apache Spark, whose S3 connector is no part of its package: folders are mirrored to this run's scratch.

A read downloads its folder first. A write downloads the target, lets Spark change the copy - so every save mode and
partition overwrite is Spark's own - and then brings S3 to the same state.
"""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local_glue import s3
from local_glue.run import UnsupportedError, scratch

_READS = ("load", "csv", "json", "parquet", "text", "orc")
_WRITES = ("save", "csv", "json", "parquet", "text", "orc")


def install() -> None:
    """Patch classic PySpark's reader and writer."""
    from pyspark.sql.readwriter import DataFrameReader, DataFrameWriter

    for method in _READS:
        setattr(DataFrameReader, method, _read(getattr(DataFrameReader, method)))
    for method in _WRITES:
        setattr(DataFrameWriter, method, _write(getattr(DataFrameWriter, method)))
    DataFrameReader._glue_staged = True


def _read(native: Any) -> Any:
    def read(self: Any, *args: Any, **options: Any) -> Any:
        staged = [_down(value) for value in args]
        for name in ("path", "paths"):
            if name in options:
                options[name] = _down(options[name])
        return native(self, *staged, **options)

    return read


def _down(value: Any) -> Any:
    """S3 paths as paths of fresh copies; anything else as it is."""
    if isinstance(value, list | tuple):
        return [_down(one) for one in value]
    if not isinstance(value, str) or not s3.is_s3(value):
        return value
    if any(sign in value for sign in "*?[{"):
        raise UnsupportedError(
            f"Apache Spark runs on copies of S3 folders here and cannot expand the pattern {value}."
        )
    folder = _mirror(value)
    shutil.rmtree(folder, ignore_errors=True)
    _download(value, folder)
    return str(folder)


def _write(native: Any) -> Any:
    def write(self: Any, path: str | None = None, *args: Any, **options: Any) -> None:
        if not isinstance(path, str) or not s3.is_s3(path):
            native(self, path, *args, **options)
            return
        folder = _mirror(path + "#write")
        shutil.rmtree(folder, ignore_errors=True)
        before = _download(path, folder)
        native(self, str(folder), *args, **options)
        _up(path, folder, before)

    return write


def _mirror(path: str) -> Path:
    """A read and a write of the same path use different copies."""
    name = hashlib.sha256(path.encode()).hexdigest()[:16]
    return scratch("s3") / name / (Path(path.split("#", maxsplit=1)[0].rstrip("/")).name or "bucket")


def _download(path: str, folder: Path) -> dict[str, tuple[int, int]]:
    """Fill the folder; ``{relative path: (size, modification time)}`` of its files."""
    bucket, key = s3.split(path)
    prefix = key.rstrip("/") + "/" if key else ""
    if key and not key.endswith("/") and s3.exists(path) and not any(s3.objects(path + "/")):
        folder.parent.mkdir(parents=True, exist_ok=True)
        s3.client().download_file(bucket, key, str(folder))
        return {}
    for entry in s3.objects(path):
        target = folder / entry["Key"].removeprefix(prefix)
        target.parent.mkdir(parents=True, exist_ok=True)
        s3.client().download_file(bucket, entry["Key"], str(target))
    return {str(file.relative_to(folder)): _stamp(file) for file in _files(folder)}


def _up(path: str, folder: Path, before: dict[str, tuple[int, int]]) -> None:
    bucket, key = s3.split(path)
    prefix = key.rstrip("/") + "/" if key else ""
    after = {str(file.relative_to(folder)): _stamp(file) for file in _files(folder)}
    for name, stamp in after.items():
        if before.get(name) != stamp:
            s3.client().upload_file(str(folder / name), bucket, prefix + name)
    s3.delete(bucket, [prefix + name for name in before if name not in after])


def _files(folder: Path) -> Iterator[Path]:
    """The data files: neither checksums nor markers."""
    return (file for file in folder.rglob("*") if file.is_file() and not s3.hidden(file.name))


def _stamp(file: Path) -> tuple[int, int]:
    return file.stat().st_size, file.stat().st_mtime_ns
