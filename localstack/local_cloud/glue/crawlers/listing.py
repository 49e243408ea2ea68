"""The objects of an S3 target, less what is hidden or excluded."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from local_cloud.objects import ObjectInfo, ObjectStore


def objects(store: ObjectStore, target: dict[str, Any]) -> Iterator[tuple[str, ObjectInfo]]:
    """(bucket, object) pairs that a crawler looks at.

    Empty objects, folder markers and names that begin with ``_`` or ``.`` hold no data. ``SampleSize`` limits the
    files of each folder.

    Raises:
        ServiceError: ``NoSuchBucket``.
    """
    bucket, _, prefix = target["Path"].removeprefix("s3://").partition("/")
    excluded = exclusions(target.get("Exclusions") or [])
    sample = target.get("SampleSize") or 0
    seen: dict[str, int] = {}
    for info in store.list(bucket, prefix):
        # "s3://b/data" means the folder data or the object data, not "data2".
        if (
            prefix
            and not prefix.endswith("/")
            and info.key != prefix
            and not info.key.startswith(prefix + "/")
        ):
            continue
        inner = info.key[len(prefix) :].lstrip("/") or info.key.rpartition("/")[2]
        folder, _, name = info.key.rpartition("/")
        hidden = any(part.startswith(("_", ".")) for part in inner.split("/"))
        if not info.size or not name or hidden or name.endswith("_$folder$"):
            continue
        if any(pattern.fullmatch(inner) for pattern in excluded):
            continue
        seen[folder] = seen.get(folder, 0) + 1
        if not sample or seen[folder] <= sample:
            yield bucket, info


def exclusions(globs: Sequence[str]) -> list[re.Pattern[str]]:
    """Exclusion patterns as regular expressions on the key below the include path.

    Source: https://docs.aws.amazon.com/glue/latest/dg/define-crawler-choose-data-sources.html#crawler-data-stores-exclude
    """
    return [_pattern(glob) for glob in globs]


@lru_cache(maxsize=256)
def _pattern(glob: str) -> re.Pattern[str]:
    parts: list[str] = []
    depth = 0
    position = 0
    while position < len(glob):
        letter = glob[position]
        if glob.startswith("**", position):
            parts.append(".*")
            position += 1
        elif letter == "\\" and position + 1 < len(glob):
            position += 1
            parts.append(re.escape(glob[position]))
        elif letter == "[" and "]" in glob[position + 1 :]:
            end = (
                glob.index("]", position + 2)
                if "]" in glob[position + 2 :]
                else glob.index("]", position + 1)
            )
            inner = glob[position + 1 : end].replace("\\", "\\\\").replace("^", "\\^").replace("[", "\\[")
            parts.append("(?!/)[" + ("^" + inner[1:] if inner.startswith("!") else inner) + "]")
            position = end
        elif letter in "{}":
            depth += 1 if letter == "{" else -1
            parts.append("(?:" if letter == "{" else ")")
        elif letter == "," and depth:
            parts.append("|")
        else:
            parts.append({"*": "[^/]*", "?": "[^/]"}.get(letter) or re.escape(letter))
        position += 1
    try:
        return re.compile("".join(parts), re.DOTALL)
    except re.error:
        return re.compile(re.escape(glob))  # unbalanced brackets are letters
