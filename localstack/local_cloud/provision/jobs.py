"""Glue jobs: their scripts and shared helpers in S3, and the jobs themselves."""

import hashlib
import io
import zipfile
from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from local_cloud.provision.names import Names
from local_cloud.provision.site import OURS, Site
from mlops_platform.declaration import GlueJobNeeds

_HELPERS_KEY = "glue/platform.zip"
_COMPARED = (
    "Description", "Role", "Command", "DefaultArguments", "Connections", "MaxRetries", "Timeout",
    "GlueVersion", "WorkerType", "NumberOfWorkers", "ExecutionProperty",
)  # fmt: skip
_CONCURRENT_RUNS = 10


def ensure_jobs(site: Site, names: Names, jobs: Sequence[GlueJobNeeds], role: str) -> dict[str, str]:
    """Creates or updates the jobs, removes ours that are declared no longer; physical names by declared
    name.
    """
    if jobs:
        _ensure_object(site, names.artifacts_bucket, _HELPERS_KEY, helpers_archive())
    for job in jobs:
        _ensure_job(site, names, job, role)
    physical = {job.name: names.job(job.name) for job in jobs}
    _remove_others(site, set(physical.values()))
    return physical


def helpers_archive() -> bytes:
    """The helpers jobs import (`payloads/glue`) as a zip; equal sources give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(_sources(files("mlops_platform.payloads") / "glue", "")):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _sources(folder: Traversable, inside: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        name = f"{inside}{entry.name}"
        if entry.is_dir() and entry.name != "__pycache__":
            found += _sources(entry, f"{name}/")
        elif entry.name.endswith(".py"):
            found.append((name, entry.read_bytes()))
    return found


def _ensure_job(site: Site, names: Names, job: GlueJobNeeds, role: str) -> None:
    glue, name = site.client("glue"), names.job(job.name)
    content = Path(job.script).read_bytes()
    key = f"glue/{name}/{hashlib.sha256(content).hexdigest()}.py"
    _ensure_object(site, names.artifacts_bucket, key, content)
    wanted = _definition(names, job, role, f"s3://{names.artifacts_bucket}/{key}")
    found = site.found(lambda: glue.get_job(JobName=name), "EntityNotFoundException")
    if found is None:
        glue.create_job(Name=name, Tags=OURS, **wanted)
        site.tell(f"created Glue job {name}")
    elif any(_given(found["Job"].get(k)) != _given(wanted.get(k)) for k in _COMPARED):
        glue.update_job(JobName=name, JobUpdate=wanted)
        site.tell(f"updated Glue job {name}")


def _definition(names: Names, job: GlueJobNeeds, role: str, script: str) -> dict[str, Any]:
    arguments = {
        "--job-language": "python",
        "--enable-continuous-cloudwatch-log": "true",
        "--extra-py-files": f"s3://{names.artifacts_bucket}/{_HELPERS_KEY}",
        **job.default_arguments,
    }
    definition: dict[str, Any] = {
        "Role": role,
        "Command": {"Name": job.command, "ScriptLocation": script, "PythonVersion": "3"},
        "DefaultArguments": arguments,
        "MaxRetries": job.max_retries,
        "Timeout": job.timeout_minutes,
        "GlueVersion": job.glue_version,
        "WorkerType": job.worker_type,
        "NumberOfWorkers": job.number_of_workers,
        "ExecutionProperty": {"MaxConcurrentRuns": _CONCURRENT_RUNS},
    }
    if job.connections:
        definition["Connections"] = {"Connections": list(job.connections)}
    return definition


def _remove_others(site: Site, declared: set[str]) -> None:
    glue = site.client("glue")
    arn = f"arn:aws:glue:{site.region}:{site.account_id}:job/"
    for page in glue.get_paginator("get_jobs").paginate():
        for job in page["Jobs"]:
            if job["Name"] in declared:
                continue
            tags = glue.get_tags(ResourceArn=arn + job["Name"])["Tags"]
            if OURS.items() <= tags.items():
                glue.delete_job(JobName=job["Name"])
                site.tell(f"removed Glue job {job['Name']}, which is declared no longer")


def _ensure_object(site: Site, bucket: str, key: str, content: bytes) -> None:
    """The object with this content; its SHA-256 in the metadata tells whether it is there already."""
    s3, digest = site.client("s3"), hashlib.sha256(content).hexdigest()
    found = site.found(lambda: s3.head_object(Bucket=bucket, Key=key), "404", "NoSuchKey", "NotFound")
    if found is None or found["Metadata"].get("sha256") != digest:
        s3.put_object(Bucket=bucket, Key=key, Body=content, Metadata={"sha256": digest})
        site.tell(f"uploaded s3://{bucket}/{key}")


def _given(value: Any) -> Any:
    """Absent and empty mean the same to Glue."""
    return value or None
