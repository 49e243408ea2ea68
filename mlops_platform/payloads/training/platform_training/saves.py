"""Checkpoints in S3: written whole or not at all.

A checkpoint is a folder `step-<number>/`; its `manifest.json` is written last and names every file with its
SHA-256. A folder without a manifest, or whose files do not match it, does not exist for a reader.
"""

from collections.abc import Mapping
from typing import NamedTuple

from . import objects

_MANIFEST = "manifest.json"
_KEEP = 2  # the newest, and the one before it in case the newest cannot be read


class Saved(NamedTuple):
    """One checkpoint."""

    step: int
    files: dict[str, bytes]


class Checkpoints:
    """The checkpoints of one training.

    Args:
        uri: S3 prefix that belongs to this training alone.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")

    def save(self, step: int, files: Mapping[str, bytes]) -> None:
        """Writes the checkpoint, then forgets all but the newest two."""
        folder = f"{self.uri}/step-{step:09d}"
        for name, body in files.items():
            objects.write(f"{folder}/{name}", body)
        objects.write_json(
            f"{folder}/{_MANIFEST}",
            {"step": step, "files": {name: objects.sha256(body) for name, body in files.items()}},
        )
        for old in self._steps()[:-_KEEP]:
            self._remove(old)

    def latest(self) -> Saved | None:
        """The newest whole checkpoint, None if there is none."""
        for step in reversed(self._steps()):
            folder = f"{self.uri}/step-{step:09d}"
            manifest = objects.read_json(f"{folder}/{_MANIFEST}")
            try:
                files = {name: objects.read(f"{folder}/{name}") for name in manifest["files"]}
            except FileNotFoundError:
                continue
            if all(objects.sha256(files[name]) == digest for name, digest in manifest["files"].items()):
                return Saved(step, files)
        return None

    def clear(self) -> None:
        """Deletes all, whole or not."""
        objects.delete(item.uri for item in objects.listed(self.uri + "/"))

    def _steps(self) -> list[int]:
        ends = (item.uri.rsplit("/", 2)[1:] for item in objects.listed(self.uri + "/step-"))
        return sorted(int(folder.removeprefix("step-")) for folder, name in ends if name == _MANIFEST)

    def _remove(self, step: int) -> None:
        """The manifest goes first: what is half deleted is no checkpoint."""
        folder = f"{self.uri}/step-{step:09d}/"
        objects.delete([folder + _MANIFEST])
        objects.delete(item.uri for item in objects.listed(folder))
