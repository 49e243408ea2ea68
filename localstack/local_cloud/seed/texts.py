"""Subjects and requests as CSV fields, picked by the column from botocore's language."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from local_cloud.seed.draws import Draws, Ints, Numbers
from local_cloud.seed.requests import Language

_NEWLINE_SHARE = 0.03


@dataclass(frozen=True)
class TicketTexts:
    """Quoted CSV fields of one block of rows."""

    services: list[str]
    subjects: list[str]
    requests: list[str]
    has_newline: NDArray[np.bool_]
    has_quote: NDArray[np.bool_]


class TextColumns:
    """The language flattened to arrays, with quotes doubled as RFC 4180 wants them inside a quoted field."""

    def __init__(self, language: Language) -> None:
        self._weights = language.weights
        self._services = _array(list(language.services))
        self._ranges = np.array(language.operations, dtype=np.int64)
        self._subjects = _array([f'"{_doubled(text)}"' for texts in language.subjects for text in texts])
        self._openers = _array(['"' + _doubled(text) for texts in language.openers for text in texts])
        self._sentences = _array([_doubled(text) for texts in language.sentences for text in texts])
        lengths = [len(texts) for texts in language.sentences]
        self._lengths = np.array(lengths, dtype=np.int64)
        self._starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        self._closers = _array([_doubled(text) + '"' for text in language.closers])
        self._quoted_sentence = np.array(['"' in text for text in self._sentences])
        self._quoted_closer = np.array(['""' in text for text in self._closers])
        self._per_operation = len(language.subjects[0]), len(language.openers[0])

    def draw(self, draws: Draws, numbers: Numbers) -> TicketTexts:
        """The texts of the tickets with these numbers."""
        services = draws.choice("service", numbers, self._weights)
        first, last = self._ranges[services].T
        operations = first + _scaled(draws, "operation", numbers, last - first)
        subjects, openers = self._per_operation
        subject = operations * subjects + draws.below("subject", numbers, subjects)
        opener = operations * openers + draws.below("opener", numbers, openers)
        sentence = self._starts[operations] + _scaled(draws, "sentence", numbers, self._lengths[operations])
        closer = draws.below("closer", numbers, len(self._closers))
        newline = draws.uniform("newline", numbers) < _NEWLINE_SHARE
        between = _array([" ", "\n"])[newline.astype(np.int64)].tolist()
        requests = [
            opening + space + said + space + closing
            for opening, said, closing, space in zip(
                self._openers[opener].tolist(),
                self._sentences[sentence].tolist(),
                self._closers[closer].tolist(),
                between,
                strict=True,
            )
        ]
        return TicketTexts(
            services=self._services[services].tolist(),
            subjects=self._subjects[subject].tolist(),
            requests=requests,
            has_newline=newline,
            has_quote=self._quoted_sentence[sentence] | self._quoted_closer[closer],
        )


def _scaled(draws: Draws, name: str, numbers: Numbers, limits: Ints) -> Ints:
    return np.asarray(draws.uniform(name, numbers) * limits, dtype=np.int64)


def _doubled(text: str) -> str:
    return text.replace('"', '""')


def _array(texts: list[str]) -> NDArray[Any]:
    column = np.empty(len(texts), dtype=object)
    column[:] = texts
    return column
