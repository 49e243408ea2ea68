"""From a job and an attempt to what the host starts: the command, its environment, its folder.

https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html
"""

import functools
import os
import re
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local_cloud.batch import containers, images
from local_cloud.batch.work import SINGLE, Run
from local_cloud.cloud import Cloud

Shape = dict[str, Any]
LOG_GROUP = "/aws/batch/job"
WARM = "LOCAL_CLOUD_BATCH_WARM"
"""Modules (comma-separated) to fork Python jobs with; for all jobs, or in a job's own environment. AWS ignores it."""
# What a job sees of the machine's environment; AWS's own variables are set below, never inherited.
_INHERITED = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "JAVA_HOME", "SYSTEMROOT")
_PYTHON = re.compile(r"python(3(\.\d+)?)?")


class LaunchError(Exception):
    """The attempt cannot start; the text is the container's reason."""


def container(cloud: Cloud, body: Shape, environment: str, instance: str) -> Shape:
    """What DescribeJobs says of an attempt's container before it has ended."""
    task = uuid.uuid4().hex
    definition = body["jobDefinition"].rpartition("/")[2].partition(":")[0]
    options = (body["container"].get("logConfiguration") or {}).get("options") or {}
    prefix = options.get("awslogs-stream-prefix", definition)
    where = f"arn:aws:ecs:{cloud.region}:{cloud.account_id}"
    return {
        "containerInstanceArn": f"{where}:container-instance/{environment}_Batch/{instance}",
        "taskArn": f"{where}:task/{environment}_Batch/{task}",
        "logStreamName": f"{prefix}/default/{task}",
    }


def log_group(body: Shape) -> str:
    """Where a job's output goes."""
    options = (body["container"].get("logConfiguration") or {}).get("options") or {}
    return str(options.get("awslogs-group", LOG_GROUP))


def work_folder(cloud: Cloud) -> Path:
    """Where attempts have their folders."""
    return cloud.state_dir / "batch" / "work"


def spec(cloud: Cloud, body: Shape, run: Run, secrets: Mapping[str, str]) -> Shape:
    """What the host starts.

    Raises:
        LaunchError: the image is mapped to nothing, or there is no command.
    """
    properties = body["container"]
    try:
        prefix = images.prefix(properties["image"])
    except images.ImageError as error:
        raise LaunchError(str(error)) from None
    if not properties["command"]:
        raise LaunchError(
            "CannotCreateContainerError: Error response from daemon: no command specified. The local cloud knows no "
            "image's own command; give the job definition one."
        )
    index = "" if run.unit.index == SINGLE else f"-{run.unit.index}"
    folder = str(work_folder(cloud) / f"{run.job.id}{index}-{run.number}")
    environment = _environment(cloud, prefix, run, folder)
    environment |= {
        v["name"]: v.get("value", "") for v in properties.get("environment") or [] if v.get("name")
    }
    environment |= secrets
    environment |= _batch_variables(run)
    argv = properties["command"]
    return {
        "key": run.key,
        "slot": run.slot.number,
        "argv": argv,
        "env": environment,
        "cwd": folder,
        "memory": run.job.demand.memory,
        "limits": containers.limits(properties),
        "warm": _warm(argv, environment),
    }


def _environment(cloud: Cloud, prefix: str, run: Run, folder: str) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return inherited | {
        "PATH": os.pathsep.join([f"{prefix}/bin", os.environ.get("PATH", os.defpath)]),
        "VIRTUAL_ENV": prefix,
        "TMPDIR": folder,
        "PWD": folder,
        "AWS_ENDPOINT_URL": cloud.endpoint_url,
        "AWS_REGION": cloud.region,
        "AWS_DEFAULT_REGION": cloud.region,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ALLOW_HTTP": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EXECUTION_ENV": "AWS_ECS_EC2",
        # Spinning threads on shared cores cost a multiple of what they compute.
        "OMP_NUM_THREADS": str(max(1, run.job.demand.vcpus // 1000)),
        "OMP_WAIT_POLICY": "PASSIVE",
        "CUDA_VISIBLE_DEVICES": ",".join(map(str, run.slot.place.gpus)),
        "PYTHONUNBUFFERED": "1",
    }


def _batch_variables(run: Run) -> dict[str, str]:
    variables = {
        "AWS_BATCH_JOB_ID": run.job.id,
        "AWS_BATCH_JOB_ATTEMPT": str(run.number),
        "AWS_BATCH_CE_NAME": run.slot.place.environment,
        "AWS_BATCH_JQ_NAME": run.job.queue,
    }
    if run.unit.index != SINGLE:
        variables |= {
            "AWS_BATCH_JOB_ID": f"{run.job.id}:{run.unit.index}",
            "AWS_BATCH_JOB_ARRAY_INDEX": str(run.unit.index),
            "AWS_BATCH_JOB_ARRAY_SIZE": str(run.job.size),
        }
    return variables


def _warm(argv: list[str], environment: Mapping[str, str]) -> Shape | None:
    """A warm start's terms, where asked for: for `python file.py`, `python -m module` and `python -c code`."""
    wanted = environment.get(WARM, os.environ.get(WARM, ""))
    modules = [name.strip() for name in wanted.split(",") if name.strip()]
    if not modules or len(argv) < 2 or not _PYTHON.fullmatch(argv[0].rpartition("/")[2]):
        return None
    if argv[1].startswith("-") and not (argv[1] in ("-m", "-c") and len(argv) > 2):
        return None  # other options change the interpreter itself
    interpreter = argv[0] if "/" in argv[0] else _which(argv[0], environment["PATH"])
    return {"interpreter": interpreter, "modules": modules} if interpreter else None


@functools.lru_cache(maxsize=64)
def _which(name: str, path: str) -> str | None:
    return shutil.which(name, path=path)
