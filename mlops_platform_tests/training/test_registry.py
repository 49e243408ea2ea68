"""The model registry: versions that never change, a pointer that only one writer moves at a time."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mlops_platform.payloads.training.platform_training import objects
from mlops_platform.payloads.training.platform_training.errors import TrainingError
from mlops_platform.payloads.training.platform_training.registry import (
    Champion,
    ChampionChangedError,
    ModelRegistry,
    UnknownVersionError,
    history,
)

from .conftest import PAYLOAD, Bucket


def files(folder: Path, **contents: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in contents.items():
        (folder / name).write_text(text)
    return folder


def published(registry: ModelRegistry, folder: Path, *contents: str) -> list[str]:
    return [
        registry.publish(
            files(folder / text, weights=text, **{"metrics.json": '{"n": 1}', "lineage.json": "{}"})
        ).id
        for text in contents
    ]


def test_a_version_is_its_content(bucket: Bucket, tmp_path: Path) -> None:
    registry = ModelRegistry(bucket.uri, "mood")
    first = registry.publish(
        files(tmp_path / "a", weights="1", **{"metrics.json": '{"n": 1}'}), {"seconds": 5}
    )
    again = registry.publish(
        files(tmp_path / "b", weights="1", **{"metrics.json": '{"n": 1}'}), {"seconds": 9}
    )
    other = registry.publish(files(tmp_path / "c", weights="2", **{"metrics.json": '{"n": 1}'}))
    assert again == first, "the same files are the same version, and what was published first stays"
    assert other.id != first.id
    assert {version.id for version in registry.versions()} == {first.id, other.id}
    assert first.metrics == {"n": 1}
    assert first.about == {"seconds": 5}


def test_a_file_of_a_version_is_never_overwritten(bucket: Bucket, tmp_path: Path) -> None:
    registry = ModelRegistry(bucket.uri, "mood")
    (version,) = published(registry, tmp_path, "1")
    with pytest.raises(objects.ConditionFailedError):
        objects.write(f"{registry.version(version).uri}/weights", b"2", IfNoneMatch="*")
    objects.write(f"{registry.version(version).uri}/weights", b"damaged")
    with pytest.raises(TrainingError, match="is not what was published"):
        registry.download(version, tmp_path / "down")


def test_a_publication_that_never_ended_is_no_version(bucket: Bucket, tmp_path: Path) -> None:
    registry = ModelRegistry(bucket.uri, "mood")
    (version,) = published(registry, tmp_path, "1")
    objects.delete([f"{registry.version(version).uri}/manifest.json"])
    assert registry.versions() == []
    with pytest.raises(UnknownVersionError, match=version):
        registry.promote(version, over=None, reason="")
    assert published(registry, tmp_path, "1") == [version], "publishing again ends what was begun"


def test_promote_and_roll_back(bucket: Bucket, tmp_path: Path) -> None:
    registry = ModelRegistry(bucket.uri, "mood")
    a, b, c = published(registry, tmp_path, "a", "b", "c")
    assert registry.champion() is None
    with pytest.raises(UnknownVersionError, match="no champion yet"):
        registry.version("champion")
    for version in (a, b, c):
        registry.promote(
            version, over=registry.champion(), reason=f"better than before: {version}", by="check"
        )
    assert registry.version("champion").id == c
    assert registry.roll_back(reason="complaints").version == b
    assert registry.roll_back(reason="more complaints").version == a, "not back and forth between two"
    with pytest.raises(TrainingError, match="no earlier champion"):
        registry.roll_back(reason="again")
    registry.promote(c, over=registry.champion(), reason="fixed")
    assert registry.roll_back(reason="not fixed").version == a
    lines = list(history(registry.champion()))
    assert len(lines) == 7
    assert "rolled back" in lines[0]
    assert "not fixed" in lines[0]
    assert a in lines[-1]


def test_a_promotion_decided_against_an_old_champion_is_refused(bucket: Bucket, tmp_path: Path) -> None:
    registry = ModelRegistry(bucket.uri, "mood")
    a, b, c = published(registry, tmp_path, "a", "b", "c")
    champion = registry.promote(a, over=None, reason="first")
    registry.promote(b, over=champion, reason="second")
    with pytest.raises(ChampionChangedError, match="decide again"):
        registry.promote(c, over=champion, reason="compared with a")
    with pytest.raises(ChampionChangedError):
        registry.promote(c, over=None, reason="there was none")
    assert registry.version("champion").id == b


def test_of_many_promotions_at_once_one_wins(bucket: Bucket, tmp_path: Path) -> None:
    registry = ModelRegistry(bucket.uri, "mood")
    first, *rivals = published(registry, tmp_path, *"abcdefgh")
    champion = registry.promote(first, over=None, reason="first")
    start, won, lost = threading.Barrier(len(rivals)), [], []

    def rival(version: str) -> None:
        start.wait()
        try:
            won.append(registry.promote(version, over=champion, reason="mine"))
        except ChampionChangedError:
            lost.append(version)

    threads = [threading.Thread(target=rival, args=(version,)) for version in rivals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert len(lost) == len(rivals) - 1
    now = registry.champion()
    assert isinstance(now, Champion)
    assert now.version == won[0].version
    assert len(now.history) == 2


def test_names_that_would_lead_elsewhere_are_refused(bucket: Bucket) -> None:
    for name in ("", "a/b", "..", "x" * 101):
        with pytest.raises(TrainingError, match="no name for a model"):
            ModelRegistry(bucket.uri, name)
    with pytest.raises(UnknownVersionError, match="16 hexadecimal"):
        ModelRegistry(bucket.uri, "mood").version("../champion")


def test_reading_and_promoting_import_nothing_heavy() -> None:
    code = (
        "import sys; import platform_training, platform_training.settings, platform_training.pictures;"
        "bad = {'torch', 'transformers', 'numpy', 'pyarrow', 'sklearn', 'boto3', 'dagster'} & set(sys.modules);"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PAYLOAD)
