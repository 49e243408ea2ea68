"""Which rows are learnt from, and that no text is on both sides."""

import itertools
import json
import random

import numpy as np
import pytest

from mlops_platform.payloads.training.platform_training import objects
from mlops_platform.payloads.training.platform_training.errors import TrainingError
from mlops_platform.payloads.training.platform_training.rows import (
    Corpus,
    LabelNames,
    Row,
    dead_letters,
    key_of,
    read_corpus,
)
from mlops_platform.payloads.training.platform_training.settings import DataSettings
from mlops_platform.payloads.training.platform_training.splits import Split, split_rows

from .conftest import Bucket, feedback

MOODS = DataSettings().labels


def corpus_of(*data: str) -> Corpus:
    return read_corpus(
        data, text="feedback", label="satisfaction", id_column="ticket_id", labels=MOODS, max_chars=200
    )


def split_of(rows: list[Row], **options: int) -> Split:
    return split_rows(rows, salt="v1", validation_share=0.1, test_share=0.2, **options)


def made_rows(texts: list[str], labels: list[int]) -> list[Row]:
    return [
        Row(key_of(text), f"T{n}", text, label)
        for n, (text, label) in enumerate(zip(texts, labels, strict=True))
    ]


def dressed(text: str, draw: random.Random) -> str:
    """The text as another customer types it: case, spaces and marks differ, the words do not."""
    words = [draw.choice([word, word.upper(), word.title()]) for word in text.split()]
    return (
        draw.choice(["", " ", "\t"])
        + draw.choice([" ", "  ", "\n"]).join(words)
        + draw.choice(["", "!", " ..."])
    )


def test_no_text_is_on_two_sides_however_often_and_however_written_it_comes() -> None:
    columns, draw = feedback(1500), random.Random(1)  # noqa: S311
    texts, ratings = list(columns["feedback"]), [int(n) for n in columns["satisfaction"]]
    for _ in range(1500):  # duplicates, some with another label than the first
        place = draw.randrange(1500)
        texts.append(dressed(texts[place], draw))
        ratings.append(draw.randint(1, 5) if draw.random() < 0.1 else ratings[place])
    rows = made_rows(texts, [(n >= 3) + (n > 3) for n in ratings])
    split = split_of(rows)
    parts = (split.train, split.validation, split.test)
    plain = [{"".join(filter(str.isalnum, row.text.lower())) for row in part} for part in parts]
    assert all(not a & b for a, b in itertools.combinations(plain, 2))
    assert len(split.train) > 1500
    assert sum(len(part) for part in parts) + split.left_out == 3000
    assert min(len(part) for part in parts) > 100


def test_a_text_stays_where_it_is_when_data_are_added() -> None:
    """What one day's model was tested on, no later day's model may learn from."""
    columns = feedback(3000)
    rows = made_rows(list(columns["feedback"]), [(n >= 3) + (n > 3) for n in columns["satisfaction"]])
    first, later = split_of(rows[:800]), split_of(rows)
    held_out = {row.key for row in [*first.test, *first.validation]}
    assert held_out
    assert not held_out & {row.key for row in later.train}
    assert not {row.key for row in first.train} & {row.key for row in [*later.test, *later.validation]}


def test_held_out_rows_have_the_labels_shares() -> None:
    columns = feedback(3000)
    labels = [(n >= 3) + (n > 3) for n in columns["satisfaction"]]
    split = split_of(made_rows(list(columns["feedback"]), labels))
    shares = np.bincount(labels, minlength=3) / len(labels)
    for part in (split.validation, split.test):
        found = np.bincount([row.label for row in part], minlength=3)
        assert np.abs(found - shares * len(part)).max() <= 1.5, (found, shares)
    assert 0.8 * 600 < len(split.test) <= 660


def test_the_split_and_the_version_do_not_depend_on_how_rows_lie_in_files(bucket: Bucket) -> None:
    columns = feedback(400)
    one = corpus_of(bucket.put_table("one/day=1/all.parquet", columns))
    for part in range(3):
        some = {name: list(values)[part::3] for name, values in columns.items()}
        bucket.put_table(f"three/day={9 - part}/part.parquet", some)
    objects.write(bucket / "three/_SUCCESS", b"")
    objects.write_json(bucket / "list.json", [bucket / "three/"])
    assert corpus_of(bucket / "list.json").version == one.version
    assert split_of(corpus_of(bucket / "three").rows).held_out_id == split_of(one.rows).held_out_id
    columns["satisfaction"] = [1, *list(columns["satisfaction"])[1:]]
    assert corpus_of(bucket.put_table("other.parquet", columns)).version != one.version


def test_bad_rows_are_counted_and_kept_with_the_reason(bucket: Bucket) -> None:
    columns = {
        "ticket_id": ["ok", "no text", "blank", "no label", "silent", "long", "odd", None],
        "feedback": [
            "It was fine",
            None,
            "  ",
            "It was fine",
            None,
            "x" * 201,
            "It was fine",
            "Bad\x00 \u202e text",
        ],
        "satisfaction": [3, 1, 2, None, None, 4, 7, 1],
    }
    corpus = corpus_of(bucket.put_table("bad.parquet", columns))
    assert {(row.id, row.label) for row in corpus.rows} == {("ok", 1), ("", 0)}
    assert corpus.counts() == {
        "read": 8, "usable": 2, "silent": 1, "bad": 5,
        "reasons": {"label 'N' is none of the declared": 1, "label is missing": 1,
                    "text has N characters, N are allowed": 1, "text is missing": 2},
    }  # fmt: skip
    letters = [json.loads(line) for line in dead_letters(corpus.bad).splitlines()]
    assert [letter["id"] for letter in letters] == ["no text", "blank", "no label", "long", "odd"]
    assert letters[3]["reason"] == "text has 201 characters, 200 are allowed"
    assert all(letter["source"].endswith("bad.parquet") for letter in letters)


def test_input_that_cannot_be_used_is_named(bucket: Bucket) -> None:
    with pytest.raises(TrainingError, match="no Parquet file under"):
        corpus_of(bucket / "nothing/")
    objects.write(bucket / "text.parquet", b"no parquet at all")
    with pytest.raises(TrainingError, match=r"text\.parquet cannot be read as Parquet"):
        corpus_of(bucket / "text.parquet")
    with pytest.raises(TrainingError, match=r"has no column feedback, satisfaction; it has \['ticket_id'\]"):
        corpus_of(bucket.put_table("short.parquet", {"ticket_id": ["a"]}))
    with pytest.raises(TrainingError, match="Read more days"):
        split_of(made_rows(["good", "bad"], [1, 0]))
    with pytest.raises(TrainingError, match="'mlops/' is no S3 URI"):
        corpus_of("mlops")
    with pytest.raises(TrainingError, match="stands for two labels"):
        LabelNames(["a=1", "b=1"])


def test_a_label_may_be_a_name_or_stand_for_values() -> None:
    assert [LabelNames(MOODS).place(value) for value in (1, 2.0, "3", 5, 6, None)] == [0, 0, 1, 2, None, None]
    assert LabelNames(["spam", "ham"]).place("ham") == 1
