"""Tables of feedback in S3, and the entry point as a Batch job runs it: a process with an environment."""

import dataclasses
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from local_cloud.seed.draws import Draws
from local_cloud.seed.feedback import feedback_texts

from mlops_platform.payloads.training.platform_training import objects
from mlops_platform.payloads.training.platform_training.settings import TrainSettings
from mlops_platform_tests.fixtures_cloud import RunningCloud

BUCKET = "training-tests"
PAYLOAD = Path(objects.__file__).parents[1]
Columns = dict[str, Sequence[Any]]


def feedback(count: int, seed: int = 3, first: int = 0) -> Columns:
    """Rows of a table like clean_tickets."""
    numbers = np.arange(first, first + count, dtype=np.uint64)
    texts, _, satisfaction = feedback_texts(Draws(seed), numbers)
    return {
        "ticket_id": [f"T{number:06d}" for number in numbers],
        "feedback": texts,
        "satisfaction": satisfaction.astype(np.int32),
    }


@dataclass
class Bucket:
    """A prefix in S3 of one test's own, and jobs that work there."""

    cloud: RunningCloud
    uri: str

    def __truediv__(self, name: str) -> str:
        return f"{self.uri}/{name}"

    def put_table(self, name: str, columns: Columns) -> str:
        """Writes one Parquet file."""
        buffer = io.BytesIO()
        pq.write_table(pa.table(columns), buffer)
        objects.write(self / name, buffer.getvalue())
        return self / name

    def json(self, name: str) -> Any:
        return json.loads(objects.read(self / name))

    def keys(self, name: str = "") -> list[str]:
        return [item.uri.removeprefix(self.uri + "/") for item in objects.listed(self / name)]

    def start(self, *arguments: str, **environ: str) -> "subprocess.Popen[str]":
        """Starts `python -m platform_training ARGUMENTS` as a job definition's command would."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("AWS_BATCH")}
        inherited |= {"PYTHONPATH": str(PAYLOAD), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        return subprocess.Popen(
            [sys.executable, "-m", "platform_training", *arguments],
            env=inherited | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, code: int = 0, **environ: str) -> str:
        """Runs it to its end; what it wrote."""
        process = self.start(*arguments, **environ)
        try:
            said, _ = process.communicate(timeout=240)
        finally:
            process.kill()
        assert process.returncode == code, said
        return said


@pytest.fixture(scope="session")
def cloud_environment(local_cloud: RunningCloud) -> Iterator[RunningCloud]:
    """This process and its children reach the local cloud as a job reaches AWS: by the environment alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", local_cloud.endpoint_url)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("OMP_NUM_THREADS", "1")  # sums of floats depend on how many threads share them
        objects.client.cache_clear()
        local_cloud.client("s3").create_bucket(Bucket=BUCKET)
        yield local_cloud
        objects.client.cache_clear()


@pytest.fixture(scope="session")
def new_bucket(cloud_environment: RunningCloud) -> Callable[[str], Bucket]:
    return lambda name: Bucket(cloud_environment, f"s3://{BUCKET}/{name}")


@pytest.fixture
def bucket(new_bucket: Callable[[str], Bucket], request: pytest.FixtureRequest) -> Bucket:
    return new_bucket(request.node.name.replace("[", "-").replace("]", ""))


# What a smoke test's training needs: a model of its own, and every bit the same each time.
TINY = {
    "model": "tiny-bert",
    "epochs": 2,
    "learning_rate": 0.003,
    "max_tokens": 64,
    "eval_every": 7,
    "baselines": False,
    "threads": 1,
    "precision": "fp32",
}


@pytest.fixture(scope="session")
def table(new_bucket: Callable[[str], Bucket]) -> str:
    """600 rows of feedback on two days, and rows that cannot be used."""
    bucket = new_bucket("table")
    first, second = feedback(400), feedback(200, first=400)
    second["feedback"] = [None, "x" * 5000, *list(second["feedback"])[2:]]
    bucket.put_table("day=2026-01-01/part.parquet", first)
    bucket.put_table("day=2026-01-02/part.parquet", second)
    return bucket.uri


@pytest.fixture(scope="session")
def train_in(table: str) -> Callable[..., dict[str, Any]]:
    """Trains a tiny model in this process, with results, checkpoints and registry under a bucket's prefix."""

    def run(bucket: Bucket, **changes: Any) -> dict[str, Any]:
        from mlops_platform.payloads.training.platform_training.training import train

        return train(tiny_settings(bucket, table, **changes))

    return run


def tiny_settings(bucket: Bucket, table: str, **changes: Any) -> TrainSettings:
    places = {
        "output": bucket / "out",
        "checkpoints": bucket / "checkpoints",
        "registry": bucket / "registry",
    }
    return TrainSettings.of({**TINY, "data": [table], **places, **changes}, {})


def as_arguments(settings: TrainSettings) -> list[str]:
    """The settings as a job's command."""
    arguments = ["train"]
    for name, value in dataclasses.asdict(settings).items():
        many = value if isinstance(value, tuple) else (value,)
        arguments += [f"--{name.replace('_', '-')}", *(str(one) for one in many)]
    return arguments
