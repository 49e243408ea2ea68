"""AWS Batch: environments, queues, job definitions, and jobs that really run."""

import json
import shutil

from local_cloud.batch import recovery
from local_cloud.batch.base import Shape
from local_cloud.batch.events import Events
from local_cloud.batch.jobs import Jobs
from local_cloud.batch.launch import work_folder
from local_cloud.batch.logs import Shipper
from local_cloud.batch.scheduler import Scheduler
from local_cloud.batch.store import Store
from local_cloud.batch.submit import SUBMITS_PER_SECOND, Throttle
from local_cloud.cloud import Cloud


class BatchEngine(Jobs):
    """The Batch API: each operation is a method under its boto3 name, taking and returning boto3 shapes.

    State lies in ``<state_dir>/batch/jobs.sqlite``; what was answered with success survives ``kill -9``.
    Pieces: environments, policies, queues, tags, definitions, submit, jobs - each a module of this package that
    adds to the one before. Behind them the scheduler (one thread), the host (one process), logs and events.
    """

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.store = Store(cloud.state_dir / "batch" / "jobs.sqlite")
        self.throttle = Throttle(SUBMITS_PER_SECOND)
        self.events = Events(cloud, self.store, self.arn)
        self.store.committed = self.events.committed
        self.shipper = Shipper(cloud)
        shutil.rmtree(work_folder(cloud), ignore_errors=True)  # of jobs whose host was killed
        self.scheduler = Scheduler(cloud, self.store, self._resources, self.shipper)
        self.changed = self.scheduler.changed
        self.scheduler.start(*recovery.load(self.store))

    def control(self, command: str, argument: str) -> Shape:
        """What the local cloud can do with Batch and AWS cannot.

        Raises:
            LookupError: an unknown command.
        """
        if command != "interrupt":
            raise LookupError(f"Batch has no command {command}.")
        return {"interrupted": self.interrupt(argument)}

    def close(self) -> None:
        """End the jobs and close the database."""
        self.scheduler.close()
        self.shipper.close()
        self.store.close()
        self.events.close()

    def _resources(self) -> tuple[dict[str, Shape], dict[str, Shape], dict[str, Shape]]:
        queues, environments, policies = (
            {name: json.loads(body) for name, body in self.store.read(f"SELECT name, body FROM {table}")}  # noqa: S608
            for table in ("queues", "environments", "policies")
        )
        return queues, environments, policies
