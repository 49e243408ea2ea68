"""A job's image, as an environment of this machine: a folder with ``bin/python``, such as a virtual environment.

Without a setting every image is the project's own environment. ``LOCAL_CLOUD_BATCH_IMAGES`` maps others: a JSON
object of image names (with ``*`` and ``?``) to folders, the first that matches counts, e.g.
``{"*/training:*": "/opt/train-venv", "*": ""}``; an empty folder is the project's own.
"""

import fnmatch
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path


class ImageError(Exception):
    """The image cannot be had; the text is the container's reason, in Docker's words."""


def prefix(image: str, environ: Mapping[str, str] = os.environ) -> str:
    """The folder of the image's environment.

    Raises:
        ImageError: no environment is mapped to the image, or the mapping is wrong.
    """
    text = environ.get("LOCAL_CLOUD_BATCH_IMAGES")
    if not text:
        return sys.prefix
    try:
        mapping = json.loads(text)
        found = next((folder for name, folder in mapping.items() if fnmatch.fnmatchcase(image, name)), None)
    except (ValueError, AttributeError) as error:
        raise ImageError(
            "CannotPullContainerError: LOCAL_CLOUD_BATCH_IMAGES is not a JSON object of images to folders: "
            f"{error}."
        ) from None
    if found is None:
        raise ImageError(
            f"CannotPullContainerError: Error response from daemon: pull access denied for {image}, repository does "
            "not exist. LOCAL_CLOUD_BATCH_IMAGES maps no environment to it."
        )
    if found and not (Path(found) / "bin" / "python").exists():
        raise ImageError(
            f"CannotPullContainerError: LOCAL_CLOUD_BATCH_IMAGES maps {image} to {found}, which has no bin/python."
        )
    return found or sys.prefix
