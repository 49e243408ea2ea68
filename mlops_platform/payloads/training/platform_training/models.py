"""The model a job trains: pretrained or tiny, whole or through LoRA."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import TrainingError
from .settings import TrainSettings
from .sources import find_checkpoint
from .vocabulary import tiny_tokenizer, trim

if TYPE_CHECKING:
    import torch

TINY = "tiny-bert"


class Prepared(NamedTuple):
    """A classifier with its tokenizer, and where it came from."""

    model: Any
    tokenizer: Any
    source: dict[str, str]


def prepare(settings: TrainSettings, labels: Sequence[str], texts: Sequence[str], work: Path) -> Prepared:
    """The model as training starts from it; equal settings and texts give equal weights.

    Args:
        texts: the training texts (a tiny model's words, and what a trimmed vocabulary keeps).

    Raises:
        TrainingError: no such checkpoint, or it is no sequence classifier's.
    """
    import torch
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.manual_seed(settings.seed)
    made = settings.model == TINY
    model, tokenizer, source = _tiny(settings, labels, texts) if made else _pretrained(settings, labels, work)
    if settings.vocabulary == "corpus" and not made:
        tokenizer = trim(tokenizer, model, texts, settings.max_tokens)
    if settings.method == "lora":
        model = _with_lora(model, settings)
    return Prepared(model, tokenizer, source)


def _named(labels: Sequence[str]) -> dict[str, Any]:
    return {
        "num_labels": len(labels),
        "id2label": dict(enumerate(labels)),
        "label2id": {name: place for place, name in enumerate(labels)},
    }


def _tiny(settings: TrainSettings, labels: Sequence[str], texts: Sequence[str]) -> Prepared:
    """Two layers of 64: learns words in seconds on any machine. For smoke tests."""
    from transformers import BertConfig, BertForSequenceClassification

    tokenizer = tiny_tokenizer(texts, settings.max_tokens)
    dropout = max(0.0, settings.dropout)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=settings.max_tokens,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        pad_token_id=tokenizer.pad_token_id,
        **_named(labels),
    )
    return Prepared(BertForSequenceClassification(config), tokenizer, {"kind": "made", "origin": TINY})


def _pretrained(settings: TrainSettings, labels: Sequence[str], work: Path) -> Prepared:
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    found = find_checkpoint(settings.model, work=work, store=settings.model_store, revision=settings.revision)
    try:
        config = AutoConfig.from_pretrained(found.folder, **_named(labels))
        if settings.dropout >= 0:
            for name in (
                "hidden_dropout_prob",
                "attention_probs_dropout_prob",
                "dropout",
                "attention_dropout",
            ):
                if hasattr(config, name):
                    setattr(config, name, settings.dropout)
        model = AutoModelForSequenceClassification.from_pretrained(
            found.folder, config=config, use_safetensors=True, ignore_mismatched_sizes=True, dtype="float32"
        )
        tokenizer = AutoTokenizer.from_pretrained(found.folder, use_fast=True)
    except (ValueError, OSError) as error:
        raise TrainingError(
            f"The checkpoint at {found.origin} is none that transformers can classify texts with: "
            f"{str(error).splitlines()[0]}"
        ) from error
    return Prepared(model, tokenizer, {"kind": found.kind, "origin": found.origin})


def _with_lora(model: Any, settings: TrainSettings) -> Any:
    """The model with all but small added matrices and the head frozen (https://arxiv.org/abs/2106.09685)."""
    from peft import LoraConfig, TaskType, get_peft_model

    config = LoraConfig(
        task_type=TaskType.SEQ_CLS,
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        target_modules="all-linear",
        modules_to_save=["pooler", "classifier"],
    )
    return get_peft_model(model, config)


def load(folder: Path) -> tuple[Any, Any]:
    """Model and tokenizer of a registered version."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    model = AutoModelForSequenceClassification.from_pretrained(folder, use_safetensors=True, dtype="float32")
    return model, AutoTokenizer.from_pretrained(folder, use_fast=True)


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """The model as transformers loads it, LoRA merged into the weights."""
    merged = model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
    merged.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def trained(model: Any) -> "dict[str, torch.nn.Parameter]":
    """The parameters that training changes, by name."""
    return {name: one for name, one in model.named_parameters() if one.requires_grad}


def put(parameters: "Mapping[str, torch.Tensor]", values: "Mapping[str, torch.Tensor]") -> None:
    """Copies the values into the parameters.

    Raises:
        TrainingError: they are not the same parameters.
    """
    import torch

    if parameters.keys() != values.keys():
        odd: Iterable[str] = sorted(parameters.keys() ^ values.keys())
        raise TrainingError(
            f"The checkpoint is of another model: {list(odd)[:3]} are in only one of the two."
        )
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(values[name])
