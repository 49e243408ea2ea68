"""WordPiece vocabularies: one made from a corpus, and one trimmed to a corpus.

A sentence encoder spends half its weights on words that a table of tickets never uses, and an optimiser
updates them all. A trimmed vocabulary keeps what the corpus needs, and every single character, so that an
unseen word is cut smaller instead of becoming [UNK].
"""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .batches import encode
from .errors import TrainingError

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_CONTINUED = "##"
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'\"()-/%&@#+="
_TINY_WORDS = 4000


def tiny_tokenizer(texts: Sequence[str], max_tokens: int = 512) -> Any:
    """A tokenizer for a tiny BERT: the corpus's most frequent words and all letters, lower case.

    Equal texts give an equal tokenizer.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    normalizer, cut = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    counts = Counter(
        word for text in texts for word, _ in cut.pre_tokenize_str(normalizer.normalize_str(text))
    )
    words = sorted(counts, key=lambda word: (-counts[word], word))[:_TINY_WORDS]
    letters = sorted({*_LETTERS, *(letter for word in counts for letter in word)})
    entries = [*SPECIAL, *letters, *(_CONTINUED + letter for letter in letters), *words]
    vocabulary = {entry: place for place, entry in enumerate(dict.fromkeys(entries))}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token=SPECIAL[1], max_input_chars_per_word=100))
    made.normalizer, made.pre_tokenizer, made.decoder = normalizer, cut, decoders.WordPiece()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")],
    )
    return _wrapped(made, max_tokens)


def trim(tokenizer: Any, model: Any, texts: Sequence[str], max_tokens: int) -> Any:
    """Keeps the tokens the texts need; shrinks the model's embeddings in place.

    The texts are cut as before, and the model's logits for them are the same.

    Returns:
        the new tokenizer.

    Raises:
        TrainingError: the tokenizer is none of WordPiece.
    """
    import torch

    description = json.loads(tokenizer.backend_tokenizer.to_str())
    if description["model"]["type"] != "WordPiece":
        raise TrainingError(
            f"vocabulary is corpus, and the checkpoint's tokenizer is of type {description['model']['type']}; "
            "only WordPiece can be trimmed. Use vocabulary full."
        )
    kept = _kept(
        description["model"]["vocab"], tokenizer.all_special_ids, encode(tokenizer, texts, max_tokens).tokens
    )
    trimmed = _wrapped(_renumbered(description, kept), tokenizer.model_max_length)
    old = model.get_input_embeddings()
    new = torch.nn.Embedding(
        len(kept), old.embedding_dim, padding_idx=trimmed.pad_token_id, dtype=old.weight.dtype
    )
    with torch.no_grad():
        new.weight.copy_(old.weight[torch.from_numpy(kept)])
    model.set_input_embeddings(new)
    model.config.vocab_size = len(kept)
    model.config.pad_token_id = trimmed.pad_token_id
    return trimmed


def _kept(vocabulary: dict[str, int], special: Sequence[int], used: NDArray[np.int64]) -> NDArray[np.int64]:
    """The token numbers that stay, ascending."""
    single = [number for entry, number in vocabulary.items() if len(entry.removeprefix(_CONTINUED)) == 1]
    kept: NDArray[np.int64] = np.unique(np.concatenate([used, np.asarray([*special, *single], np.int64)]))
    return kept


def _renumbered(description: dict[str, Any], kept: NDArray[np.int64]) -> Any:
    """The tokenizer with only these tokens, numbered from 0 in their order."""
    from tokenizers import Tokenizer

    numbers = {int(old): new for new, old in enumerate(kept)}
    vocabulary = description["model"]["vocab"]
    description["model"]["vocab"] = {
        entry: numbers[old] for entry, old in vocabulary.items() if old in numbers
    }
    for added in description["added_tokens"]:
        added["id"] = numbers[added["id"]]
    post = description["post_processor"]
    if post["type"] == "TemplateProcessing":
        for item in post["special_tokens"].values():
            item["ids"] = [numbers[old] for old in item["ids"]]
    else:  # BertProcessing: {"sep": [text, number], "cls": [text, number]}
        for name in ("sep", "cls"):
            post[name][1] = numbers[post[name][1]]
    description["truncation"] = description["padding"] = None
    return Tokenizer.from_str(json.dumps(description))


def _wrapped(made: Any, max_tokens: int) -> Any:
    from transformers import PreTrainedTokenizerFast

    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    return PreTrainedTokenizerFast(
        tokenizer_object=made, model_max_length=max_tokens, **dict(zip(names, SPECIAL, strict=True))
    )
