"""What a model must beat: always saying the commonest label, and a linear model over pairs of words."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .metrics import Ints, measures


def majority(train_labels: Ints, test_labels: Ints, names: list[str]) -> dict[str, Any]:
    """Measures of always saying the training rows' commonest label."""
    commonest = int(np.bincount(train_labels, minlength=len(names)).argmax())
    return measures(test_labels, np.full_like(test_labels, commonest), names)


def tfidf_logistic_regression(
    train_texts: Sequence[str],
    train_labels: Ints,
    test_texts: Sequence[str],
    test_labels: Ints,
    names: list[str],
) -> dict[str, Any]:
    """Measures of logistic regression over TF-IDF of words and pairs of words, fitted to the same rows."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    words = r"(?u)\b\w+\b"  # single letters too
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=words)
    fitted = LogisticRegression(C=10.0, max_iter=300).fit(vectorizer.fit_transform(train_texts), train_labels)
    found = fitted.predict(vectorizer.transform(test_texts))
    return measures(test_labels, np.asarray(found, dtype=np.int64), names)
