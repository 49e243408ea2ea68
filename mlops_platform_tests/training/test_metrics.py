"""Numbers and pictures of a model's predictions, and what a job says while it runs."""

import base64
import json
import os
import threading
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from dagster_pipes import (
    DAGSTER_PIPES_CONTEXT_ENV_VAR,
    DAGSTER_PIPES_MESSAGES_ENV_VAR,
    PipesContext,
    encode_param,
)
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from mlops_platform.payloads.training.platform_training import devices, metrics, objects, pictures
from mlops_platform.payloads.training.platform_training.errors import TrainingError
from mlops_platform.payloads.training.platform_training.reports import Reporter
from mlops_platform.payloads.training.platform_training.settings import TrainSettings

from .conftest import PAYLOAD, Bucket

NAMES = ["negative", "neutral", "positive"]


def drawn(rows: int, right: float, seed: int) -> tuple[Any, Any]:
    """Labels, and predictions of which about `right` are right."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 3, rows)
    said = np.where(draw.random(rows) < right, labels, draw.integers(0, 3, rows))
    return labels, said


def test_measures_are_those_of_scikit_learn() -> None:
    labels, said = drawn(500, 0.6, 1)
    found = metrics.measures(labels, said, NAMES)
    assert found["accuracy"] == pytest.approx(accuracy_score(labels, said))
    assert found["macro_f1"] == pytest.approx(f1_score(labels, said, average="macro"))
    assert found["confusion"] == confusion_matrix(labels, said).tolist()
    never = np.zeros_like(labels)
    assert float(metrics.macro_f1(metrics.confusion(labels, never, 3))) == pytest.approx(
        f1_score(labels, never, average="macro", zero_division=0)
    )


def test_a_comparison_knows_better_from_luck() -> None:
    labels, weak = drawn(800, 0.5, 2)
    strong = np.where(np.arange(800) % 3 == 0, labels, weak)
    texts = np.arange(800)
    better = metrics.compare(labels, weak, strong, texts, count=3)
    assert better.better
    assert better.low < better.difference < better.high
    assert better.difference == pytest.approx(np.mean(strong == labels) - np.mean(weak == labels))
    assert better.macro_f1_low < better.macro_f1_difference < better.macro_f1_high
    same = metrics.compare(labels, weak, weak, texts, count=3)
    assert (same.low, same.difference, same.high, same.better) == (0, 0, 0, False)
    assert same.not_worse()
    one_row = weak.copy()
    one_row[0] = labels[0]
    luck = metrics.compare(labels, weak, one_row, texts, count=3)
    assert not luck.better
    assert metrics.Comparison.of(json.loads(json.dumps(better.as_dict()))) == better
    worse = metrics.compare(labels, strong, weak, texts, count=3)
    assert not worse.not_worse(margin=0.01)


def test_rows_of_one_text_are_no_independent_evidence() -> None:
    labels, weak = drawn(100, 0.5, 3)
    strong = np.where(np.arange(100) % 5 == 0, labels, weak)
    once = metrics.compare(labels, weak, strong, np.arange(100), count=3)
    tenfold = metrics.compare(*(np.tile(one, 10) for one in (labels, weak, strong, np.arange(100))), count=3)
    assert tenfold.texts == 100
    assert tenfold.high - tenfold.low == pytest.approx(once.high - once.low, rel=0.15)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Of 60 comparisons of two models that are equally good, about 3 may say otherwise."""
    wrong = 0
    for seed in range(60):
        draw = np.random.default_rng(seed)
        labels = draw.integers(0, 3, 300)
        one, other = (np.where(draw.random(300) < 0.7, labels, (labels + 1) % 3) for _ in range(2))
        found = metrics.compare(labels, one, other, np.arange(300), count=3, resamples=400)
        wrong += not found.low <= 0 <= found.high
    assert wrong <= 8


def test_pictures_are_whole_and_say_the_numbers() -> None:
    curve = [
        {
            "step": n,
            "examples": 32 * n,
            "train_loss": 1 / n,
            "validation_loss": 1.1 / n,
            "validation_accuracy": 0.9,
        }
        for n in (1, 2, 3)
    ]
    drawings = {
        pictures.learning_curve(curve): "validation accuracy",
        pictures.confusion_matrix([[8, 2], [0, 5]], ["<bad>", "good"]): "80.0%",
        pictures.sweep([("lr=1e-4", 0.91), ("lr=1e-5", 0.72)]): "0.9100",
        pictures.learning_curve([]): "examples",
    }
    for svg, words in drawings.items():
        tree = ElementTree.fromstring(svg)  # noqa: S314 - our own text
        assert any(words in (item.text or "") for item in tree.iter())
    image = pictures.markdown_image(next(iter(drawings)), "the curve")
    encoded = image.removeprefix("![the curve](data:image/svg+xml;base64,").removesuffix(")")
    assert base64.b64decode(encoded).decode() == next(iter(drawings))


def test_settings_come_from_arguments_then_the_environment_then_defaults() -> None:
    environ = {"TRAINING_EPOCHS": "7", "TRAINING_SEED": "9", "TRAINING_DATA": "s3://a/b s3://c/d"}
    found = TrainSettings.of({"epochs": "3", "baselines": "false", "seed": None}, environ)
    assert (found.epochs, found.seed, found.baselines, found.data) == (3, 9, False, ("s3://a/b", "s3://c/d"))
    assert found.changed({"epochs": 4}).epochs == 4
    with pytest.raises(TrainingError, match="method is 'half'; it must be one of full, lora"):
        TrainSettings.of({"method": "half"}, {})


@pytest.mark.parametrize(
    ("task", "container", "expected"),
    [({"CPU": 2, "Memory": 4096}, {}, 2), ({}, {"CPU": 3072}, 3), ({}, {}, 64), ({"CPU": 0.25}, {}, 1)],
)
def test_threads_are_the_jobs_vcpus_as_ecs_says(
    task: dict[str, Any], container: dict[str, Any], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Metadata(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"Limits": task if self.path.endswith("/task") else container}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(64))
    monkeypatch.setattr(Path, "exists", lambda _: False)  # no cgroup limit
    with HTTPServer(("127.0.0.1", 0), Metadata) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("ECS_CONTAINER_METADATA_URI_V4", f"http://127.0.0.1:{server.server_port}/v4/abc")
        found = devices._vcpus()
        server.shutdown()
        thread.join()
    assert found == expected


def test_messages_reach_dagster_pipes_one_prefix_for_each_attempt(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, key = objects.split(bucket.uri)
    context = {"asset_keys": ["m"], "code_version_by_asset_key": {}, "provenance_by_asset_key": {},
               "partition_key": None, "partition_key_range": None, "partition_time_window": None, "run_id": "r",
               "job_name": "j", "retry_number": 0, "extras": {}}  # fmt: skip
    objects.write_json(bucket / "context.json", context)
    messages = {"bucket": name, "key_prefix": f"{key}/messages", "per_attempt": True}
    monkeypatch.setenv(
        DAGSTER_PIPES_CONTEXT_ENV_VAR, encode_param({"bucket": name, "key": f"{key}/context.json"})
    )
    monkeypatch.setenv(DAGSTER_PIPES_MESSAGES_ENV_VAR, encode_param(messages))
    monkeypatch.setenv("AWS_BATCH_JOB_ARRAY_INDEX", "4")
    for attempt in ("1", "2"):
        monkeypatch.setenv("AWS_BATCH_JOB_ATTEMPT", attempt)
        monkeypatch.setattr(
            PipesContext, "_instance", None
        )  # a process has one session; an attempt is a process
        with Reporter() as report:
            report({"step": 10, "train_loss": 0.5})
    for attempt in (1, 2):
        lines = "".join(objects.read(bucket / key).decode() for key in bucket.keys(f"messages/4/{attempt}/"))
        assert '"train_loss": 0.5' in lines
        assert '"method": "closed"' in lines


def test_the_image_installs_what_the_extra_says() -> None:
    root = Path(__file__).parents[2]
    extra = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    lines = (PAYLOAD / "requirements.txt").read_text().splitlines()
    assert {line for line in lines if not line.startswith("#")} == {*extra["train"], "boto3", "dagster-pipes"}
    pinned = (PAYLOAD / "offline-model.txt").read_text().splitlines()[-1]
    assert pinned.split()[0] == extra["offline-model"][0]
    assert extra["offline-model"][0] in (root / "constraints.txt").read_text().splitlines()
