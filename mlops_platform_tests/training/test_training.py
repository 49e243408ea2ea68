"""A training ends the same however often it is interrupted, and is done once."""

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mlops_platform.payloads.training.platform_training import objects, stopping
from mlops_platform.payloads.training.platform_training.errors import TrainingError
from mlops_platform.payloads.training.platform_training.registry import ModelRegistry

from .conftest import Bucket

Train = Callable[..., dict[str, Any]]


class PowerCut(BaseException):
    """Nothing of the training's memory is left but what lies in S3."""


@pytest.fixture(autouse=True)
def _no_signal_left() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)
    stopping.forget()


@pytest.fixture(scope="module")
def whole(new_bucket: Callable[[str], Bucket], train_in: Train) -> dict[str, Any]:
    """The result of a training nobody disturbed."""
    return train_in(new_bucket("undisturbed"))


class Disturbed:
    """Counts the steps a training does, and calls `then` after some of them."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        from mlops_platform.payloads.training.platform_training.loop import Loop

        self.steps: list[int] = []
        self.after, self.then = -1, lambda: None
        usual = Loop.one_step

        def one_step(loop: Loop) -> None:
            self.steps.append(loop.progress.step)
            usual(loop)
            if len(self.steps) == self.after:
                self.then()

        patch.setattr(Loop, "one_step", one_step)

    def next(self, after: int, then: Callable[[], None]) -> None:
        self.steps, self.after, self.then = [], after, then


@pytest.fixture
def disturbed(monkeypatch: pytest.MonkeyPatch) -> Disturbed:
    return Disturbed(monkeypatch)


def cut() -> None:
    raise PowerCut


def test_killed_at_any_step_it_ends_with_the_same_bits(
    bucket: Bucket, whole: dict[str, Any], train_in: Train, disturbed: Disturbed
) -> None:
    begins = []
    for after in (1, 6, 5, 3, 9):  # before the first checkpoint, on one, between two, in the second epoch
        disturbed.next(after, cut)
        with pytest.raises(PowerCut):
            train_in(bucket, checkpoint_every=4)
        begins.append(disturbed.steps[0])
    assert begins == [0, 0, 4, 8, 8], "each life goes on from the newest checkpoint"
    disturbed.next(-1, cut)
    result = train_in(bucket, checkpoint_every=4)
    assert disturbed.steps == list(range(16, len(disturbed.steps) + 16))
    assert result["version"] == whole["version"], "the id is the hash of weights, tokenizer and measures"
    assert result["metrics"] == whole["metrics"]
    assert bucket.keys("checkpoints") == []


def test_sigterm_saves_the_very_step_and_asks_for_a_retry(
    bucket: Bucket, whole: dict[str, Any], train_in: Train, disturbed: Disturbed
) -> None:
    done = 0
    for after in (3, 10):
        stopping.install()
        disturbed.next(after, lambda: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(stopping.StopRequested) as stopped:
            train_in(bucket)
        assert stopped.value.code == 143
        assert disturbed.steps == list(range(done, done + after)), "no step is lost, none is done twice"
        done += after
    stopping.install()
    disturbed.next(-1, cut)
    assert train_in(bucket)["version"] == whole["version"]
    assert disturbed.steps[0] == 13


def test_a_torn_checkpoint_is_none(
    bucket: Bucket, whole: dict[str, Any], train_in: Train, disturbed: Disturbed
) -> None:
    disturbed.next(11, cut)
    with pytest.raises(PowerCut):
        train_in(bucket, checkpoint_every=5)
    (newest,) = {key.rsplit("/", 1)[0] for key in bucket.keys("checkpoints") if "step-000000010" in key}
    objects.write(bucket / f"{newest}/weights.safetensors", b"half")
    disturbed.next(-1, cut)
    assert train_in(bucket, checkpoint_every=5)["version"] == whole["version"]
    assert disturbed.steps[0] == 5


def test_a_training_that_has_ended_is_not_done_again(
    bucket: Bucket, train_in: Train, disturbed: Disturbed
) -> None:
    disturbed.next(-1, cut)
    first = train_in(bucket, epochs=1)
    steps = len(disturbed.steps)
    assert train_in(bucket, epochs=1) == first
    assert len(disturbed.steps) == steps
    assert train_in(bucket, epochs=1, registry=bucket / "other")["version"] == first["version"]
    assert bucket.keys("other"), "asked to register it elsewhere, it does"
    assert train_in(bucket, epochs=1, seed=1)["version"] != first["version"], (
        "another training is another one"
    )


def test_the_version_says_where_it_comes_from(
    whole: dict[str, Any], new_bucket: Callable[[str], Bucket]
) -> None:
    version = ModelRegistry(new_bucket("undisturbed") / "registry", "feedback").version(whole["version"])
    assert set(version.files) >= {
        "model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", "metrics.json",
        "lineage.json", "README.md",
    }  # fmt: skip
    lineage = version.lineage
    assert lineage["data"]["version"]
    assert lineage["code"]["sources"]
    assert lineage["settings"]["seed"] == 0
    assert lineage["data"]["counts"]["bad"] == 2
    assert {file["uri"].rsplit("/", 2)[1] for file in version.about["files"]} == {
        "day=2026-01-01",
        "day=2026-01-02",
    }
    card = objects.read(f"{version.uri}/README.md").decode()
    assert f"**{whole['metrics']['test']['accuracy']:.4f}**" in card
    letters = objects.read(new_bucket("undisturbed") / "out/dead_letters.jsonl").splitlines()
    assert len(letters) == 2


def test_it_stops_when_validation_gets_no_better(bucket: Bucket, train_in: Train) -> None:
    curve_of = {}
    for rate in (0.003, 1e-30):  # one learns, the other changes nothing
        place = Bucket(bucket.cloud, bucket / f"{rate}")
        result = train_in(place, epochs=2, eval_every=4, patience=2, learning_rate=rate, registry="")
        curve_of[rate] = result["metrics"]["curve"]
    assert [entry["step"] for entry in curve_of[1e-30]] == [4, 8, 12]
    assert result["metrics"]["best"] == curve_of[1e-30][0]
    assert len(curve_of[0.003]) > 3
    assert result["version"] == "", "no registry, no version"


def test_a_sweep_trains_the_trial_of_its_index(
    bucket: Bucket, train_in: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects.write_json(
        bucket / "trials.json", [{"epochs": 1, "seed": 5}, {"epochs": 1, "learning_rate": 0.001}]
    )
    sweep = {"sweep": bucket / "trials.json", "registry": ""}
    with pytest.raises(TrainingError, match="no child of an array job"):
        train_in(bucket, **sweep)
    for index in ("0", "1"):
        monkeypatch.setenv("AWS_BATCH_JOB_ARRAY_INDEX", index)
        train_in(bucket, **sweep)
    settings = [bucket.json(f"out/{index}/result.json")["lineage"]["settings"] for index in (0, 1)]
    assert [(one["seed"], one["learning_rate"]) for one in settings] == [(5, 0.003), (0, 0.001)]
    monkeypatch.setenv("AWS_BATCH_JOB_ARRAY_INDEX", "2")
    with pytest.raises(TrainingError, match="an entry for array index 2"):
        train_in(bucket, **sweep)
    objects.write_json(bucket / "trials.json", [{"learning_rat": 1}])
    monkeypatch.setenv("AWS_BATCH_JOB_ARRAY_INDEX", "0")
    with pytest.raises(TrainingError, match="Unknown setting learning_rat"):
        train_in(bucket, **sweep)


def test_baselines_are_measured_on_the_same_rows(bucket: Bucket, train_in: Train) -> None:
    metrics = train_in(bucket, epochs=1, baselines=True, registry="")["metrics"]
    majority, linear = (
        metrics["baselines"][name] for name in ("majority class", "TF-IDF + logistic regression")
    )
    assert majority["rows"] == linear["rows"] == metrics["test"]["rows"]
    assert majority["accuracy"] == pytest.approx(0.42, abs=0.05)
    assert linear["accuracy"] > majority["accuracy"] + 0.1
