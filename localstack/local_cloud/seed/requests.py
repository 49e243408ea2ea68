"""The language of the tickets: sentences of the operation documentation inside the installed `botocore`.

Nothing of that text is kept in this repository; it is read, stripped of its markup and cached in memory when
the example data is generated (about a second for all services).
"""

import html
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

# botocore's folder name of each service, and how often its users write to the desk (relative weights).
SERVICES: dict[str, float] = {
    "ec2": 12, "s3": 11, "lambda": 9, "rds": 8, "iam": 7, "dynamodb": 6, "ecs": 5, "eks": 5, "logs": 4,
    "cloudwatch": 4, "cloudformation": 4, "sqs": 3.5, "glue": 3, "athena": 3, "kms": 2.5, "sns": 2.5,
    "route53": 2.5, "redshift": 2, "sagemaker": 2, "elasticache": 2, "stepfunctions": 1.5, "batch": 1.5,
    "kinesis": 1.5, "secretsmanager": 1.5, "kafka": 1,
}  # fmt: skip

_LIMIT_OF_OPERATIONS = 120
_OPENERS = (
    "We are stuck with {op} since this morning. The documentation says:",
    "Our nightly job calls {op} and it stopped working.",
    "Question about {op}:",
    "Hello team, I need help with {op}.",
    "{op} does not behave as I read it in the manual.",
    "After last week's change {op} answers something else than before.",
    "Could someone explain {op} to a new colleague?",
    "Before we go live with {op} I would like to be sure about this:",
    "Our auditor asks about {op}.",
    "Second time this month that {op} fails for us.",
)
_CLOSERS = (
    "What are we missing?",
    "Is that still true for our account?",
    "Please call back before noon.",
    "The error report is attached.",
    "We use it in two regions.",
    "How would you do it?",
    "Thanks in advance.",
    "Does this count against our quota?",
    'The console only says "try again later".',
    "Our customers are waiting.",
)
_SUBJECTS = (
    "{words}: what does it need?",
    "{op} fails",
    "Help with {op}",
    "{words} does not finish",
    "{op}, permissions?",
    "Cannot {words}",
)
_TAG = re.compile(r"<[^>]+>")
_BLOCK = re.compile(r"</?(?:p|li|ul|ol|note|important|dt|dd|table|tr|td|h\d)\b[^>]*>", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


@dataclass(frozen=True)
class Language:
    """The texts of tickets, as columns to pick from; `opener`, `subject` hold `{op}` filled in.

    Attributes:
        services: names of the services, as customers know them.
        operations: per service, the index range [first, last) of its operations.
        subjects: per operation, the possible subject lines.
        openers: per operation, the possible first sentences.
        sentences: per operation, sentences of its documentation.
        closers: last sentences, for any operation.
    """

    services: tuple[str, ...]
    weights: tuple[float, ...]
    operations: tuple[tuple[int, int], ...]
    subjects: tuple[tuple[str, ...], ...]
    openers: tuple[tuple[str, ...], ...]
    sentences: tuple[tuple[str, ...], ...]
    closers: tuple[str, ...]


def plain_sentences(documentation: str) -> list[str]:
    """The sentences (30 to 400 characters) of one HTML documentation text, in reading order."""
    text = html.unescape(_TAG.sub("", _BLOCK.sub("\n", documentation))).replace("\xa0", " ")
    found: list[str] = []
    for block in text.split("\n"):
        for sentence in _SENTENCE_END.split(" ".join(block.split())):
            if 30 <= len(sentence) <= 400 and sentence[-1] in ".!?" and _in_cp1252(sentence):
                found.append(sentence)
    return found


def _in_cp1252(text: str) -> bool:
    """Some files are written in Windows' encoding: what it cannot hold is left out of the language."""
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


@lru_cache(maxsize=1)
def load_language() -> Language:
    """Reads the service models of the installed botocore; later calls are answered from memory."""
    from botocore.loaders import create_loader

    loader = create_loader()
    services, ranges = [], []
    subjects: list[tuple[str, ...]] = []
    openers: list[tuple[str, ...]] = []
    sentences: list[tuple[str, ...]] = []
    for folder in SERVICES:
        model = loader.load_service_model(folder, "service-2")
        first = len(sentences)
        for name, documented in _documented_operations(model):
            words = " ".join(_WORD.findall(name)).lower()
            subjects.append(tuple(subject.format(op=name, words=words) for subject in _SUBJECTS))
            openers.append(tuple(opener.format(op=name) for opener in _OPENERS))
            sentences.append(tuple(documented))
        services.append(model["metadata"].get("serviceId", folder))
        ranges.append((first, len(sentences)))
    return Language(
        services=tuple(services),
        weights=tuple(SERVICES.values()),
        operations=tuple(ranges),
        subjects=tuple(subjects),
        openers=tuple(openers),
        sentences=tuple(sentences),
        closers=_CLOSERS,
    )


def _documented_operations(model: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Up to 120 operations with at least one usable sentence, spread over the service's whole alphabet."""
    documented = [
        (name, sentences)
        for name, operation in sorted(model["operations"].items())
        if not operation.get("deprecated")
        and (sentences := plain_sentences(operation.get("documentation", "")))
    ]
    step = max(1, -(-len(documented) // _LIMIT_OF_OPERATIONS))
    return documented[::step]
