"""Random draws that are a pure function of (seed, name of the draw, number of the row).

Every value of the example data is drawn so. A row is therefore the same whatever is generated around it, in
whatever chunks, files or processes: SplitMix64 is applied to a counter instead of running a generator's state
(Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014).
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.uint64]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


class Draws:
    """Independent random columns for one seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def bits(self, name: str, numbers: Numbers) -> Numbers:
        """64 random bits for each row number, in the column called `name`."""
        key = _key(self.seed, name)
        with np.errstate(over="ignore"):
            z = (numbers + key) * _GOLDEN
            z = (z ^ (z >> np.uint64(30))) * _MIX_1
            z = (z ^ (z >> np.uint64(27))) * _MIX_2
            return np.asarray(z ^ (z >> np.uint64(31)), dtype=np.uint64)

    def uniform(self, name: str, numbers: Numbers) -> Floats:
        """Numbers in [0, 1)."""
        return np.asarray((self.bits(name, numbers) >> np.uint64(11)) * 2.0**-53, dtype=np.float64)

    def below(self, name: str, numbers: Numbers, limit: int) -> Ints:
        """Whole numbers in [0, limit)."""
        return np.asarray(self.uniform(name, numbers) * limit, dtype=np.int64)

    def choice(self, name: str, numbers: Numbers, weights: Sequence[float]) -> Ints:
        """Indices into `weights`, drawn in proportion to them."""
        edges = np.cumsum(np.asarray(weights, dtype=np.float64))
        drawn = np.searchsorted(edges, self.uniform(name, numbers) * edges[-1], side="right")
        return np.asarray(np.minimum(drawn, len(weights) - 1), dtype=np.int64)

    def normal(self, name: str, numbers: Numbers) -> Floats:
        """Standard normal numbers, within about four standard deviations."""
        levels, quantiles = _normal_quantiles()
        return np.asarray(np.interp(self.uniform(name, numbers), levels, quantiles), dtype=np.float64)


@lru_cache(maxsize=1024)
def _key(seed: int, name: str) -> np.uint64:
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "big"))


@lru_cache(maxsize=1)
def _normal_quantiles() -> tuple[Floats, Floats]:
    levels = np.linspace(0.0, 1.0, 4097)
    inside = np.clip(levels, 3e-5, 1 - 3e-5)
    return levels, np.array([NormalDist().inv_cdf(float(level)) for level in inside])
