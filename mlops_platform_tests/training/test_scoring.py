"""Scoring new rows, and measuring versions against each other, with what the registry holds."""

import io
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_platform.payloads.training.platform_training import objects
from mlops_platform.payloads.training.platform_training.errors import TrainingError
from mlops_platform.payloads.training.platform_training.evaluation import evaluate
from mlops_platform.payloads.training.platform_training.registry import ModelRegistry, UnknownVersionError
from mlops_platform.payloads.training.platform_training.scoring import score
from mlops_platform.payloads.training.platform_training.settings import EvaluateSettings, ScoreSettings
from mlops_platform.payloads.training.platform_training.training import read_data

from .conftest import Bucket, feedback


@pytest.fixture(scope="module")
def trained(
    new_bucket: Callable[[str], Bucket], train_in: Callable[..., dict[str, Any]]
) -> tuple[Bucket, list[str]]:
    """Two versions; the first is the champion."""
    bucket = new_bucket("two-versions")
    versions = [
        train_in(bucket, epochs=epochs, output=bucket / f"out{epochs}", learning_rate=0.01)["version"]
        for epochs in (6, 1)
    ]
    registry = ModelRegistry(bucket / "registry", "feedback")
    registry.promote(versions[0], over=None, reason="the first")
    return bucket, versions


def rows_at(location: str) -> pa.Table:
    tables = [pq.read_table(io.BytesIO(objects.read(item.uri))) for item in objects.listed(location)]
    return pa.concat_tables(tables)


def scoring(trained: tuple[Bucket, list[str]], bucket: Bucket, data: str, **changes: Any) -> dict[str, Any]:
    given = {"data": [data], "registry": trained[0] / "registry", "output": bucket / "scores", "run_id": "r1"}
    return score(ScoreSettings.of({**given, "precision": "fp32", **changes}, {}))


def test_scores_are_what_the_evaluation_measured(
    trained: tuple[Bucket, list[str]], bucket: Bucket, table: str
) -> None:
    own, (champion, _) = trained
    given = {"data": [table], "registry": own / "registry", "output": bucket / "eval", "precision": "fp32"}
    settings = EvaluateSettings.of({**given, "versions": ["champion"]}, {})
    measured = evaluate(settings)["versions"][champion]
    scored = scoring(trained, bucket, table)
    assert scored["model_version"] == champion
    said = {}
    for part in scored["partitions"]:
        found = rows_at(part["location"])
        assert found.num_rows == part["rows"]
        said |= dict(
            zip(found.column("ticket_id").to_pylist(), found.column("label").to_pylist(), strict=True)
        )
    data = read_data(settings)
    names = data.corpus.labels
    right = [said[row.id] == names[row.label] for row in data.split.test]
    assert sum(right) / len(right) == measured["accuracy"]
    table_of = [[0] * 3 for _ in names]
    for row in data.split.test:
        table_of[row.label][names.index(said[row.id])] += 1
    assert table_of == measured["confusion"]
    assert measured["accuracy"] == objects.read_json(own / "out6/result.json")["metrics"]["test"]["accuracy"]


def test_scores_lie_where_a_caller_can_register_them(
    trained: tuple[Bucket, list[str]], bucket: Bucket
) -> None:
    fresh = feedback(30, seed=9)
    fresh["feedback"] = ["", None, "y" * 4001, *list(fresh["feedback"])[3:]]
    bucket.put_table("new/day=2026-02-01/a.parquet", fresh)
    bucket.put_table("new/day=2026-02-02/b.parquet", feedback(10, seed=10))
    bucket.put_table(
        "new/day=2026-02-03/c.parquet", {"ticket_id": ["T1"], "feedback": pa.array([None], pa.string())}
    )
    first = scoring(trained, bucket, bucket / "new/")
    assert (first["rows"], first["silent"], first["bad"]) == (37, 3, 1)
    assert [(part["value"], part["rows"]) for part in first["partitions"]] == [
        ("2026-02-01", 27), ("2026-02-02", 10), ("2026-02-03", 0),
    ]  # fmt: skip
    assert first["partitions"][0]["location"] == bucket / "scores/run=r1/day=2026-02-01/"
    assert [column["Name"] for column in first["columns"]] == [
        "ticket_id", "label", "confidence", "negative_probability", "neutral_probability",
        "positive_probability", "model_version",
    ]  # fmt: skip
    assert "4001 characters" in objects.read(bucket / "scores/run=r1/_dead_letters.jsonl").decode()
    found = rows_at(first["partitions"][0]["location"]).to_pylist()
    for row in found:
        parts = {name: row[f"{name}_probability"] for name in ("negative", "neutral", "positive")}
        assert sum(parts.values()) == pytest.approx(1, abs=1e-5)
        assert row["label"] == max(parts, key=lambda name: parts[name])
        assert row["confidence"] == max(parts.values())
    keys = bucket.keys("scores")
    again = scoring(trained, bucket, bucket / "new/")
    assert bucket.keys("scores") == keys, "a retry writes to the same folder"
    assert again["labels"] == first["labels"]


def test_a_challenger_is_compared_on_the_same_rows(
    trained: tuple[Bucket, list[str]], bucket: Bucket, table: str
) -> None:
    own, (champion, challenger) = trained
    given = {"data": [table], "registry": own / "registry", "output": bucket.uri, "precision": "fp32"}
    result = evaluate(EvaluateSettings.of({**given, "versions": ["champion", challenger]}, {}))
    assert result == bucket.json("evaluation.json")
    comparison = result["comparisons"][challenger]
    accuracy = {version: measured["accuracy"] for version, measured in result["versions"].items()}
    assert comparison["difference"] == pytest.approx(accuracy[challenger] - accuracy[champion])
    assert comparison["low"] <= comparison["difference"] <= comparison["high"]
    assert comparison["rows"] == result["versions"][champion]["rows"]
    with pytest.raises(TrainingError, match="trained with another split_salt"):
        evaluate(EvaluateSettings.of({**given, "split_salt": "v2"}, {}))
    with pytest.raises(UnknownVersionError, match="0123456789abcdef"):
        evaluate(EvaluateSettings.of({**given, "versions": ["0123456789abcdef"]}, {}))


def test_a_file_that_says_no_partition_is_refused(trained: tuple[Bucket, list[str]], bucket: Bucket) -> None:
    bucket.put_table("new/a.parquet", feedback(3))
    with pytest.raises(TrainingError, match=r"no folder day=\.\.\. in its name"):
        scoring(trained, bucket, bucket / "new/")
    with pytest.raises(TrainingError, match="run_id is needed outside of Batch"):
        scoring(trained, bucket, bucket / "new/", run_id="")
