"""Job definitions (https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-jobs-job.html)."""

from typing import Any

from local_cloud.glue.base import exists, invalid, not_found, page
from local_cloud.glue.capacity import capacity
from local_cloud.glue.search import CatalogWide
from local_cloud.glue.store import decode_token, dumps, encode_token, loads, now

Shape = dict[str, Any]
COMMANDS = ("glueetl", "pythonshell")
_MINUTES = {"glueetl": 480, "pythonshell": 2880}


class JobDefinitions(CatalogWide):
    """Create, read, update and delete jobs."""

    def create_job(
        self, *, Name: str, Role: str, Command: Shape, Tags: Shape | None = None, **members: Any
    ) -> Shape:
        """Raises: ``AlreadyExistsException``, ``InvalidInputException``."""
        job = _job(Name, {"Role": Role, "Command": Command, **members})
        job["CreatedOn"] = job["LastModifiedOn"] = now()
        with self.store.write() as db:
            if db.execute("SELECT 1 FROM jobs WHERE name = ?", (Name,)).fetchone():
                raise exists(f"Job {Name} already exists.")
            db.execute("INSERT INTO jobs VALUES (?, ?)", (Name, dumps(job)))
            for tag, value in (Tags or {}).items():
                db.execute(
                    "INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", (self.arn("job", Name), tag, value)
                )
        return {"Name": Name}

    def update_job(self, *, JobName: str, JobUpdate: Shape) -> Shape:
        """Replace a job's definition: what ``JobUpdate`` leaves out goes back to its default, as on AWS."""
        job = _job(JobName, JobUpdate)
        with self.store.write() as db:
            job["CreatedOn"] = self.job(JobName)["CreatedOn"]
            job["LastModifiedOn"] = now()
            db.execute("UPDATE jobs SET body = ? WHERE name = ?", (dumps(job), JobName))
        return {"JobName": JobName}

    def get_job(self, *, JobName: str) -> Shape:
        """Raises: ``EntityNotFoundException``."""
        return {"Job": self.job(JobName)}

    def get_jobs(self, *, NextToken: str | None = None, MaxResults: int | None = None) -> Shape:
        """A page of at most 1,000 jobs by name."""
        jobs, token = self.named_page("jobs", "name", NextToken, MaxResults or 100)
        return page("Jobs", jobs, token)

    def batch_get_jobs(self, *, JobNames: list[str]) -> Shape:
        """The jobs that exist, and the names of those that do not."""
        rows = {name: self.store.one("SELECT body FROM jobs WHERE name = ?", (name,)) for name in JobNames}
        return {
            "Jobs": [loads(row[0]) for row in rows.values() if row],
            "JobsNotFound": [name for name, row in rows.items() if row is None],
        }

    def list_jobs(
        self, *, NextToken: str | None = None, MaxResults: int | None = None, Tags: Shape | None = None
    ) -> Shape:
        """A page of job names, of those that carry all the tags."""
        position = decode_token(NextToken)
        after = position[0] if position else ""
        names = [
            row[0] for row in self.store.read("SELECT name FROM jobs WHERE name > ? ORDER BY name", (after,))
        ]
        if Tags:
            names = [name for name in names if Tags.items() <= self._tags(name).items()]
        limit = MaxResults or 100
        return page("JobNames", names[:limit], encode_token(names[limit - 1]) if len(names) > limit else None)

    def delete_job(self, *, JobName: str) -> Shape:
        """Delete a definition; one that does not exist is no error, as on AWS."""
        with self.store.write() as db:
            db.execute("DELETE FROM jobs WHERE name = ?", (JobName,))
            db.execute("DELETE FROM job_bookmarks WHERE job = ?", (JobName,))
            db.execute("DELETE FROM tags WHERE arn = ?", (self.arn("job", JobName),))
        return {"JobName": JobName}

    def job(self, name: str) -> Shape:
        """The ``Job`` shape.

        Raises:
            ServiceError: ``EntityNotFoundException``.
        """
        row = self.store.one("SELECT body FROM jobs WHERE name = ?", (name,))
        if row is None:
            raise not_found(f"Job {name} not found.")
        return dict(loads(row[0]))

    def _tags(self, name: str) -> Shape:
        return dict(self.store.read("SELECT name, value FROM tags WHERE arn = ?", (self.arn("job", name),)))


def _job(name: str, members: Shape) -> Shape:
    """A complete definition with AWS's defaults."""
    job = {key: value for key, value in members.items() if value is not None}
    command = job.get("Command") or {}
    kind = command.get("Name")
    if kind not in COMMANDS:
        raise invalid(f"Job {name}: Command.Name must be one of {', '.join(COMMANDS)}, not {kind}.")
    if not str(command.get("ScriptLocation", "")).startswith("s3://"):
        raise invalid(f"Job {name}: Command.ScriptLocation must be an s3:// path.")
    if job.get("CodeGenConfigurationNodes"):
        raise invalid(f"Job {name}: the local cloud does not support CodeGenConfigurationNodes.")
    if job.get("JobRunQueuingEnabled") and job.get("MaxRetries"):
        raise invalid(f"Job {name}: MaxRetries must be 0 if JobRunQueuingEnabled is set.")
    default_version = "5.0" if kind == "glueetl" else "3.0"
    counted = capacity(name, job, 10.0 if kind == "glueetl" else 0.0625)
    return {
        "JobMode": "SCRIPT",
        "MaxRetries": 0,
        "Timeout": _MINUTES[kind],
        "GlueVersion": default_version,
        "ExecutionProperty": {"MaxConcurrentRuns": 1},
        "DefaultArguments": {},
        **job,
        **counted,
        "Name": name,
        "Command": {"PythonVersion": "3", **command},
    }
