"""AWS Glue: the Data Catalog and jobs that really run."""

from typing import Any

from local_cloud.cloud import Cloud
from local_cloud.glue.bookmarks import Bookmarks
from local_cloud.glue.job_runs import new_run
from local_cloud.glue.store import Store
from local_cloud.glue.supervisor import Supervisor

__all__ = ["GlueEngine"]


class GlueEngine(Bookmarks):
    """The Glue API: each operation is a method under its boto3 name, taking and returning boto3 shapes.

    State lies in ``<state_dir>/glue/catalog.sqlite``; what was answered with success survives ``kill -9``.
    Pieces: databases, tables, versions, partitions (batches, indexes), statistics, functions, connections,
    search and tags, jobs, job runs, bookmarks - each a module of this package that adds to the one before.
    """

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.store = Store(cloud.state_dir / "glue" / "catalog.sqlite")
        self.supervisor = Supervisor(
            cloud,
            self.store,
            retry=self._next_attempt,
            bookmark=self.current_bookmark,
            keep_bookmark=self.keep_bookmark,
        )
        self.supervisor.recover()

    def close(self) -> None:
        """Stop the runs and close the database."""
        self.supervisor.close()
        self.store.close()

    def _next_attempt(self, job: dict[str, Any], run: dict[str, Any]) -> dict[str, Any] | None:
        if run["Attempt"] >= job["MaxRetries"]:
            return None
        attempt = new_run(job, run["Arguments"], run["Timeout"], {}, previous=run)
        self.insert_run(attempt)
        return attempt
