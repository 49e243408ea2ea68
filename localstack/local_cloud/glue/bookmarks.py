"""Job bookmarks: what a job has seen, kept between its runs."""

import json
from typing import Any

from local_cloud.glue.base import not_found
from local_cloud.glue.job_runs import JobRuns
from local_cloud.glue.store import dumps, loads

Shape = dict[str, Any]


class Bookmarks(JobRuns):
    """Read and reset bookmarks; runs write them by ``Job.commit()``."""

    def get_job_bookmark(self, *, JobName: str, RunId: str | None = None) -> Shape:
        """The newest bookmark of a job, or the one a run left.

        Raises:
            ServiceError: ``EntityNotFoundException``.
        """
        self.job(JobName)
        entry = self._entry(JobName, RunId)
        if entry is None:
            raise not_found(f"Job bookmark of job {JobName} not found.")
        return {"JobBookmarkEntry": entry}

    def reset_job_bookmark(self, *, JobName: str, RunId: str | None = None) -> Shape:
        """Forget what was seen; with ``RunId``, what was seen after that run."""
        self.job(JobName)
        with self.store.write() as db:
            newest = self._entry(JobName, None)
            kept = self._entry(JobName, RunId) if RunId else None
            if newest is None or (RunId and kept is None):
                raise not_found(f"Job bookmark of job {JobName} not found.")
            entry = {
                **(kept or {"JobName": JobName, "Run": 0, "Attempt": 0, "JobBookmark": "{}"}),
                "Version": newest["Version"] + 1,
            }
            db.execute(
                "INSERT INTO job_bookmarks VALUES (?, ?, ?)", (JobName, entry["Version"], dumps(entry))
            )
        return {"JobBookmarkEntry": entry}

    def current_bookmark(self, job: str) -> str | None:
        """The JSON text a run starts from."""
        entry = self._entry(job, None)
        return str(entry["JobBookmark"]) if entry else None

    def keep_bookmark(self, run: Shape, text: str) -> None:
        """Store what a run committed; the same run's second commit replaces its first."""
        json.loads(text)
        with self.store.write() as db:
            newest = self._entry(run["JobName"], None) or {"Version": 0, "Run": 0}
            again = newest.get("RunId") == run["Id"]
            entry = {
                "JobName": run["JobName"],
                "Version": newest["Version"] + (0 if again else 1),
                "Run": newest["Run"] + (0 if again else 1),
                "Attempt": run["Attempt"],
                "RunId": run["Id"],
                "JobBookmark": text,
            }
            if "RunId" in newest and not again:
                entry["PreviousRunId"] = newest["RunId"]
            db.execute(
                "INSERT OR REPLACE INTO job_bookmarks VALUES (?, ?, ?)",
                (run["JobName"], entry["Version"], dumps(entry)),
            )

    def _entry(self, job: str, run_id: str | None) -> Shape | None:
        rows = self.store.read("SELECT body FROM job_bookmarks WHERE job = ? ORDER BY version DESC", (job,))
        entries = [loads(row[0]) for row in rows]
        if run_id is not None:
            entries = [entry for entry in entries if entry.get("RunId") == run_id]
        return entries[0] if entries else None
