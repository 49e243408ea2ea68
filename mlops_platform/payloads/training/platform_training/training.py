"""`train`: rows from S3, a trained model with its measures, a version in the registry."""

import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from . import objects, stopping
from .devices import World, device_for, make_deterministic
from .errors import TrainingError
from .registry import CARD, LINEAGE, METRICS, ModelRegistry
from .reports import Reporter
from .rows import Corpus, Row, dead_letters, read_corpus
from .settings import DataSettings, TrainSettings
from .splits import Split, split_rows

RESULT = "result.json"


@dataclass(frozen=True)
class Data:
    """Rows as read, and as split."""

    corpus: Corpus
    split: Split

    def lineage(self) -> dict[str, Any]:
        """What the data was, and where it lay."""
        return {
            "version": self.corpus.version,
            "held_out_id": self.split.held_out_id,
            "counts": self.corpus.counts(),
            "split": self.split.counts(self.corpus.labels),
        }


def read_data(settings: DataSettings) -> Data:
    """The declared rows, split.

    Raises:
        TrainingError: there are none that can be used, or too few.
    """
    if not settings.data:
        raise TrainingError("No data is named. Give --data with S3 URIs of Parquet files.")
    corpus = read_corpus(
        settings.data,
        text=settings.text_column,
        label=settings.label_column,
        id_column=settings.id_column,
        labels=settings.labels,
        max_chars=settings.max_text_chars,
    )
    split = split_rows(
        corpus.rows,
        salt=settings.split_salt,
        validation_share=settings.validation_share,
        test_share=settings.test_share,
        max_train=settings.max_train_rows,
        max_held_out=settings.max_held_out_rows,
    )
    return Data(corpus, split)


def train(settings: TrainSettings) -> dict[str, Any]:
    """Trains, measures and registers; the result, also written to `<output>/result.json`.

    A job that was killed goes on from its newest checkpoint; one that had ended returns its result again.

    Raises:
        TrainingError: the input is wrong.
        StopRequested: SIGTERM came; what was done is saved.
    """
    world = World.current()
    settings = _trial(settings)
    if not settings.output:
        raise TrainingError("No output is named. Give --output with an S3 prefix for the results.")
    with Reporter(speaks=world.first) as report:
        data = read_data(settings)
        if data.corpus.bad and world.first:
            objects.write(objects.join(settings.output, "dead_letters.jsonl"), dead_letters(data.corpus.bad))
        report({"data": data.corpus.version[:16], **data.corpus.counts()})
        mark = fingerprint(settings, data)
        done = _finished(settings, mark)
        if done is not None:
            report({"result": "this training has ended before", "version": done.get("version", "")})
            return done
        stopping.check()
        with tempfile.TemporaryDirectory(prefix="training-") as folder:
            return _train(settings, data, mark, world, report, Path(folder))


def _train(
    settings: TrainSettings, data: Data, mark: str, world: World, report: Reporter, work: Path
) -> dict[str, Any]:
    from .batches import encode
    from .forward import suit
    from .loop import Loop, Part
    from .models import prepare, save
    from .saves import Checkpoints

    begun = time.monotonic()
    device = device_for(settings.precision, world)
    make_deterministic(settings.deterministic, device)
    split, labels = data.split, data.corpus.labels
    prepared = prepare(settings, labels, [row.text for row in split.train], work)
    stopping.check()
    model = suit(prepared.model, device)
    train_part, validation_part, test_part = (
        Part(encode(prepared.tokenizer, [row.text for row in rows], settings.max_tokens), label_array(rows))
        for rows in (split.train, split.validation, split.test)
    )
    checkpoints = Checkpoints(objects.join(settings.checkpoints, mark)) if settings.checkpoints else None
    with _processes(world, device.cuda):
        loop = Loop(
            model, train_part, validation_part, settings, device,
            world=world, checkpoints=checkpoints, report=report,
        )  # fmt: skip
        progress = loop.run()
    if not world.first:
        return {}
    found = _measured(settings, data, model, test_part, device)
    metrics = {**found, "curve": progress.curve, "best": progress.curve[progress.best]}
    lineage = {
        "data": data.lineage(),
        "source": prepared.source,
        "settings": settings.decisive(),
        "code": code_version(),
    }
    about = {
        "examples_per_second": round(loop.examples / loop.seconds, 1) if loop.seconds else None,
        "training_seconds": round(loop.seconds, 1),
        "job_seconds": round(time.monotonic() - begun, 1),
        "device": str(device.torch_device.type),
        "bf16": device.bf16,
        "processes": world.size,
        "files": data.corpus.files,
        "job": os.environ.get("AWS_BATCH_JOB_ID", ""),
        "attempt": int(os.environ.get("AWS_BATCH_JOB_ATTEMPT", "1")),
    }
    version = ""
    if settings.registry:
        folder = work / "version"
        save(model, prepared.tokenizer, folder)
        version = _register(settings, folder, metrics, lineage, about)
    result = {
        "fingerprint": mark,
        "registry": settings.registry,
        "version": version,
        "metrics": metrics,
        "lineage": lineage,
        "about": about,
    }
    _write_results(settings, result)
    if checkpoints:
        checkpoints.clear()
    report(
        {"version": version, "accuracy": metrics["test"]["accuracy"], "macro_f1": metrics["test"]["macro_f1"]}
    )
    return result


def _measured(settings: TrainSettings, data: Data, model: Any, test: Any, device: Any) -> dict[str, Any]:
    from .baselines import majority, tfidf_logistic_regression
    from .forward import probabilities
    from .metrics import measures

    labels, split = data.corpus.labels, data.split
    predicted = probabilities(model, test.encoded, device).argmax(1)
    found: dict[str, Any] = {"test": measures(test.labels, predicted, labels), "baselines": {}}
    if settings.baselines:
        train_labels = label_array(split.train)
        texts = [[row.text for row in rows] for rows in (split.train, split.test)]
        found["baselines"] = {
            "majority class": majority(train_labels, test.labels, labels),
            "TF-IDF + logistic regression": tfidf_logistic_regression(
                texts[0], train_labels, texts[1], test.labels, labels
            ),
        }
    return found


def _register(
    settings: TrainSettings,
    folder: Path,
    metrics: dict[str, Any],
    lineage: dict[str, Any],
    about: dict[str, Any],
) -> str:
    (folder / METRICS).write_bytes(objects.json_bytes(metrics))
    (folder / LINEAGE).write_bytes(objects.json_bytes(lineage))
    (folder / CARD).write_text(model_card_of(settings.name, metrics, lineage))
    return ModelRegistry(settings.registry, settings.name).publish(folder, about).id


def model_card_of(name: str, metrics: Mapping[str, Any], lineage: Mapping[str, Any]) -> str:
    """The card's text."""
    from .card import model_card

    return model_card(name, metrics, lineage)


def _write_results(settings: TrainSettings, result: dict[str, Any]) -> None:
    """Pictures first, the result last: with it the job is done."""
    from .pictures import confusion_matrix, learning_curve

    test = result["metrics"]["test"]
    pictures = {
        "learning_curve.svg": learning_curve(result["metrics"]["curve"]),
        "confusion_matrix.svg": confusion_matrix(test["confusion"], test["labels"]),
    }
    for name, svg in pictures.items():
        objects.write(objects.join(settings.output, name), svg.encode(), content_type="image/svg+xml")
    objects.write_json(objects.join(settings.output, RESULT), result)


def _trial(settings: TrainSettings) -> TrainSettings:
    """A sweep's settings for this array index; its results lie under `<output>/<index>/`.

    Raises:
        TrainingError: the list has no entry for this index, or the job is no child of an array.
    """
    if not settings.sweep:
        return settings
    index = os.environ.get("AWS_BATCH_JOB_ARRAY_INDEX")
    trials = objects.read_json(settings.sweep)
    if index is None:
        raise TrainingError(
            "sweep is set, and this job is no child of an array job. Submit it with arrayProperties."
        )
    if not isinstance(trials, list) or int(index) >= len(trials):
        raise TrainingError(f"{settings.sweep} must be a JSON list with an entry for array index {index}.")
    return settings.changed(
        {**trials[int(index)], "sweep": "", "output": objects.join(settings.output, index)}
    )


def fingerprint(settings: TrainSettings, data: Data) -> str:
    """Equal for trainings that must end with the same model."""
    parts = [settings.decisive(), data.corpus.version, code_version()["sources"]]
    return objects.sha256(objects.json_bytes(parts))[:24]


def code_version() -> dict[str, str]:
    """The hash of this package's sources, and the commit the image was built from (CODE_COMMIT)."""
    sources = sorted(
        (entry.name, entry.read_bytes())
        for entry in files(__package__).iterdir()
        if entry.name.endswith(".py")
    )
    digest = objects.sha256(b"".join(name.encode() + b"\0" + body for name, body in sources))
    return {"sources": digest, "commit": os.environ.get("CODE_COMMIT", "")}


def _finished(settings: TrainSettings, mark: str) -> dict[str, Any] | None:
    try:
        found = objects.read_json(objects.join(settings.output, RESULT))
    except FileNotFoundError:
        return None
    same = found.get("fingerprint") == mark and found.get("registry") == settings.registry
    return dict(found) if same else None


def label_array(rows: Sequence[Row]) -> Any:
    """The rows' labels, (rows,)."""
    import numpy as np

    return np.asarray([row.label for row in rows], dtype=np.int64)


def _processes(world: World, cuda: bool) -> Any:
    """Joins the other processes for the length of the context."""
    from contextlib import contextmanager, nullcontext

    if world.size == 1:
        return nullcontext()
    import torch

    @contextmanager
    def joined() -> Any:
        torch.distributed.init_process_group("nccl" if cuda else "gloo")
        try:
            yield
            # Gloo's thread lets go of the last broadcast's tensors under the GIL, and DDP's end waits for that thread
            # while holding it: let the thread come to its end first.
            torch.distributed.barrier()
        finally:
            torch.distributed.destroy_process_group()

    return joined()
