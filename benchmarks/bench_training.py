"""The training loop beside transformers.Trainer with its defaults: same checkpoint, same rows, same held-out set.

Prints examples a second and held-out accuracy of each, in one run and on equal threads. On a GPU also the model
FLOPs utilisation of a BERT-base and a BERT-large (real tokens only, padding counts as waste): 6 FLOPs a token
and weight of the encoder, and 12 a layer, width and token pair for attention, over the chip's dense bf16 peak
(PEAK_TFLOPS for a chip that is not in the list). Budget: 4.5 times Trainer's examples a second on a CPU;
utilisation of 0.35 (base) and 0.45 (large) on a GPU.
"""

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.table import show

ROWS = int(os.environ.get("BENCH_TRAIN_ROWS", "4000"))
HELD_OUT = 600
LABELS = ["negative", "neutral", "positive"]
# Dense bf16 peak in TFLOP/s, by the vendor's data sheets.
PEAKS = {"H100": 989.0, "H200": 989.0, "A100": 312.0, "L40S": 362.0, "L4": 121.0, "A10G": 70.0}
GPU_STEPS, GPU_WARM = 60, 20
Texts = list[str]


class Spent(NamedTuple):
    """What a training took; CPU seconds say more than seconds where others use the cores too."""

    seconds: float
    cpu: float


def main() -> None:
    """Train both ways, print the table; on a GPU the utilisation too."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from mlops_platform.payloads.training.platform_training.devices import set_threads

    threads = set_threads()
    import torch

    texts, labels = _feedback(ROWS + HELD_OUT)
    baseline = _trainer(texts, labels)
    contenders = [("transformers.Trainer, its defaults", *baseline)]
    for name, changes in (
        (
            "platform_training, as Trainer batches (8 rows, whole vocabulary)",
            {"batch_size": 8, "learning_rate": 5e-5},
        ),
        ("platform_training, 32 rows", {}),
        ("platform_training, 32 rows, vocabulary of the corpus", {"vocabulary": "corpus"}),
    ):
        contenders.append((name, *_ours(texts, labels, changes)))
    chip = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {threads} threads"
    show(
        f"Fine-tuning MiniLM on {ROWS} texts, one epoch ({chip})",
        ["", "examples/s", "of Trainer", "CPU s", "of Trainer", "accuracy"],
        [
            (
                name,
                f"{ROWS / spent.seconds:.1f}",
                f"{baseline[0].seconds / spent.seconds:.2f} x",
                f"{spent.cpu:.1f}",
                f"{baseline[0].cpu / spent.cpu:.2f} x",
                accuracy,
            )
            for name, spent, accuracy in contenders
        ],
    )
    if torch.cuda.is_available():
        _utilisation()


def _feedback(count: int) -> tuple[Texts, Any]:
    from local_cloud.seed.draws import Draws
    from local_cloud.seed.feedback import feedback_texts

    texts, _, rating = feedback_texts(Draws(3), np.arange(count, dtype=np.uint64))
    return texts, np.where(rating == 3, 1, np.where(rating > 3, 2, 0)).astype(np.int64)


def _trainer(texts: Texts, labels: Any) -> tuple[Spent, float]:
    """Time of training and held-out accuracy; nothing is set but what a run must have."""
    import torch
    from transformers import Trainer, TrainingArguments

    model, tokenizer = _pretrained("full", texts)
    rows = [
        {**tokenizer(text, truncation=True), "labels": int(label)}
        for text, label in zip(texts, labels, strict=True)
    ]
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, num_train_epochs=1, report_to="none", save_strategy="no", disable_tqdm=True
        )
        trainer: Any = Trainer(
            model=model, args=arguments, train_dataset=rows[:ROWS], processing_class=tokenizer
        )
        begun, cpu = time.perf_counter(), time.process_time()
        trainer.train()
        spent = Spent(time.perf_counter() - begun, time.process_time() - cpu)
        found = trainer.predict(rows[ROWS:]).predictions
    del trainer
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return spent, float(np.mean(found.argmax(1) == labels[ROWS:]))


def _ours(texts: Texts, labels: Any, changes: dict[str, Any]) -> tuple[Spent, float]:
    """Time of training with one validation at its end, which Trainer's defaults have not, and held-out accuracy."""
    from mlops_platform.payloads.training.platform_training.forward import probabilities

    loop, held_out, device = _loop(texts, labels, {**changes, "eval_every": ROWS})
    begun, cpu = time.perf_counter(), time.process_time()
    loop.run()
    spent = Spent(time.perf_counter() - begun, time.process_time() - cpu)
    found = probabilities(loop.model, held_out.encoded, device)
    return spent, float(np.mean(found.argmax(1) == held_out.labels))


def _settings(changes: dict[str, Any]) -> Any:
    from mlops_platform.payloads.training.platform_training.settings import TrainSettings

    return TrainSettings.of(changes, {})


def _pretrained(vocabulary: str, texts: Texts) -> tuple[Any, Any]:
    from mlops_platform.payloads.training.platform_training.models import prepare

    # Dropout as in the checkpoint: what Trainer would find.
    settings = _settings({"vocabulary": vocabulary, "dropout": -1})
    prepared = prepare(settings, LABELS, texts[:ROWS], Path(tempfile.gettempdir()))
    return prepared.model, prepared.tokenizer


def _loop(texts: Texts, labels: Any, changes: dict[str, Any]) -> tuple[Any, Any, Any]:
    from mlops_platform.payloads.training.platform_training.batches import encode
    from mlops_platform.payloads.training.platform_training.devices import device_for, make_deterministic
    from mlops_platform.payloads.training.platform_training.forward import suit
    from mlops_platform.payloads.training.platform_training.loop import Loop, Part
    from mlops_platform.payloads.training.platform_training.models import prepare

    settings = _settings(changes)
    device = device_for(settings.precision)
    make_deterministic(settings.deterministic, device)
    prepared = prepare(settings, LABELS, texts[:ROWS], Path(tempfile.gettempdir()))
    parts = [
        Part(encode(prepared.tokenizer, some, settings.max_tokens), those)
        for some, those in ((texts[:ROWS], labels[:ROWS]), (texts[ROWS:], labels[ROWS:]))
    ]
    return Loop(suit(prepared.model, device), parts[0], parts[1], settings, device), parts[1], device


def _utilisation() -> None:
    """BERT-base and BERT-large with random weights on long texts, through the loop's own steps."""
    import torch

    peak = float(os.environ.get("PEAK_TFLOPS", "0")) or next(
        (peak for name, peak in PEAKS.items() if name in torch.cuda.get_device_name()), 0.0
    )
    if not peak:
        raise SystemExit(f"Set PEAK_TFLOPS to the dense bf16 peak of {torch.cuda.get_device_name()}.")
    rows: list[Sequence[object]] = []
    for name, width, layers in (("BERT-base", 768, 12), ("BERT-large", 1024, 24)):
        for batching in ("buckets", "packed"):
            flops, seconds, examples = _gpu_steps(width, layers, batching)
            rows.append((f"{name}, {batching}", f"{examples / seconds:.0f}", flops / seconds / peak / 1e12))
    show(f"Utilisation of {peak:.0f} TFLOP/s, real tokens only", ["", "examples/s", "MFU"], rows)


def _gpu_steps(width: int, layers: int, batching: str) -> tuple[float, float, int]:
    """FLOPs on real tokens, seconds and examples of some steps after the first have compiled."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    from mlops_platform.payloads.training.platform_training.batches import Encoded
    from mlops_platform.payloads.training.platform_training.devices import device_for, make_deterministic
    from mlops_platform.payloads.training.platform_training.loop import Loop, Part

    draw = np.random.default_rng(0)
    lengths = draw.integers(64, 512, (GPU_STEPS + GPU_WARM) * 64)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    part = Part(
        Encoded(draw.integers(5, 30000, int(offsets[-1])), offsets, 0), draw.integers(0, 3, len(lengths))
    )
    settings = _settings({"batch_size": 64, "batching": batching, "dropout": 0.0})
    device = device_for("bf16")
    make_deterministic("auto", device)
    config = BertConfig(
        hidden_size=width, num_hidden_layers=layers, num_attention_heads=width // 64, intermediate_size=4 * width,
        num_labels=3, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    model = BertForSequenceClassification(config).to(device.torch_device).train()
    weights = sum(one.numel() for one in model.bert.encoder.parameters())
    loop = Loop(model, part, part, settings, device)
    flops, examples, begun = 0.0, 0, 0.0
    for step in range(GPU_WARM + GPU_STEPS):
        if step == GPU_WARM:
            torch.cuda.synchronize()
            begun, flops, examples = time.perf_counter(), 0.0, 0
        some = lengths[loop.rows(step)].astype(np.float64)
        loop.one_step()
        flops += 6 * weights * some.sum() + 12 * layers * width * np.square(some).sum()
        examples += len(some)
    torch.cuda.synchronize()
    return flops, time.perf_counter() - begun, examples


if __name__ == "__main__":
    main()
