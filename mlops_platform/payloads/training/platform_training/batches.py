"""Tokens prepared once, and which rows each step trains on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Ints = NDArray[np.int64]
_POOL = 64  # batches whose rows are sorted by length together: the more, the less padding and the less chance


@dataclass(frozen=True)
class Encoded:
    """Token numbers of many texts, end to end.

    Attributes:
        tokens: all tokens, one after the other.
        offsets: where each text begins, and the end; one more than there are texts.
        pad: the tokenizer's padding token.
    """

    tokens: Ints
    offsets: Ints
    pad: int

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Ints:
        """Tokens of each text."""
        return np.diff(self.offsets)

    def padded(self, rows: Ints) -> "tuple[torch.Tensor, torch.Tensor | None]":
        """Tokens of the rows, (rows, longest), and 1 where one is real; None where nothing is padded."""
        import torch

        lengths = self.lengths[rows]
        longest = int(lengths.max())
        places = np.arange(longest)
        real = places < lengths[:, None]
        at = np.minimum(self.offsets[rows][:, None] + places, len(self.tokens) - 1)
        tokens = torch.from_numpy(np.where(real, self.tokens[at], self.pad))
        return tokens, None if real.all() else torch.from_numpy(real.astype(np.int64))

    def packed(self, rows: Ints) -> "tuple[torch.Tensor, torch.Tensor]":
        """Tokens of the rows end to end, (tokens,), and where each begins, (rows + 1,)."""
        import torch

        tokens = np.concatenate([self.tokens[self.offsets[row] : self.offsets[row + 1]] for row in rows])
        starts = np.concatenate([[0], np.cumsum(self.lengths[rows])])
        return torch.from_numpy(tokens), torch.from_numpy(starts)


def encode(tokenizer: Any, texts: Sequence[str], max_tokens: int) -> Encoded:
    """The texts as the tokenizer cuts them, special tokens included, at most `max_tokens` each."""
    found = tokenizer(list(texts), truncation=True, max_length=max_tokens)["input_ids"] if texts else []
    offsets = np.cumsum([0, *(len(one) for one in found)])
    tokens = np.fromiter((token for one in found for token in one), dtype=np.int64, count=int(offsets[-1]))
    return Encoded(tokens, offsets, int(tokenizer.pad_token_id))


class BatchOrder:
    """Which rows each step takes: a pure function of (seed, step), so a job resumed at any step goes on with
    the very batches it would have had.

    Each epoch takes every row once: rows are shuffled, dealt to pools, sorted by length within a pool, cut
    into batches of nearly equal size, and the batches are shuffled.
    """

    def __init__(self, lengths: Ints, batch_size: int, seed: int) -> None:
        self._lengths, self._batch_size, self._seed = lengths, batch_size, seed
        self.steps_per_epoch = -(-len(lengths) // batch_size)
        self._epoch = lru_cache(maxsize=1)(self._shuffled)

    def rows(self, step: int) -> Ints:
        """The rows of step `step`, counted from 0."""
        epoch, place = divmod(step, self.steps_per_epoch)
        return self._epoch(epoch)[place]

    def seen(self, steps: int) -> int:
        """Rows taken by the first `steps` steps."""
        epoch, place = divmod(steps, self.steps_per_epoch)
        return epoch * len(self._lengths) + sum(len(batch) for batch in self._epoch(epoch)[:place] if place)

    def _shuffled(self, epoch: int) -> list[Ints]:
        draw = np.random.default_rng([self._seed, epoch])
        order = draw.permutation(len(self._lengths))
        pools = np.array_split(order, -(-self.steps_per_epoch // _POOL))
        batches: list[Ints] = []
        for number, pool in enumerate(pools):
            share = self.steps_per_epoch // len(pools) + (number < self.steps_per_epoch % len(pools))
            batches += np.array_split(pool[np.argsort(self._lengths[pool], kind="stable")], share)
        return [batches[place] for place in draw.permutation(len(batches))]


def by_length(lengths: Ints, batch_size: int, most_tokens: int = 16_384) -> Iterator[Ints]:
    """Batches for inference: texts of like length together, longest first, so that the first batch needs the
    most memory.
    """
    order = np.argsort(-lengths, kind="stable")
    first = 0
    while first < len(order):
        size = max(1, min(batch_size, most_tokens // max(1, int(lengths[order[first]]))))
        yield order[first : first + size]
        first += size
