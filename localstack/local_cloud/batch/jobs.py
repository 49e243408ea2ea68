"""Jobs: describe, list, cancel, terminate (https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobs.html)."""

import json
from typing import Any

from local_cloud.batch import containers, present
from local_cloud.batch.base import Shape, invalid, page, page_size
from local_cloud.batch.scheduler import Scheduler
from local_cloud.batch.store import decode_token, encode_token, milliseconds
from local_cloud.batch.submit import Submissions
from local_cloud.batch.work import Job, Row

MOST_DESCRIBED = 100
_ROW = "id, created, status, reason, started, stopped, attempts, ending"
_FILTERS = ("JOB_NAME", "JOB_DEFINITION", "BEFORE_CREATED_AT", "AFTER_CREATED_AT", "SHARE_IDENTIFIER")


class Jobs(Submissions):
    """Jobs that were submitted."""

    scheduler: Scheduler

    def describe_jobs(self, *, jobs: list[str]) -> Shape:
        """Up to 100 jobs, arrays or children by id; unknown ones are left out. Raises: ``ClientException``."""
        if len(jobs) > MOST_DESCRIBED:
            raise invalid(f"jobs can have at most {MOST_DESCRIBED} entries.")
        found = [self._detail(text) for text in dict.fromkeys(jobs)]
        return {"jobs": [detail for detail in found if detail is not None]}

    def list_jobs(
        self,
        *,
        jobQueue: str | None = None,
        arrayJobId: str | None = None,
        multiNodeJobId: str | None = None,
        jobStatus: str | None = None,
        maxResults: int | None = None,
        nextToken: str | None = None,
        filters: list[Shape] | None = None,
    ) -> Shape:
        """A page of a queue's jobs, the newest first, or of an array's children in order.

        Without a status only RUNNING jobs are listed; with filters, ``jobStatus`` counts for nothing, as on AWS.

        Raises:
            ServiceError: ``ClientException``.
        """
        if [jobQueue, arrayJobId, multiNodeJobId].count(None) != 2:
            raise invalid("Exactly one of jobQueue, arrayJobId and multiNodeJobId must be given.")
        if multiNodeJobId:
            raise invalid("ListJobs: the local cloud does not support multi-node jobs.")
        size = page_size(maxResults)
        position = decode_token(nextToken)
        if arrayJobId:
            return self._list_children(
                arrayJobId, jobStatus or "RUNNING", size, position[0] if position else -1
            )
        name = self.queue(jobQueue or "")["jobQueueName"]
        condition, values = _filter(filters) if filters else ("status = ?", [jobStatus or "RUNNING"])
        rows = self.store.read(
            f"SELECT seq, size, body, {_ROW} FROM jobs WHERE queue = ? AND seq < ? AND {condition} "  # noqa: S608
            "ORDER BY seq DESC LIMIT ?",
            [name, position[0] if position else 1 << 62, *values, size + 1],
        )
        found = [
            present.job_summary(self.arn("job", row[0]), tuple(row), json.loads(body), array)
            for _, array, body, *row in rows[:size]
        ]
        return page("jobSummaryList", found, encode_token(rows[size - 1][0]) if len(rows) > size else None)

    def cancel_job(self, *, jobId: str, reason: str) -> Shape:
        """A job that has not started fails for that reason; one that has runs on. Raises: ``ClientException``."""
        self.end_job(jobId, "cancel", reason)
        return {}

    def terminate_job(self, *, jobId: str, reason: str) -> Shape:
        """A job fails for that reason, wherever it is. Raises: ``ClientException``."""
        self.end_job(jobId, "terminate", reason)
        return {}

    def end_job(self, job_id: str, how: str, reason: str) -> None:
        """Cancel or terminate. A job that does not exist is no error, as on AWS."""
        if not reason:
            raise invalid("reason must not be empty.")
        if self._row(self._id(job_id)) is not None:
            self.scheduler.end_job(self._id(job_id), how, reason)

    def get_job_queue_snapshot(self, *, jobQueue: str) -> Shape:
        """The first 100 RUNNABLE jobs of a queue, in the order in which they will start."""
        front = self.scheduler.front(self.queue(jobQueue)["jobQueueName"])
        now = milliseconds()
        jobs = [{"jobArn": self.arn("job", job.id), "earliestTimeAtPosition": now} for job in front]
        return {"frontOfQueue": {"jobs": jobs, "lastUpdatedAt": now}}

    def submitted(self, job_id: str, seq: int, body: Shape, size: int, created: int) -> None:
        """Hand a recorded job to the scheduler."""
        queue = self.name_of("job-queue", body["jobQueue"])
        demand = containers.demand(body["container"])
        self.scheduler.submitted(Job.of(job_id, seq, queue, body, size, created, demand))

    def interrupt(self, job_id: str) -> int:
        """Take the host of a job's running attempts away, as EC2 takes a Spot instance; how many there were.

        Not of AWS's API: `mlops local interrupt JOB` calls it.

        Raises:
            ServiceError: ``ClientException``, there is no such job.
        """
        if self._row(self._id(job_id)) is None:
            raise invalid(f"Job {job_id} does not exist.")
        return self.scheduler.interrupt(self._id(job_id))

    def _id(self, text: str) -> str:
        return self.name_of("job", text)

    def _row(self, job_id: str) -> Row | None:
        """size, body, rest, rest_reason and the row ``present`` takes, of a job or the array of a child."""
        parent, _, index = job_id.partition(":")
        row = self.store.one(
            f"SELECT size, body, rest, rest_reason, {_ROW} FROM jobs WHERE id = ?",  # noqa: S608
            (parent,),
        )
        if row is not None and index and not (index.isdigit() and int(index) < row[0]):
            return None
        return row

    def _detail(self, text: str) -> Shape | None:
        job_id = self._id(text)
        row = self._row(job_id)
        if row is None:
            return None
        size, body, rest, rest_reason, *job = row
        parent, _, index = job_id.partition(":")
        tags = self.tags_of(self.arn("job", parent))
        if index:
            child = self._child(job_id, int(index), tuple(job), rest, rest_reason)
            return present.job_detail(self.arn("job", job_id), child, json.loads(body), tags, int(index))
        detail = present.job_detail(self.arn("job", job_id), tuple(job), json.loads(body), tags)
        if size:
            detail["arrayProperties"] = {
                "size": size,
                "statusSummary": self._summary(job_id, size, rest),
                "statusSummaryLastUpdatedAt": milliseconds(),
            }
        return detail

    def _child(self, job_id: str, index: int, parent: Row, rest: str, rest_reason: str) -> Row:
        row = self.store.one(
            "SELECT status, reason, started, stopped, attempts, ending FROM children WHERE parent = ? AND idx = ?",
            (parent[0], index),
        )
        return (job_id, parent[1], *(row or _untouched(parent, rest, rest_reason)))

    def _summary(self, parent: str, size: int, rest: str) -> dict[str, int]:
        counts = dict.fromkeys(present.STATUSES, 0)
        for status, count in self.store.read(
            "SELECT status, count(*) FROM children WHERE parent = ? GROUP BY status", (parent,)
        ):
            counts[status] = count
        counts[rest] += size - sum(counts.values())
        return counts

    def _list_children(self, array: str, status: str, size: int, after: int) -> Shape:
        row = self._row(self._id(array))
        if row is None or not row[0]:
            raise invalid(f"Array job {array} does not exist.")
        total, body, rest, rest_reason, *parent = row
        known: dict[int, Any] = {
            index: child
            for index, *child in self.store.read(
                "SELECT idx, status, reason, started, stopped, attempts, ending FROM children "
                "WHERE parent = ? AND idx > ?",
                (parent[0], after),
            )
        }
        missing = _untouched(tuple(parent), rest, rest_reason)
        rows = ((index, known.get(index, missing)) for index in range(after + 1, total))
        wanted = [(index, child) for index, child in rows if child[0] == status][: size + 1]
        submitted = json.loads(body)
        found = [
            present.job_summary(
                self.arn("job", f"{parent[0]}:{index}"),
                (f"{parent[0]}:{index}", parent[1], *child),
                submitted,
                index=index,
            )
            for index, child in wanted[:size]
        ]
        return page(
            "jobSummaryList", found, encode_token(wanted[size - 1][0]) if len(wanted) > size else None
        )


def _untouched(parent: Row, rest: str, rest_reason: str) -> Row:
    """status, reason, started, stopped, attempts, ending of a child without a row of its own."""
    over = rest == "FAILED"
    return (rest, rest_reason, None, parent[5] if over else None, "[]", parent[7] if over else "")


def _filter(filters: list[Shape]) -> tuple[str, list[Any]]:
    """One ListJobs filter as a condition.

    Raises:
        ServiceError: ``ClientException``.
    """
    if len(filters) > 1:
        raise invalid("filters: only one filter can be used at a time.")
    name, values = filters[0].get("name"), filters[0].get("values") or []
    if name not in _FILTERS or not values:
        raise invalid(f"filters: name must be one of {', '.join(_FILTERS)}, with values.")
    if name in ("BEFORE_CREATED_AT", "AFTER_CREATED_AT"):
        if not values[0].isdigit():
            raise invalid(f"filters: {name} must be milliseconds since 1970.")
        return f"created {'<' if name == 'BEFORE_CREATED_AT' else '>'} ?", [int(values[0])]
    conditions, parameters = [], []
    for value in values:
        text = value.lower()
        column = {
            "JOB_NAME": "lower(name)",
            "SHARE_IDENTIFIER": "lower(coalesce(json_extract(body, '$.shareIdentifier'), ''))",
            "JOB_DEFINITION": "lower(definition)" if text.startswith("arn:") else _SHORT_DEFINITION,
        }[name]
        if name == "JOB_DEFINITION" and ":" not in text and not text.endswith("*"):
            text += ":*"
        if text.endswith("*"):
            conditions.append(f"substr({column}, 1, ?) = ?")
            parameters += [len(text) - 1, text[:-1]]
        else:
            conditions.append(f"{column} = ?")
            parameters.append(text)
    return f"({' OR '.join(conditions)})", parameters


_SHORT_DEFINITION = "lower(substr(definition, instr(definition, '/') + 1))"
