"""The state folder: made, marked, checked, measured."""

import errno
import json
import os
from pathlib import Path

from local_cloud.settings import STATE_FORMAT, Settings

MARKER = "local_cloud.json"
OWN_NAMES = (MARKER, "up.lock", "instance.lock", "probe-")
"""What other processes that prepare the same folder may have put there before the marker."""

PROBE_BYTES = 64 * 1024
"""What must be writable before a server is started."""


class LifecycleError(RuntimeError):
    """The local cloud cannot do what was asked; the message names the reason and the way out."""


def prepare(settings: Settings) -> None:
    """Makes the folder and its marker, or checks those that are there.

    Raises:
        LifecycleError: not writable, full, not a local cloud's, or written by a newer version.
    """
    folder = settings.dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        marker = folder / MARKER
        if marker.exists():
            check_marked(folder)
        elif not all(entry.name.startswith(OWN_NAMES) for entry in folder.iterdir()):
            raise LifecycleError(
                f"{folder} holds other files and is not a local cloud's folder; "
                "set LOCAL_CLOUD_DIR to a new one."
            )
        else:
            write_whole(marker, json.dumps({"format": STATE_FORMAT}))
        probe_write(folder)
    except OSError as error:
        raise _unusable(folder, error) from error


def check_marked(folder: Path) -> None:
    """Makes sure a folder is a local cloud's of a format this version reads.

    Raises:
        LifecycleError: it is not.
    """
    try:
        written = int(json.loads((folder / MARKER).read_text())["format"])
    except FileNotFoundError as error:
        raise LifecycleError(f"{folder} is not a local cloud's folder (it has no {MARKER}).") from error
    except (ValueError, KeyError, TypeError) as error:
        raise LifecycleError(f"{folder / MARKER} cannot be read; delete {folder} if it may go.") from error
    if written > STATE_FORMAT:
        raise LifecycleError(
            f"{folder} was written by a newer version (format {written}, this one reads {STATE_FORMAT}). "
            "Upgrade, or set LOCAL_CLOUD_DIR to another folder."
        )


def probe_write(folder: Path) -> None:
    """Writes and removes a small file, so that a full disk is told before anything is started.

    Raises:
        OSError: it cannot be written.
    """
    probe = folder / f"probe-{os.getpid()}"
    try:
        with probe.open("wb") as file:
            file.write(b"\0" * PROBE_BYTES)
            file.flush()
            os.fsync(file.fileno())
    finally:
        probe.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Writes a small file so that after a crash it is there whole or not at all."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with temporary.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def size_of(folder: Path) -> int:
    """Bytes of the files below a folder."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += Path(parent, name).lstat().st_size
            except FileNotFoundError:
                continue  # it went while we counted
    return total


def _unusable(folder: Path, error: OSError) -> LifecycleError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return LifecycleError(
            f"The disk that holds {folder} is full ({error.strerror}). Free some space, or set "
            "LOCAL_CLOUD_DIR to a folder on another disk."
        )
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return LifecycleError(
            f"{folder} cannot be written ({error.strerror}). "
            "Set LOCAL_CLOUD_DIR to a folder you may write to."
        )
    return LifecycleError(f"{folder} cannot be used: {error}. Set LOCAL_CLOUD_DIR to another folder.")
