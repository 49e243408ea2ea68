"""The mood of the feedback: learnable, but not by counting words."""

import itertools
import re

import numpy as np
from local_cloud.seed.draws import Draws
from local_cloud.seed.feedback import NEGATIVE, NEUTRAL, POSITIVE, feedback_texts
from numpy.typing import NDArray

COUNT = 12_000
Matrix = NDArray[np.float64]


def sample(
    seed: int = 7, first: int = 0, count: int = COUNT
) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    texts, moods, satisfaction = feedback_texts(Draws(seed), np.arange(first, first + count, dtype=np.uint64))
    return texts, moods, np.where(satisfaction == 3, NEUTRAL, np.where(satisfaction > 3, POSITIVE, NEGATIVE))


def words(text: str, pairs: bool) -> set[str]:
    found = re.findall(r"\w+", text.lower())
    return set(found) | ({f"{a} {b}" for a, b in itertools.pairwise(found)} if pairs else set())


def naive_bayes_accuracy(pairs: bool) -> float:
    """Held-out accuracy of a Bernoulli-feature multinomial naive Bayes over words, or words and pairs of
    words.
    """
    texts, _, labels = sample()
    bags = [words(text, pairs) for text in texts]
    names = {name: i for i, name in enumerate(sorted(set().union(*bags[:9000])))}
    counts = np.ones((3, len(names)))
    for bag, label in zip(bags[:9000], labels[:9000], strict=True):
        counts[label, [names[name] for name in bag]] += 1
    weights = np.log(counts / counts.sum(axis=1, keepdims=True))
    prior = np.log(np.bincount(labels[:9000]) / 9000)
    right = 0
    for bag, label in zip(bags[9000:], labels[9000:], strict=True):
        places = [names[name] for name in bag if name in names]
        right += int(np.argmax(prior + weights[:, places].sum(axis=1)) == label)
    return right / (COUNT - 9000)


def test_single_words_do_not_tell_the_mood_and_pairs_tell_some() -> None:
    single, pairs = naive_bayes_accuracy(pairs=False), naive_bayes_accuracy(pairs=True)
    assert 0.45 < single < 0.72
    assert single + 0.08 < pairs < 0.92


def test_praise_and_complaint_use_the_same_words() -> None:
    texts, moods, _ = sample(count=40_000)
    bags = [words(text, pairs=False) for text in texts]

    def ratio(word: str) -> float:
        has = np.array([word in bag for bag in bags])
        return float(has[moods == POSITIVE].mean() / has[moods == NEGATIVE].mean())

    for word in ("not", "never", "hardly", "anything", "but", "although", "agent", "answer"):
        assert 0.8 < ratio(word) < 1.25, word
    for good, bad in (("clear", "confusing"), ("quick", "slow"), ("friendly", "rude"), ("simple", "clumsy")):
        assert 1.2 < ratio(good) < 2.6, good
        assert 1.2 < 1 / ratio(bad) < 2.6, bad


def test_label_noise_is_about_four_percent_of_which_a_third_hits_the_right_mood() -> None:
    _, moods, labels = sample(count=60_000)
    assert 0.022 < (moods != labels).mean() < 0.032


def test_texts_vary() -> None:
    texts, _, _ = sample(count=20_000)
    assert len(set(texts)) > 17_000


def test_a_text_follows_from_seed_and_number_alone() -> None:
    whole, _, _ = sample(count=500)
    assert sample(first=200, count=100)[0] == whole[200:300]
    assert sample(seed=8, count=500)[0] != whole
