"""A change of a table's files and of the catalog as one commit.

New files are written below ``s3://bucket/_temporary/<id>/``, which no reader of the table sees. Then the whole
change - objects to copy into place, calls to Glue, old objects to delete - is noted in the run's folder, and done. A
commit whose process is killed before the note never happened; one killed after it is finished by the local cloud
(``python -m local_glue.commits RUN_FOLDER``). Every step can be done again. Imports nothing of Spark.
"""

import json
import os
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from local_glue import s3

RETRY_LATER = 75
"""Exit code where S3 or Glue do not answer (yet): EX_TEMPFAIL."""
_DONE_BEFORE = ("EntityNotFoundException", "AlreadyExistsException")


@dataclass
class Change:
    """What a commit does, in this order.

    Args:
        copies: ``[key of the staged object, key in the table]``.
        calls: ``[operation, arguments]`` of Glue's client.
        deletes: keys of objects that were replaced.
    """

    bucket: str
    copies: list[tuple[str, str]] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    deletes: list[str] = field(default_factory=list)


class Commit:
    """One change under way: ``staging`` is the folder for its new files."""

    def __init__(self, bucket: str) -> None:
        from local_glue import run

        name = uuid.uuid4().hex
        self.prefix = f"_temporary/{name}/"
        self.staging = f"s3://{bucket}/{self.prefix}"
        self._change = Change(bucket)
        self._note = run.folder() / "commits" / f"{name}.json"
        self._write(self._change)

    def run(self, change: Change) -> None:
        """Make the change. From here on it is certain: a kill delays it, an error of S3's or Glue's takes it back.

        Raises:
            botocore.exceptions.ClientError: an object or a call was refused.
        """
        self._write(change)
        try:
            _copy(change)
            _call(change, again=False)
        except Exception:
            self._write(Change(change.bucket))
            s3.delete(change.bucket, [target for _, target in change.copies])
            self.discard()
            raise
        _delete(change)
        self.discard()

    def discard(self) -> None:
        """Forget the commit; what was staged goes."""
        _remove_staged(self._change.bucket, self.prefix)
        self._note.unlink(missing_ok=True)

    def _write(self, change: Change) -> None:
        """Durably: a note that exists is whole."""
        self._note.parent.mkdir(exist_ok=True)
        partial = self._note.with_suffix(".partial")
        with partial.open("w") as file:
            json.dump({"prefix": self.prefix, **asdict(change)}, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._note)
        folder = os.open(self._note.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _copy(change: Change, *, again: bool = False) -> None:
    def copy(pair: tuple[str, str]) -> None:
        source, target = pair
        if not again or any(True for _ in s3.objects(f"s3://{change.bucket}/{source}")):
            origin = {"Bucket": change.bucket, "Key": source}
            s3.client().copy_object(Bucket=change.bucket, Key=target, CopySource=origin)

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(copy, change.copies))


def _call(change: Change, *, again: bool) -> None:
    """Glue's calls; ``again``: what they do may have been done already."""
    import boto3

    glue = boto3.client("glue")
    for operation, arguments in change.calls:
        try:
            answer = getattr(glue, operation)(**arguments)
        except glue.exceptions.ClientError as error:
            if not again or error.response["Error"]["Code"] not in _DONE_BEFORE:
                raise
            continue
        for failed in answer.get("Errors", []):
            if not again or failed["ErrorDetail"]["ErrorCode"] not in _DONE_BEFORE:
                raise RuntimeError(
                    f"{operation}: partition {failed['PartitionValues']}: {failed['ErrorDetail']}"
                )


def _delete(change: Change) -> None:
    s3.delete(change.bucket, sorted(change.deletes))


def _remove_staged(bucket: str, prefix: str) -> None:
    s3.delete(bucket, [entry["Key"] for entry in s3.objects(f"s3://{bucket}/{prefix}")])


def finish(folder: Path) -> None:
    """Finish the commits that a killed run noted; remove what it had only staged."""
    for note in sorted((folder / "commits").glob("*.json")):
        body = json.loads(note.read_text())
        prefix = body.pop("prefix")
        change = Change(**body)
        _copy(change, again=True)
        _call(change, again=True)
        _delete(change)
        _remove_staged(change.bucket, prefix)
        note.unlink()


def main(folder: str) -> int:
    """Exit code 0, or ``RETRY_LATER``."""
    from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

    try:
        finish(Path(folder))
    except (EndpointConnectionError, HTTPClientError):
        return RETRY_LATER
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucket":
            raise
        print(f"{error}: what the commit was about is gone.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
