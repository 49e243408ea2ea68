"""`evaluate`: registered versions on the same held-out rows, and the first of them against each other one."""

import tempfile
from pathlib import Path
from typing import Any

from . import objects, stopping
from .devices import device_for
from .errors import TrainingError
from .registry import ModelRegistry, Version
from .reports import Reporter
from .settings import EvaluateSettings
from .training import Data, label_array, read_data

EVALUATION = "evaluation.json"


def evaluate(settings: EvaluateSettings) -> dict[str, Any]:
    """Measures by version, and comparisons by challenger; also written to `<output>/evaluation.json`.

    Raises:
        TrainingError: no such version; or one was trained on another split, so it may know held-out texts.
    """
    if not settings.output or not settings.registry:
        raise TrainingError("Give --registry and --output, S3 prefixes both.")
    with Reporter() as report:
        data = read_data(settings)
        registry = ModelRegistry(settings.registry, settings.name)
        versions = [registry.version(version) for version in dict.fromkeys(settings.versions)]
        for version in versions:
            _same_split(version, settings)
        measured, predictions = {}, {}
        for version in versions:
            stopping.check()
            predictions[version.id] = _predict(registry, version, data, settings)
            measured[version.id] = _measures(data, predictions[version.id])
            report({"version": version.id, "accuracy": measured[version.id]["accuracy"]})
        comparisons = _comparisons(data, [version.id for version in versions], predictions)
        result = {"held_out_id": data.split.held_out_id, "versions": measured, "comparisons": comparisons}
        objects.write_json(objects.join(settings.output, EVALUATION), result)
        return result


def _same_split(version: Version, settings: EvaluateSettings) -> None:
    trained = version.lineage["settings"]
    names = ("split_salt", "validation_share", "test_share", "text_column", "labels")
    odd = [name for name in names if _plain(trained[name]) != _plain(getattr(settings, name))]
    if odd:
        raise TrainingError(
            f"Version {version.id} was trained with another {', '.join(odd)}, so held-out rows may be ones it has "
            "seen, or mean something else. Evaluate with the settings of its lineage.json."
        )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _predict(registry: ModelRegistry, version: Version, data: Data, settings: EvaluateSettings) -> Any:
    from .batches import encode
    from .forward import probabilities, suit
    from .models import load

    with tempfile.TemporaryDirectory(prefix="evaluate-") as folder:
        registry.download(version.id, Path(folder))
        device = device_for(settings.precision)
        model, tokenizer = load(Path(folder))
        most = int(version.lineage["settings"]["max_tokens"])
        encoded = encode(tokenizer, [row.text for row in data.split.test], most)
        return probabilities(suit(model, device), encoded, device, stopping.check).argmax(1)


def _measures(data: Data, predicted: Any) -> dict[str, Any]:
    from .metrics import measures

    return measures(label_array(data.split.test), predicted, data.corpus.labels)


def _comparisons(data: Data, versions: list[str], predictions: dict[str, Any]) -> dict[str, Any]:
    from .metrics import compare

    labels, texts = label_array(data.split.test), [row.key for row in data.split.test]
    champion = versions[0]
    return {
        challenger: compare(
            labels, predictions[champion], predictions[challenger], texts, count=len(data.corpus.labels)
        ).as_dict()
        for challenger in versions[1:]
    }
