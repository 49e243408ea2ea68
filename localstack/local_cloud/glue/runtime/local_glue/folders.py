"""Names of partition folders, ``key=value``, with Hive's escapes.

https://github.com/apache/spark/blob/v3.5.4/sql/catalyst/src/main/scala/org/apache/spark/sql/catalyst/catalog/ExternalCatalogUtils.scala
"""

from pathlib import Path
from urllib.parse import unquote

from local_glue import s3

HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
_ESCAPED = {chr(n) for n in range(1, 32)} | set("\"#%'*/:=?\\\x7f{[]^")


def escape(value: str) -> str:
    """A value as Spark names its folder."""
    return "".join(f"%{ord(sign):02X}" if sign in _ESCAPED else sign for sign in value)


def unescape(text: str) -> str:
    """A folder's value."""
    return unquote(text)


def renamed(key: str, prefix: str) -> str:
    """A file's key with its partition folders as Spark names them; the engine escapes only ``%`` and ``/``."""
    *parts, name = key[len(prefix) :].split("/")
    parts = [_part(part) for part in parts]
    return prefix + "/".join([*parts, name])


def _part(part: str) -> str:
    name, equals, value = part.partition("=")
    return f"{name}={escape(unescape(value))}" if equals else part


def listing(path: str) -> set[str]:
    """The files under a folder: keys of S3, or paths."""
    if s3.is_s3(path):
        return {entry["Key"] for entry in s3.objects(path)}
    return {str(file) for file in Path(path.removeprefix("file://")).rglob("*") if file.is_file()}


def rename(path: str, new: set[str]) -> set[str]:
    """Give new files the names Spark would; their names then."""
    if s3.is_s3(path):
        bucket, key = s3.split(path)
        prefix = key.rstrip("/") + "/"
    else:
        bucket, prefix = "", path.removeprefix("file://").rstrip("/") + "/"
    names = {old: renamed(old, prefix) for old in new if old.startswith(prefix)}
    moved = {old: name for old, name in names.items() if old != name}
    for old, name in moved.items():
        if bucket:
            s3.client().copy_object(Bucket=bucket, Key=name, CopySource={"Bucket": bucket, "Key": old})
        else:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(old).rename(name)
    if bucket:
        s3.delete(bucket, sorted(moved))
    return set(names.values())
