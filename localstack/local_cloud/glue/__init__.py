"""AWS Glue: the Data Catalog, jobs that really run, crawlers that really crawl, triggers and workflows."""

from local_cloud.cloud import Cloud
from local_cloud.glue.clock import Clock
from local_cloud.glue.outbox import Outbox
from local_cloud.glue.store import Store
from local_cloud.glue.supervisor import Supervisor
from local_cloud.glue.triggers import Workflows

__all__ = ["GlueEngine"]


class GlueEngine(Workflows):
    """The Glue API: each operation is a method under its boto3 name, taking and returning boto3 shapes.

    State lies in ``<state_dir>/glue/catalog.sqlite``; what was answered with success survives ``kill -9``.
    Pieces: databases, tables, versions, partitions (batches, indexes), statistics, functions, connections,
    search and tags, jobs, job runs, bookmarks, classifiers, crawlers, triggers, workflows - each a module or
    package of this package that adds to the one before.
    """

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.store = Store(cloud.state_dir / "glue" / "catalog.sqlite")
        self.outbox = Outbox(cloud, self.store)
        self.clock = Clock(self.store, self.fire_schedule)
        self._stops, self._crawling = {}, {}
        self.supervisor = Supervisor(
            cloud,
            self.store,
            finished=self.run_finished,
            delayed=self.run_delayed,
            bookmark=self.current_bookmark,
            keep_bookmark=self.keep_bookmark,
        )
        starts = [*self.supervisor.recover(), *self.recover_crawls(), *self.recover_queue()]
        self.outbox.start()
        self.clock.start()
        for start in starts:
            start()

    def close(self) -> None:
        """Stop the clock, the crawls and the runs, and close the database."""
        self.clock.close()
        self.close_crawls()
        self.supervisor.close()
        self.outbox.close()
        self.store.close()
