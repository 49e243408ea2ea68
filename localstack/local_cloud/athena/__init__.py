"""Athena: Trino SQL over the Glue Data Catalog, executed by DuckDB."""

import threading

from local_cloud.athena.api.executions import MAX_WAITING
from local_cloud.athena.api.pages import Pages
from local_cloud.athena.executor import Executor
from local_cloud.athena.pending import Pending
from local_cloud.athena.state import State
from local_cloud.cloud import Cloud

__all__ = ["AthenaEngine"]


class AthenaEngine(Pages):
    """The Athena API: each operation is a method under its boto3 name, taking and returning boto3 shapes.

    State lies in ``<state_dir>/athena/athena.sqlite``; what was acknowledged survives ``kill -9``, and a query that was
    running then ends as FAILED with that reason.
    """

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        folder = cloud.state_dir / "athena"
        self.state = State(folder / "athena.sqlite")
        self.executor = Executor(folder)
        self.pending = Pending(self.state)
        self._settle = threading.Lock()
        self._recovered = threading.Event()
        self._waiting = threading.Semaphore(MAX_WAITING)
        self.ensure_primary()
        self.recover()

    def close(self) -> None:
        """Stops the queries and closes the state."""
        self.executor.close()
        self.state.close()
