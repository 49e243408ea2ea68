"""What a job is told: command line first, then the environment (`TRAINING_<NAME>`), then the default."""

import argparse
import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_type_hints

from .errors import TrainingError

T = TypeVar("T", bound="Settings")
PREFIX = "TRAINING_"


def setting(default: Any, meaning: str, choices: Sequence[str] = ()) -> Any:
    """A field with its default, its line of help and what it may be."""
    return field(default=default, metadata={"help": meaning, "choices": tuple(choices)})


@dataclass(frozen=True)
class Settings:
    """Base of the commands' settings: made from arguments, changed by a sweep's trial."""

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """One `--name` per field; its text is checked by `of`."""
        for item in dataclasses.fields(cls):
            many = get_type_hints(cls)[item.name] == tuple[str, ...]
            parser.add_argument(
                f"--{item.name.replace('_', '-')}",
                nargs="+" if many else None,
                help=f"{item.metadata['help']} (default: {item.default!r})".replace("%", "%%"),
            )

    @classmethod
    def of(cls: type[T], given: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> T:
        """Settings from what is given by name (None: not given) and the environment.

        Raises:
            TrainingError: an unknown name, or a value that is none of its kind.
        """
        names = {item.name: item for item in dataclasses.fields(cls)}
        unknown = sorted(set(given) - set(names))
        if unknown:
            raise TrainingError(
                f"Unknown setting {', '.join(unknown)}. Known are: {', '.join(sorted(names))}."
            )
        hints = get_type_hints(cls)
        values: dict[str, Any] = {}
        for name, item in names.items():
            value = given.get(name)
            if value is None:
                value = environ.get(PREFIX + name.upper())
            if value is not None:
                values[name] = _typed(name, hints[name], value, item.metadata["choices"])
        return cls(**values)

    def changed(self: T, given: Mapping[str, Any]) -> T:
        """These settings with some replaced. Raises as `of` does."""
        return type(self).of({**dataclasses.asdict(self), **given}, {})


def _typed(name: str, kind: Any, value: Any, choices: Sequence[str]) -> Any:
    try:
        typed: Any
        if kind is bool:
            typed = value if isinstance(value, bool) else _BOOLEANS[str(value).lower()]
        elif kind == tuple[str, ...]:
            typed = tuple(value.split()) if isinstance(value, str) else tuple(str(one) for one in value)
        else:
            typed = kind(value)
    except (ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{name} is {value!r}; it must be {_NAMES.get(kind, 'a list of texts')}."
        ) from error
    if choices and typed not in choices:
        raise TrainingError(f"{name} is {value!r}; it must be one of {', '.join(choices)}.")
    return typed


_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


@dataclass(frozen=True)
class DataSettings(Settings):
    """Which rows, and how they are split."""

    data: tuple[str, ...] = setting(
        (), "Parquet files (s3://...parquet), prefixes (s3://.../) or a JSON list of them (s3://...json)"
    )
    text_column: str = setting("feedback", "column of the text")
    label_column: str = setting("satisfaction", "column of the label")
    id_column: str = setting("ticket_id", "column that names the row")
    labels: tuple[str, ...] = setting(
        ("negative=1|2", "neutral=3", "positive=4|5"), "labels in order, each NAME or NAME=VALUE|VALUE"
    )
    max_text_chars: int = setting(4000, "a longer text is refused as bad")
    validation_share: float = setting(0.1, "share of the texts to stop early by")
    test_share: float = setting(0.2, "share of the texts held out")
    split_salt: str = setting("v1", "another salt is another split")
    max_train_rows: int = setting(0, "train on the first N rows in the order of their hash; 0 for all")
    max_held_out_rows: int = setting(0, "as max_train_rows, for validation and test each")


@dataclass(frozen=True)
class TrainSettings(DataSettings):
    """One training. What changes the result is in its fingerprint; what does not is named in NEUTRAL."""

    model: str = setting(
        "sentence-transformers/all-MiniLM-L6-v2", "folder, S3 URI or name of the checkpoint, or tiny-bert"
    )
    model_store: str = setting("", "S3 prefix where checkpoints lie by their name")
    revision: str = setting("main", "revision of a checkpoint of the hub")
    method: str = setting("full", "what is trained", ("full", "lora"))
    lora_rank: int = setting(16, "rank of the LoRA matrices")
    lora_alpha: int = setting(32, "scale of the LoRA matrices")
    vocabulary: str = setting(
        "full", "corpus: keep only the tokens the training texts need", ("full", "corpus")
    )
    max_tokens: int = setting(128, "longer texts are cut")
    epochs: int = setting(1, "passes over the training rows")
    batch_size: int = setting(32, "rows a step, over all processes")
    learning_rate: float = setting(2e-4, "peak, after the warm-up")
    weight_decay: float = setting(0.01, "of matrices; none for biases and norms")
    warmup: float = setting(0.1, "share of the steps in which the rate rises")
    max_grad_norm: float = setting(1.0, "clips the gradient; 0 for never")
    dropout: float = setting(0.0, "of all layers; below 0: as in the checkpoint")
    seed: int = setting(0, "of the head, the batches and the dropout")
    eval_every: int = setting(0, "steps between validations; 0: four times an epoch")
    patience: int = setting(0, "stop after so many validations without a better one; 0: never")
    batching: str = setting(
        "buckets", "buckets: texts of like length; packed: no padding (BERT)", ("buckets", "packed")
    )
    precision: str = setting("auto", "auto: bf16 where the chip has it", ("auto", "bf16", "fp32"))
    deterministic: str = setting("auto", "auto: on a CPU, where it costs nothing", ("auto", "true", "false"))
    compile: str = setting("auto", "torch.compile; auto: on a GPU only", ("auto", "true", "false"))
    processes: int = setting(0, "processes, one GPU each; 0: as many as there are GPUs, at least one")
    threads: int = setting(0, "threads of a process; 0: the job's vCPUs")
    checkpoints: str = setting("", "S3 prefix of the checkpoints; empty: none")
    checkpoint_every: int = setting(0, "steps between checkpoints; 0: by time only")
    checkpoint_seconds: float = setting(60.0, "seconds between checkpoints")
    output: str = setting("", "S3 prefix of the job's results")
    registry: str = setting("", "S3 prefix of the model registry; empty: the model is not registered")
    name: str = setting("feedback", "the model's name in the registry")
    baselines: bool = setting(True, "also measure the majority class and TF-IDF with logistic regression")
    sweep: str = setting("", "JSON list of settings in S3; the array index picks one")

    NEUTRAL = frozenset(
        ("data", "processes", "threads", "checkpoints", "checkpoint_every", "checkpoint_seconds", "output",
         "registry", "sweep", "model_store")
    )  # fmt: skip

    def decisive(self) -> dict[str, Any]:
        """The settings that decide the result, as JSON has them, for the fingerprint and the lineage."""
        values = {k: v for k, v in dataclasses.asdict(self).items() if k not in self.NEUTRAL}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


@dataclass(frozen=True)
class EvaluateSettings(DataSettings):
    """Measuring registered versions on the same held-out rows."""

    registry: str = setting("", "S3 prefix of the model registry")
    name: str = setting("feedback", "the model's name in the registry")
    versions: tuple[str, ...] = setting(
        ("champion",), "versions, `champion` among them; the first is compared with each other"
    )
    output: str = setting("", "S3 prefix of evaluation.json")
    threads: int = setting(0, "threads; 0: the job's vCPUs")
    precision: str = setting("auto", "auto: bf16 where the chip has it", ("auto", "bf16", "fp32"))


@dataclass(frozen=True)
class ScoreSettings(Settings):
    """Scoring new rows with a registered version."""

    data: tuple[str, ...] = setting((), "as in train")
    text_column: str = setting("feedback", "column of the text")
    id_column: str = setting("ticket_id", "column that names the row")
    partition_column: str = setting("day", "partition column, read off the files' names")
    max_text_chars: int = setting(4000, "a longer text is refused as bad")
    registry: str = setting("", "S3 prefix of the model registry")
    name: str = setting("feedback", "the model's name in the registry")
    version: str = setting("champion", "version to score with")
    output: str = setting("", "S3 prefix of the table's files")
    run_id: str = setting("", "names the run's folder under output; empty: the Batch job's id")
    threads: int = setting(0, "threads; 0: the job's vCPUs")
    precision: str = setting("auto", "auto: bf16 where the chip has it", ("auto", "bf16", "fp32"))
