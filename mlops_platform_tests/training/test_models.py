"""Where checkpoints come from, and what is done to them before they are trained."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlops_platform.payloads.training.platform_training import objects, sources
from mlops_platform.payloads.training.platform_training.batches import BatchOrder, encode
from mlops_platform.payloads.training.platform_training.devices import device_for
from mlops_platform.payloads.training.platform_training.errors import TrainingError
from mlops_platform.payloads.training.platform_training.registry import ModelRegistry
from mlops_platform.payloads.training.platform_training.settings import TrainSettings

from .conftest import Bucket, feedback

NAME = "somebody/some-model"
TEXTS = list(feedback(1500)["feedback"])


def made(**changes: Any) -> Any:
    """A tiny model and its tokenizer, made from the texts."""
    from mlops_platform.payloads.training.platform_training.models import prepare

    settings = TrainSettings.of({"model": "tiny-bert", "max_tokens": 64, **changes}, {})
    return prepare(settings, ["negative", "neutral", "positive"], TEXTS, Path())


def checkpoint(folder: Path) -> Path:
    from mlops_platform.payloads.training.platform_training.models import save

    prepared = made()
    save(prepared.model, prepared.tokenizer, folder)
    return folder


def test_checkpoints_are_looked_for_in_order(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same name is everywhere; the first place that has it wins, and each is found once it is the first."""
    from huggingface_hub import constants

    contents = checkpoint(tmp_path / "made")
    hub = tmp_path / "hub"
    snapshot = hub / "models--somebody--some-model" / "snapshots" / "abc"
    places = [tmp_path / NAME, snapshot, tmp_path / "site" / "some_package" / "model"]
    for place in places:
        place.mkdir(parents=True)
        for file in contents.iterdir():
            (place / file.name).write_bytes(file.read_bytes())
    for file in contents.iterdir():
        objects.write(bucket / f"store/{NAME}/{file.name}", file)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("abc")
    (places[2].parent / "__init__.py").write_text("raise AssertionError('never imported')")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(hub))
    monkeypatch.setitem(sources.PACKAGES, NAME, ("some_package", "model"))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.chdir(tmp_path)

    def find(store: str = bucket / "store") -> sources.Source:
        return sources.find_checkpoint(NAME, work=tmp_path / "work", store=store)

    assert find().kind == "folder"
    (tmp_path / NAME / "config.json").unlink()
    assert find() == sources.Source(tmp_path / "work/checkpoint", "s3", bucket / f"store/{NAME}")
    assert find(store="").kind == "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "empty"))
    assert find(store="") == sources.Source(places[2], "package", "some_package")
    assert "some_package" not in sys.modules
    monkeypatch.delitem(sources.PACKAGES, NAME)
    with pytest.raises(
        TrainingError, match=r"Looked for in: local folder: .*; S3: .*; hub: offline.*; installed"
    ):
        find(store="")
    found = sources.find_checkpoint(bucket / f"store/{NAME}", work=tmp_path / "by-uri")
    assert (found.kind, found.origin) == ("s3", bucket / f"store/{NAME}")


def test_the_default_checkpoint_comes_from_the_installed_package() -> None:
    found = sources.find_checkpoint(TrainSettings().model, work=Path())
    assert found.kind in ("hub", "package")
    assert (found.folder / "model.safetensors").stat().st_size > 80_000_000


def probabilities_of(model: Any, tokenizer: Any, texts: list[str]) -> Any:
    from mlops_platform.payloads.training.platform_training.forward import probabilities

    return probabilities(model, encode(tokenizer, texts, 64), device_for("fp32"))


@pytest.mark.parametrize("processing", ["template", "bert"])
def test_a_trimmed_vocabulary_changes_no_logit(processing: str) -> None:
    from tokenizers.processors import BertProcessing

    from mlops_platform.payloads.training.platform_training.vocabulary import trim

    prepared, kept = made(), TEXTS[:8]
    model, tokenizer = prepared.model, prepared.tokenizer
    if processing == "bert":
        ends = (tokenizer.sep_token, tokenizer.sep_token_id), (tokenizer.cls_token, tokenizer.cls_token_id)
        tokenizer.backend_tokenizer.post_processor = BertProcessing(*ends)
    before, size = probabilities_of(model, tokenizer, kept), len(tokenizer)
    trimmed = trim(tokenizer, model, kept, 64)
    assert len(trimmed) < 0.7 * size
    assert model.get_input_embeddings().num_embeddings == len(trimmed) == model.config.vocab_size
    np.testing.assert_array_equal(probabilities_of(model, trimmed, kept), before)
    assert [trimmed.tokenize(text) for text in kept] == [tokenizer.tokenize(text) for text in kept]
    unseen = "the zebra's quux was xylophonic"
    assert trimmed.unk_token not in trimmed.tokenize(unseen), "what it has not seen is spelt, not lost"


def test_a_vocabulary_that_cannot_be_trimmed_is_refused() -> None:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    from mlops_platform.payloads.training.platform_training.vocabulary import trim

    other = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.Unigram()))
    with pytest.raises(TrainingError, match="of type Unigram; only WordPiece can be trimmed"):
        trim(other, made().model, TEXTS[:3], 64)


def test_packed_batches_give_the_logits_of_padded_ones() -> None:
    import torch

    from mlops_platform.payloads.training.platform_training.forward import logits, packed_logits, use_packed

    prepared = made()
    encoded, device = encode(prepared.tokenizer, TEXTS[:20], 64), device_for("fp32")
    prepared.model.eval()
    use_packed(prepared.model)
    rows = np.asarray([3, 0, 17, 5, 11])
    padded, packed = (take(prepared.model, encoded, rows, device) for take in (logits, packed_logits))
    torch.testing.assert_close(packed, padded, rtol=1e-5, atol=1e-5)
    for one in (padded, packed):
        one.sum().backward()


@pytest.mark.parametrize("rows", [[3, 0, 17, 5], [3]], ids=["padded", "alone"])
def test_what_the_last_layer_leaves_out_changes_neither_logits_nor_gradients(rows: list[int]) -> None:
    import torch

    from mlops_platform.payloads.training.platform_training.first_token import first_token_logits, fits

    model, tokenizer, _ = made()
    tokens, mask = encode(tokenizer, TEXTS[:20], 64).padded(np.asarray(rows))
    assert fits(model)
    assert (mask is None) == (len(rows) == 1)
    whole, gradients = model(input_ids=tokens, attention_mask=mask).logits, []
    short = first_token_logits(model, tokens, mask)
    torch.testing.assert_close(short, whole, rtol=1e-5, atol=1e-5)
    for found in (whole, short):
        model.zero_grad()
        found.square().sum().backward()
        gradients.append([one.grad.clone() for one in model.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_packed_training_learns_as_padded_does(
    bucket: Bucket, train_in: Callable[..., dict[str, Any]], new_bucket: Callable[[str], Bucket]
) -> None:
    curves = [
        train_in(place, batching=how, epochs=1, registry="")["metrics"]["curve"]
        for how, place in (("buckets", new_bucket("padded")), ("packed", bucket))
    ]
    for padded, packed in zip(*curves, strict=True):
        assert padded["validation_loss"] == pytest.approx(packed["validation_loss"], abs=1e-3)


def test_lora_trains_small_matrices_and_registers_a_plain_model(
    bucket: Bucket, train_in: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlops_platform.payloads.training.platform_training.loop import Loop
    from mlops_platform.payloads.training.platform_training.models import load

    sizes = {}
    usual = Loop.run

    def run(loop: Loop) -> Any:
        sizes["trained"] = sum(one.numel() for one in loop._parameters.values())
        sizes["all"] = sum(one.numel() for one in loop.model.parameters())
        return usual(loop)

    monkeypatch.setattr(Loop, "run", run)
    result = train_in(bucket, method="lora", epochs=1, lora_rank=2)
    assert sizes["trained"] < 0.1 * sizes["all"]
    folder = tmp_path / "version"
    ModelRegistry(bucket / "registry", "feedback").download(result["version"], folder)
    model, _ = load(folder)
    assert not any("lora" in name for name, _ in model.named_parameters())
    assert sum(one.numel() for one in model.parameters()) < sizes["all"]


def test_each_epoch_takes_every_row_once_in_an_order_of_its_own() -> None:
    lengths = np.random.default_rng(0).integers(5, 60, 1003)
    order = BatchOrder(lengths, 32, seed=7)
    epochs = [
        [order.rows(epoch * order.steps_per_epoch + step) for step in range(order.steps_per_epoch)]
        for epoch in (0, 1)
    ]
    for batches in epochs:
        assert sorted(np.concatenate(batches)) == list(range(1003))
        assert {len(batch) for batch in batches} <= {31, 32}
    assert not np.array_equal(np.concatenate(epochs[0]), np.concatenate(epochs[1]))
    again = BatchOrder(lengths, 32, seed=7)
    np.testing.assert_array_equal(again.rows(40), order.rows(40))
    padded = sum(len(batch) * lengths[batch].max() for batch in epochs[0])
    assert padded < 1.15 * lengths.sum(), "texts of like length are together"
