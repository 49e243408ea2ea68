"""From a job and a run to a process: its folder, its files, its arguments, its environment.

AWS's arguments: https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-etl-glue-arguments.html
"""

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_cloud.cloud import Cloud

RUNTIME = Path(__file__).parent / "runtime"
ENGINES = ("sail", "pyspark")
Shape = dict[str, Any]
# What a job sees of the machine's environment; AWS's own variables are set below, never inherited.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "JAVA_HOME", "LD_LIBRARY_PATH", "SYSTEMROOT")


class LaunchError(Exception):
    """The run cannot start; the text is its ``ErrorMessage``."""


@dataclass(frozen=True)
class Launch:
    """All the supervisor needs to start a run."""

    command: list[str]
    environment: dict[str, str]
    folder: Path


def prepare(cloud: Cloud, job: Shape, run: Shape, bookmark: str | None) -> Launch:
    """Fetch the script and its modules from S3 into the run's own folder.

    Raises:
        LaunchError: something the job names is not there or not supported.
    """
    folder = run_folder(cloud, run["Id"])
    (folder / "scratch").mkdir(parents=True, exist_ok=True)
    arguments = {
        **job.get("DefaultArguments", {}),
        **run["Arguments"],
        **job.get("NonOverridableArguments", {}),
    }
    script = _download(cloud, job["Command"]["ScriptLocation"], folder)
    modules = [str(_download(cloud, uri, folder / "modules")) for uri in _list(arguments, "--extra-py-files")]
    for uri in _list(arguments, "--extra-files"):
        _download(cloud, uri, folder)
    if _list(arguments, "--extra-jars"):
        raise LaunchError(
            "--extra-jars: the local cloud's Spark engine runs no Java; remove the jars or use AWS."
        )
    engine = os.environ.get("LOCAL_CLOUD_GLUE_ENGINE", "sail")
    if engine not in ENGINES:
        raise LaunchError(f"LOCAL_CLOUD_GLUE_ENGINE is {engine!r}; it must be one of {', '.join(ENGINES)}.")
    if engine == "pyspark" and job["Command"]["Name"] == "glueetl" and not _java():
        raise LaunchError(
            "LOCAL_CLOUD_GLUE_ENGINE=pyspark needs Java (17); install it, or use the engine sail."
        )
    spec = {
        "kind": job["Command"]["Name"],
        "engine": engine,
        "script": str(script),
        "argv": [str(script), *arguments_vector(job, run, arguments)],
        "modules": _list(arguments, "--additional-python-modules"),
        "conf": _spark_conf(arguments.get("--conf", "")),
        "outcome": str(folder / "outcome.json"),
        "bookmark": {
            "option": arguments.get("--job-bookmark-option", "job-bookmark-disable"),
            "state": bookmark,
            "file": str(folder / "bookmark.json"),
        },
        "account_id": cloud.account_id,
        "folder": str(folder),
    }
    (folder / "run.json").write_text(json.dumps(spec, indent=1))
    search_path = [str(RUNTIME), *_search_path(modules), str(folder)]
    settings = environment(cloud, job["GlueVersion"], folder) | {"PYTHONPATH": os.pathsep.join(search_path)}
    return Launch([sys.executable, "-m", "local_glue", str(folder / "run.json")], settings, folder)


def _java() -> bool:
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java") is not None or bool(home and (Path(home) / "bin" / "java").exists())


def run_folder(cloud: Cloud, run_id: str) -> Path:
    """Where a run works and leaves its output."""
    return cloud.state_dir / "glue" / "runs" / run_id


def arguments_vector(job: Shape, run: Shape, arguments: Shape) -> list[str]:
    """``sys.argv[1:]`` as a script sees it on AWS: the merged arguments, then what Glue adds."""
    vector: list[str] = []
    for name, value in arguments.items():
        vector += [name, value or ""]
    added = {
        "--JOB_ID": f"j_{run['Id'].removeprefix('jr_')[:32]}",
        "--JOB_RUN_ID": run["Id"],
        "--JOB_NAME": job["Name"],
    }
    for name, value in added.items():
        if name not in arguments:
            vector += [name, value]
    return vector


def environment(cloud: Cloud, version: str, folder: Path) -> dict[str, str]:
    """The environment of a job's processes."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return inherited | {
        "AWS_ENDPOINT_URL": cloud.endpoint_url,
        "AWS_REGION": cloud.region,
        "AWS_DEFAULT_REGION": cloud.region,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ALLOW_HTTP": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "GLUE_VERSION": version,
        "GLUE_PYTHON_VERSION": "3",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TZ": "UTC",
        "TMPDIR": str(folder / "scratch"),
    }


def _search_path(modules: list[str]) -> list[str]:
    """A zip, egg or wheel goes on the path itself; of a .py file, its folder."""
    return list(dict.fromkeys(str(Path(m).parent) if m.endswith(".py") else m for m in modules))


def _list(arguments: Shape, name: str) -> list[str]:
    return [part.strip() for part in str(arguments.get(name) or "").split(",") if part.strip()]


def _spark_conf(text: str) -> dict[str, str]:
    """``a=1 --conf b=2`` (the form Glue users know) as a dictionary."""
    pairs = [part.strip().partition("=") for part in text.split("--conf") if part.strip()]
    return {name.strip(): value.strip() for name, _, value in pairs}


def _download(cloud: Cloud, uri: str, folder: Path) -> Path:
    from botocore.exceptions import ClientError

    bucket, _, key = uri.removeprefix("s3://").removeprefix("s3a://").partition("/")
    if "://" not in uri or not key or key.endswith("/"):
        raise LaunchError(f"{uri} is not the s3:// path of a file.")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / Path(key).name
    try:
        target.write_bytes(cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    except ClientError as error:
        raise LaunchError(f"{uri} cannot be read: {error.response['Error'].get('Message', error)}") from None
    return target
