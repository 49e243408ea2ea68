"""The model registry: immutable versions in S3, and a pointer to the one in use.

    <root>/models/<name>/versions/<id>/model.safetensors, tokenizer, config, metrics.json, lineage.json, README.md
    <root>/models/<name>/versions/<id>/manifest.json   written last: with it the version exists
    <root>/models/<name>/champion.json                 the version in use, and every earlier one

A version's id is the hash of its files, so the same training gives the same version. Every write is
conditional (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html): versions with
If-None-Match, the pointer with If-Match. Needs boto3 only.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import objects
from .errors import TrainingError

MANIFEST, METRICS, LINEAGE, CARD = "manifest.json", "metrics.json", "lineage.json", "README.md"
PROMOTED, ROLLED_BACK = "promoted", "rolled back"
_UPLOADS = 4


class UnknownVersionError(TrainingError):
    """There is no such version in the registry."""


class ChampionChangedError(TrainingError):
    """Somebody else changed the champion meanwhile; nothing was written. Look again and decide again."""


@dataclass(frozen=True)
class Version:
    """One registered model.

    Attributes:
        files: SHA-256 by file name.
        about: what the publisher added that is no part of the content: times, throughput.
    """

    name: str
    id: str
    uri: str
    created_at: str
    files: Mapping[str, str]
    about: Mapping[str, Any]

    @property
    def metrics(self) -> dict[str, Any]:
        """What was measured when it was trained."""
        return dict(objects.read_json(objects.join(self.uri, METRICS)))

    @property
    def lineage(self) -> dict[str, Any]:
        """Data, code and settings it was made from."""
        return dict(objects.read_json(objects.join(self.uri, LINEAGE)))


@dataclass(frozen=True)
class Champion:
    """The pointer as it was read; `etag` is what a change must match."""

    version: str
    since: str
    history: list[dict[str, Any]] = field(default_factory=list)
    etag: str = ""


class ModelRegistry:
    """The versions of one model.

    Args:
        root: S3 prefix of the registry.
        name: the model's name: letters, digits, `-`, `_`.
    """

    def __init__(self, root: str, name: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", name):
            raise TrainingError(
                f"{name!r} is no name for a model. Use letters, digits, - and _, at most 100."
            )
        objects.split(root)
        self.name, self.uri = name, objects.join(root, "models", name)

    def publish(self, folder: Path, about: Mapping[str, Any] | None = None) -> Version:
        """The folder's files as a version; the one that is there already if it has the same files.

        Args:
            about: kept beside the content and no part of the id.
        """
        files = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
        digests = {name: objects.sha256(path) for name, path in files.items()}
        version = content_id(digests)
        uri = self._uri(version)
        with ThreadPoolExecutor(_UPLOADS) as pool:
            list(pool.map(lambda item: _put_once(f"{uri}/{item[0]}", item[1]), files.items()))
        manifest = {
            "id": version,
            "name": self.name,
            "created_at": _now(),
            "files": digests,
            "about": dict(about or {}),
        }
        try:
            objects.write_json(f"{uri}/{MANIFEST}", manifest, IfNoneMatch="*")
        except objects.ConditionFailedError:
            return self.version(version)
        return self.version(version)

    def version(self, version: str) -> Version:
        """The version with this id, or the champion for `champion`.

        Raises:
            UnknownVersionError: there is none.
        """
        if version == "champion":
            champion = self.champion()
            if champion is None:
                raise UnknownVersionError(f"Model {self.name} has no champion yet. Promote a version first.")
            version = champion.version
        uri = self._uri(version)
        try:
            manifest = objects.read_json(f"{uri}/{MANIFEST}")
        except FileNotFoundError as error:
            raise UnknownVersionError(
                f"Model {self.name} has no version {version} under {self.uri}/versions/."
            ) from error
        return Version(self.name, version, uri, manifest["created_at"], manifest["files"], manifest["about"])

    def versions(self) -> list[Version]:
        """All versions, oldest first."""
        found = []
        for version in objects.folders(f"{self.uri}/versions/"):
            try:
                found.append(self.version(version))
            except UnknownVersionError:
                continue  # files without a manifest: a publication that never ended
        return sorted(found, key=lambda one: (one.created_at, one.id))

    def download(self, version: str, folder: Path) -> Version:
        """The version's files, each with the hash its manifest names.

        Raises:
            UnknownVersionError: there is none.
            TrainingError: a file is not what was published.
        """
        found = self.version(version)
        objects.download(found.uri, folder)
        for name, digest in found.files.items():
            if not (folder / name).is_file() or objects.sha256(folder / name) != digest:
                raise TrainingError(
                    f"{found.uri}/{name} is not what was published: it was deleted or overwritten. "
                    "Roll back to another version, or train this one again."
                )
        return found

    def champion(self) -> Champion | None:
        """The version in use; None before the first promotion."""
        try:
            body, etag = objects.read_with_etag(f"{self.uri}/champion.json")
        except FileNotFoundError:
            return None
        pointer = json.loads(body)
        return Champion(pointer["version"], pointer["since"], pointer["history"], etag)

    def promote(self, version: str, *, over: Champion | None, reason: str, by: str = "") -> Champion:
        """Makes the version the champion.

        Args:
            over: the champion this was decided against (None: there was none). If it is no longer the one
            in use, nothing is changed.
            reason: kept in the history; for instance the comparison's numbers.

        Raises:
            UnknownVersionError: there is no such version.
            ChampionChangedError: `over` is no longer the champion.
        """
        return self._point(self.version(version).id, over, PROMOTED, reason, by)

    def roll_back(self, *, reason: str, by: str = "") -> Champion:
        """Points back to the champion before this one; again, to the one before that.

        Raises:
            TrainingError: there is none before it.
            ChampionChangedError: somebody changed it meanwhile.
        """
        champion = self.champion()
        earlier = _standing(champion.history)[:-1] if champion else []
        if not earlier:
            raise TrainingError(f"Model {self.name} has no earlier champion to go back to.")
        return self._point(self.version(earlier[-1]).id, champion, ROLLED_BACK, reason, by)

    def _point(self, version: str, over: Champion | None, action: str, reason: str, by: str) -> Champion:
        now = _now()
        entry = {"version": version, "action": action, "at": now, "reason": reason, "by": by}
        history = [*(over.history if over else []), entry]
        condition = {"IfMatch": over.etag} if over else {"IfNoneMatch": "*"}
        try:
            etag = objects.write_json(
                f"{self.uri}/champion.json",
                {"version": version, "since": now, "history": history},
                **condition,
            )
        except objects.ConditionFailedError as error:
            raise ChampionChangedError(
                f"The champion of {self.name} was changed by somebody else meanwhile; nothing was written. "
                "Compare with the new one and decide again."
            ) from error
        return Champion(version, now, history, etag)

    def _uri(self, version: str) -> str:
        if not re.fullmatch(r"[0-9a-f]{16}", version):
            raise UnknownVersionError(
                f"{version!r} is no version of {self.name}: ids have 16 hexadecimal digits."
            )
        return f"{self.uri}/versions/{version}"


def content_id(digests: Mapping[str, str]) -> str:
    """The id of files with these hashes."""
    lines = "".join(f"{name}\t{digest}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def _put_once(uri: str, path: Path) -> None:
    """Another publisher's file under this id has the same content: the id is the hash."""
    try:
        objects.write(uri, path, IfNoneMatch="*")
    except objects.ConditionFailedError:
        return


def _standing(history: list[dict[str, Any]]) -> list[str]:
    """Champions that a roll back has not taken down, oldest first."""
    stack: list[str] = []
    for entry in history:
        if entry["action"] == ROLLED_BACK:
            stack.pop()
        elif not stack or stack[-1] != entry["version"]:
            stack.append(entry["version"])
    return stack


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def history(champion: Champion | None) -> Iterator[str]:
    """One line per change of the champion, newest first."""
    for entry in reversed(champion.history if champion else []):
        yield f"{entry['at']}  {entry['action']:<11}  {entry['version']}  {entry['reason']}"
