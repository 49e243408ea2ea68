"""``Job``: init, commit and bookmarks."""
# ruff: noqa: ARG002 (AWS's own signatures)

import json
from pathlib import Path
from typing import Any

from local_glue import run


class Job:
    """A run's bookmarks: ``init`` loads what earlier runs have seen, ``commit`` keeps what this one saw."""

    _current: "Job | None" = None

    def __init__(self, glue_context: Any = None) -> None:
        self._context = glue_context
        self._state: dict[str, Any] = {}
        self._seen: dict[str, Any] = {}
        self.name = ""

    def init(self, job_name: str, args: dict[str, Any] | None = None) -> None:
        """Begin; ``args`` are the resolved options."""
        self.name = job_name
        self._state = json.loads(run.bookmark()["state"] or "{}")
        Job._current = self

    def commit(self) -> None:
        """Keep the bookmark. What was read without a ``transformation_ctx`` is never remembered."""
        if not self.is_enabled() or run.bookmark()["option"] == "job-bookmark-pause":
            return
        file = Path(run.bookmark()["file"])
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps({**self._state, **self._seen}))
        partial.replace(file)

    @classmethod
    def is_enabled(cls) -> bool:
        """Whether this run was started with bookmarks."""
        return run.bookmark()["option"] in ("job-bookmark-enable", "job-bookmark-pause")

    @classmethod
    def unseen(cls, context: str, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those objects of a listing that no committed run has read under this ``transformation_ctx``."""
        if not context or cls._current is None or not cls.is_enabled():
            return entries
        job = cls._current
        old = job._state.get(context, {"until": 0.0, "at": []})
        new = [
            entry
            for entry in entries
            if entry["LastModified"].timestamp() > old["until"]
            or (entry["LastModified"].timestamp() == old["until"] and entry["Key"] not in old["at"])
        ]
        if new:
            until = max(entry["LastModified"].timestamp() for entry in new)
            at = [entry["Key"] for entry in entries if entry["LastModified"].timestamp() == until]
            job._seen[context] = {"until": until, "at": at}
        return new
