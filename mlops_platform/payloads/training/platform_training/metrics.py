"""Numbers that say how good predictions are, and whether one model's are better than another's."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_CHUNK = 2_000_000  # resampled counts held at a time


def confusion(labels: Ints, predicted: Ints, count: int) -> Ints:
    """Rows by true label (down) and predicted label (across), (count, count)."""
    return np.bincount(labels * count + predicted, minlength=count * count).reshape(count, count)


def macro_f1(matrix: ArrayLike) -> Floats:
    """Mean F1 over the labels of one confusion matrix, or of many, (..., count, count) to (...).

    A label that is neither there nor predicted has F1 0, as in scikit-learn.
    """
    table = np.asarray(matrix, dtype=np.float64)
    right = np.diagonal(table, axis1=-2, axis2=-1)
    both = table.sum(-1) + table.sum(-2)
    return np.asarray(np.divide(2 * right, both, out=np.zeros_like(right), where=both > 0).mean(-1))


def log_loss(labels: Ints, found: NDArray[np.float32]) -> float:
    """Mean cross entropy, in nats."""
    chosen = found[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def measures(labels: Ints, predicted: Ints, names: list[str]) -> dict[str, Any]:
    """Accuracy, macro-F1, and precision, recall and F1 of each label."""
    matrix = confusion(labels, predicted, len(names))
    per_label = {}
    for place, name in enumerate(names):
        right, said, there = matrix[place, place], matrix[:, place].sum(), matrix[place].sum()
        per_label[name] = {
            "precision": float(right / said) if said else 0.0,
            "recall": float(right / there) if there else 0.0,
            "f1": float(2 * right / (said + there)) if said + there else 0.0,
            "rows": int(there),
        }
    return {
        "rows": len(labels),
        "accuracy": float(np.mean(labels == predicted)),
        "macro_f1": float(macro_f1(matrix)),
        "confusion": matrix.tolist(),
        "labels": names,
        "per_label": per_label,
    }


@dataclass(frozen=True)
class Comparison:
    """Challenger against champion on the same rows.

    Attributes:
        difference: accuracy of the challenger less that of the champion; low and high: its confidence interval.
        macro_f1_difference: the same of macro-F1, with its interval.
        rows, texts: how many; rows with the same text are resampled together.
    """

    champion_accuracy: float
    challenger_accuracy: float
    difference: float
    low: float
    high: float
    macro_f1_difference: float
    macro_f1_low: float
    macro_f1_high: float
    confidence: float
    rows: int
    texts: int

    @property
    def better(self) -> bool:
        """The challenger is surely better: the whole interval lies above 0."""
        return self.low > 0

    def not_worse(self, margin: float = 0.0) -> bool:
        """The challenger is surely not worse than the champion by `margin` or more."""
        return self.low > -margin or (margin == 0.0 and self.low == 0.0)

    def as_dict(self) -> dict[str, Any]:
        """JSON's form; `Comparison.of` reads it."""
        return asdict(self) | {"better": self.better}

    @classmethod
    def of(cls, value: dict[str, Any]) -> "Comparison":
        """From `as_dict`'s form."""
        return cls(**{name: value[name] for name in cls.__dataclass_fields__})


def compare(
    labels: Ints,
    champion: Ints,
    challenger: Ints,
    texts: ArrayLike,
    *,
    count: int,
    confidence: float = 0.95,
    resamples: int = 4000,
    seed: int = 0,
) -> Comparison:
    """Paired bootstrap (percentile interval) over the same held-out rows.

    Args:
        labels, champion, challenger: true labels and the two models' predictions, (rows,).
        texts: what names a row's text, (rows,); rows of one text are drawn together, as they are no
        independent evidence.
        count: number of labels.
    """
    _, groups = np.unique(np.asarray(texts), return_inverse=True)
    number = int(groups.max()) + 1
    draw = np.random.default_rng(seed)
    tables = [_by_group(labels, said, groups, number, count) for said in (champion, challenger)]
    accuracy, f1 = np.empty(resamples), np.empty(resamples)
    step = max(1, _CHUNK // number)
    for first in range(0, resamples, step):
        size = min(step, resamples - first)
        weights = draw.multinomial(number, np.full(number, 1 / number), size=size).astype(np.float64)
        old, new = ((weights @ table).reshape(size, count, count) for table in tables)
        place = slice(first, first + size)
        accuracy[place] = _accuracy(new) - _accuracy(old)
        f1[place] = macro_f1(new) - macro_f1(old)
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(accuracy, ends)
    f1_low, f1_high = np.quantile(f1, ends)
    whole_old, whole_new = (table.sum(0).reshape(count, count) for table in tables)
    return Comparison(
        champion_accuracy=float(_accuracy(whole_old)),
        challenger_accuracy=float(_accuracy(whole_new)),
        difference=float(_accuracy(whole_new) - _accuracy(whole_old)),
        low=float(low),
        high=float(high),
        macro_f1_difference=float(macro_f1(whole_new) - macro_f1(whole_old)),
        macro_f1_low=float(f1_low),
        macro_f1_high=float(f1_high),
        confidence=confidence,
        rows=len(labels),
        texts=number,
    )


def _by_group(labels: Ints, said: Ints, groups: Ints, number: int, count: int) -> Floats:
    """Each group's confusion matrix, flat: (groups, count * count)."""
    cells = groups * count * count + labels * count + said
    return (
        np.bincount(cells, minlength=number * count * count).reshape(number, count * count).astype(np.float64)
    )


def _accuracy(matrix: Floats) -> Floats:
    return np.asarray(np.trace(matrix, axis1=-2, axis2=-1) / matrix.sum((-2, -1)))
