"""Training, validation and test rows: a text's place is fixed by its hash, for ever.

Because the place depends on nothing but the normalised text, rows that read the same never part, and a text
held out today is held out from every later training too: a challenger is never measured on what its
champion has seen. The labels' shares are kept by leaving out held-out rows of a label that came too often
(last by hash first); no row ever moves from one part to another.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .errors import TrainingError
from .rows import Row, label_counts

TRAIN, VALIDATION, TEST = "train", "validation", "test"
_FEWEST = 10  # rows of a held-out part below which its numbers say nothing


@dataclass(frozen=True)
class Split:
    """Three parts that share no normalised text, and how many held-out rows were left out."""

    train: list[Row]
    validation: list[Row]
    test: list[Row]
    left_out: int

    def counts(self, labels: Sequence[str]) -> dict[str, Any]:
        """Rows by part and label."""
        parts = {TRAIN: self.train, VALIDATION: self.validation, TEST: self.test}
        return {name: label_counts(labels, rows) for name, rows in parts.items()} | {
            "left_out": self.left_out
        }

    @property
    def held_out_id(self) -> str:
        """Equal for equal test rows."""
        digest = hashlib.sha256()
        for row in self.test:
            digest.update(f"{row.key}\t{row.id}\t{row.label}\n".encode())
        return digest.hexdigest()[:16]


def part_of(key: str, salt: str, validation_share: float, test_share: float) -> str:
    """Where a normalised text's rows belong."""
    drawn = int.from_bytes(hashlib.sha256(f"{salt}:{key}".encode()).digest()[:8], "big") / 2**64
    if drawn < test_share:
        return TEST
    return VALIDATION if drawn < test_share + validation_share else TRAIN


def split_rows(
    rows: Sequence[Row],
    *,
    salt: str,
    validation_share: float,
    test_share: float,
    max_train: int = 0,
    max_held_out: int = 0,
) -> Split:
    """The three parts, each in the order of its rows' keys.

    Raises:
        TrainingError: a part has too few rows, or the training rows lack a label.
    """
    parts: dict[str, list[Row]] = {TRAIN: [], VALIDATION: [], TEST: []}
    for row in sorted(rows):
        parts[part_of(row.key, salt, validation_share, test_share)].append(row)
    shares = Counter(row.label for row in rows)
    validation, test = (
        _first(_stratified(parts[name], shares, len(rows)), max_held_out) for name in (VALIDATION, TEST)
    )
    train = _first(parts[TRAIN], max_train)
    missing = set(shares) - {row.label for row in train}
    if len(test) < _FEWEST or len(validation) < _FEWEST or missing:
        raise TrainingError(
            f"{len(rows)} rows split into {len(train)} to train on, {len(validation)} to validate and {len(test)} "
            f"held out; {_FEWEST} of each and every label are needed. Read more days."
        )
    left_out = len(parts[VALIDATION]) + len(parts[TEST]) - len(validation) - len(test)
    return Split(train, validation, test, left_out)


def _stratified(rows: list[Row], shares: Counter[int], total: int) -> list[Row]:
    """The largest selection, first by key, in which every label has its share of all rows."""
    found = Counter(row.label for row in rows)
    size = min((found[label] * total / count for label, count in shares.items()), default=0.0)
    room = {label: round(size * count / total) for label, count in shares.items()}
    chosen = []
    for row in rows:
        if room[row.label] > 0:
            room[row.label] -= 1
            chosen.append(row)
    return chosen


def _first(rows: list[Row], most: int) -> list[Row]:
    """The first `most` rows by key (0: all)."""
    return rows[:most] if most else rows
