"""What is told of a job that has ended: metadata of a success, the text of a failure."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import dagster as dg

from mlops_platform.pipes.array import Child, details
from mlops_platform.pipes.watcher import Job

LOG_GROUP = "/aws/batch/job"
TAIL_LINES = 30
MOST_TAILS, MOST_FAILURES, MOST_ROWS = 3, 20, 200
_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


def console_url(batch: Any, job_id: str, partition: str = "aws") -> str | None:
    """The job in AWS's console; None where the client speaks to something that has no console."""
    host = urlsplit(batch.meta.endpoint_url).hostname or ""
    if not host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws")):
        return None
    region = batch.meta.region_name
    console = _CONSOLES.get(partition, _CONSOLES["aws"])
    return f"https://{region}.{console}/batch/home?region={region}#jobs/detail/{job_id}"


def log_stream(job: Job) -> tuple[str, str | None]:
    """CloudWatch Logs group and stream of a job's last attempt; no stream where none has started."""
    container = job.get("container") or {}
    options = (container.get("logConfiguration") or {}).get("options") or {}
    return options.get("awslogs-group", LOG_GROUP), container.get("logStreamName")


def log_tail(logs: Any, job: Job) -> list[str]:
    """The last lines of a job's last attempt; empty where it wrote nothing, or has logs that cannot be read here."""
    from botocore.exceptions import BotoCoreError, ClientError

    group, stream = log_stream(job)
    if stream is None:
        return []
    try:
        answer = logs.get_log_events(
            logGroupName=group, logStreamName=stream, limit=TAIL_LINES, startFromHead=False
        )
    except (BotoCoreError, ClientError) as error:
        if getattr(error, "response", {}).get("Error", {}).get("Code") == "ResourceNotFoundException":
            return []
        return [f"(the log cannot be read: {error})"]
    return [event["message"].rstrip("\n") for event in answer["events"]]


def job_metadata(batch: Any, logs: Any, job: Job) -> dict[str, Any]:
    """Of any job: what it was, how it ended, where to look."""
    url = console_url(batch, job["jobId"], job["jobArn"].split(":")[1])
    found: dict[str, Any] = {
        "batch_job_id": job["jobId"],
        "batch_job_name": job["jobName"],
        "batch_job_queue": _short(job["jobQueue"]),
        "batch_job_definition": _short(job["jobDefinition"]),
        "batch_status": job["status"],
    }
    if job.get("statusReason"):
        found["batch_status_reason"] = job["statusReason"]
    if url:
        found["batch_console"] = dg.MetadataValue.url(url)
    if job.get("startedAt") and job.get("stoppedAt"):
        found["batch_run_seconds"] = (job["stoppedAt"] - job["startedAt"]) / 1000
        found["batch_queued_seconds"] = (job["startedAt"] - job["createdAt"]) / 1000
    if "size" in (job.get("arrayProperties") or {}):
        return found
    if (job.get("container") or {}).get("exitCode") is not None:
        found["batch_exit_code"] = job["container"]["exitCode"]
    if job.get("attempts"):
        found["batch_attempts"] = _attempts(job["attempts"])
    tail = log_tail(logs, job)
    if tail:
        group, stream = log_stream(job)
        found["batch_log"] = dg.MetadataValue.md(
            f"`{group}` stream `{stream}`\n```\n" + "\n".join(tail) + "\n```"
        )
    return found


def array_metadata(
    children: Sequence[Child], size: int, keys: Sequence[str], reported: Mapping[int, Mapping[str, Any]]
) -> dict[str, Any]:
    """Of an array: counts, and a table of its children (failed ones first) with what they reported of assets."""
    failed = [child for child in children if child.status != "SUCCEEDED"]
    rows = [*failed, *(child for child in children if child.status == "SUCCEEDED")][:MOST_ROWS]
    records = [
        dg.TableRecord(
            {
                "child": child.index,
                **({"key": keys[child.index]} if child.index < len(keys) else {}),
                "job": child.job_id,
                "status": child.status,
                "exit_code": "" if child.exit_code is None else str(child.exit_code),
                "reason": child.reason,
                "seconds": _seconds(child.summary),
                **{name: str(value) for name, value in reported.get(child.index, {}).items()},
            }
        )
        for child in rows
    ]
    columns = list(dict.fromkeys(name for record in records for name in record.data))
    filled = [dg.TableRecord({name: record.data.get(name, "") for name in columns}) for record in records]
    answer: dict[str, Any] = {"batch_children": size, "batch_children_failed": len(failed)}
    if filled:
        kinds = {"child": "int", "seconds": "float"}
        schema = dg.TableSchema([dg.TableColumn(name, kinds.get(name, "string")) for name in columns])
        answer["batch_children_table"] = dg.MetadataValue.table(filled, schema)
    return answer


def job_failure(batch: Any, logs: Any, job: Job) -> str:
    """Why a job failed: Batch's reason, the container's, exit code, attempt, and the end of the log."""
    url = console_url(batch, job["jobId"], job["jobArn"].split(":")[1])
    lines = [
        f"Batch job {job['jobName']} ({job['jobId']}) {job['status']}: {job.get('statusReason', 'no reason given')}",
        _how(job),
        url or "",
        *log_tail(logs, job),
    ]
    return "\n".join(line for line in lines if line)


def array_failure(
    batch: Any, logs: Any, job: Job, failed: Sequence[Child], size: int, keys: Sequence[str]
) -> str:
    """Which children failed and why: exit codes and reasons of the first twenty, logs of the first three."""
    url = console_url(batch, job["jobId"], job["jobArn"].split(":")[1])
    lines = [
        f"Batch array job {job['jobName']} ({job['jobId']}): {len(failed)} of {size} children failed. "
        f"{job.get('statusReason', '')}".rstrip(),
        url or "",
        *(_child_line(child, keys) for child in failed[:MOST_FAILURES]),
    ]
    if len(failed) > MOST_FAILURES:
        lines.append(f"... and {len(failed) - MOST_FAILURES} more.")
    shown = details(batch, [child.job_id for child in failed[:MOST_TAILS]])
    for child in failed[:MOST_TAILS]:
        detail = shown.get(child.job_id)
        if detail is not None:
            lines += [f"--- child {child.index}, {_how(detail)}", *log_tail(logs, detail)]
    return "\n".join(line for line in lines if line)


def _child_line(child: Child, keys: Sequence[str]) -> str:
    key = f" {keys[child.index]}" if child.index < len(keys) else ""
    code = "" if child.exit_code is None else f" exit code {child.exit_code}"
    return f"child {child.index}{key} ({child.job_id}):{code} {child.reason}".rstrip()


def _how(job: Job) -> str:
    """Attempt, exit code and the container's own reason."""
    container = job.get("container") or {}
    said = [f"attempt {len(job.get('attempts', ())) or 1}"]
    if container.get("exitCode") is not None:
        said.append(f"exit code {container['exitCode']}")
    if container.get("reason"):
        said.append(str(container["reason"]))
    return ", ".join(said)


def _attempts(attempts: Sequence[Mapping[str, Any]]) -> dg.TableMetadataValue:
    records = []
    for number, attempt in enumerate(attempts, 1):
        container = attempt.get("container") or {}
        reasons = dict.fromkeys(r for r in (container.get("reason"), attempt.get("statusReason")) if r)
        records.append(
            dg.TableRecord(
                {
                    "attempt": number,
                    "exit_code": str(container.get("exitCode", "")),
                    "reason": "; ".join(reasons),
                    "seconds": _seconds(attempt),
                    "log_stream": container.get("logStreamName", ""),
                }
            )
        )
    return dg.MetadataValue.table(records)


def _seconds(times: Mapping[str, Any]) -> float:
    started, stopped = times.get("startedAt"), times.get("stoppedAt")
    return (stopped - started) / 1000 if started and stopped else 0.0


def _short(arn: str) -> str:
    return arn.rpartition("/")[2]
