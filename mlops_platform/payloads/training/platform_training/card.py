"""The model card: what a person must know before using a version."""

from collections.abc import Mapping
from typing import Any


def model_card(name: str, metrics: Mapping[str, Any], lineage: Mapping[str, Any]) -> str:
    """Markdown with the front matter the hub uses (https://huggingface.co/docs/hub/model-cards)."""
    test, data, settings = metrics["test"], lineage["data"], lineage["settings"]
    return f"""---
library_name: transformers
pipeline_tag: text-classification
base_model: {settings["model"]}
metrics: [accuracy, f1]
---

# {name}

Says which of {_listed(test["labels"])} a text is. Fine-tuned ({settings["method"]}) from
`{settings["model"]}` (out of: {lineage["source"]["kind"]}) on the column `{settings["text_column"]}`;
the labels come from `{settings["label_column"]}` ({_listed(settings["labels"])}).

## How good it is

On {test["rows"]:,} held-out rows that share no text with the training rows:

| model | accuracy | macro-F1 |
| --- | ---: | ---: |
| **this model** | **{test["accuracy"]:.4f}** | **{test["macro_f1"]:.4f}** |
{_baselines(metrics.get("baselines", {}))}
| label | precision | recall | rows |
| --- | ---: | ---: | ---: |
{_labels(test["per_label"])}
## Data

{data["counts"]["usable"]:,} usable rows of {data["counts"]["read"]:,}; {data["counts"]["bad"]:,} were refused and
{data["counts"]["silent"]:,} had neither text nor label. Data version `{data["version"][:16]}`, held-out set
`{data["held_out_id"]}`. A text's part is fixed by the hash of its normalised form (salt `{settings["split_salt"]}`).

## Limits

It knows texts like those it was trained on, in their language, up to {settings["max_tokens"]} tokens; what is longer is
cut. It was measured on labels that customers ticked, mistakes included.

## Made with

Code `{lineage["code"]["sources"][:16]}`{_commit(lineage["code"])}, seed {settings["seed"]}, {settings["epochs"]} epochs
of batches of {settings["batch_size"]} at a rate of {settings["learning_rate"]}. All settings are in `lineage.json`.
"""


def _listed(values: Any) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _baselines(found: Mapping[str, Any]) -> str:
    rows = (
        f"| {name} | {measured['accuracy']:.4f} | {measured['macro_f1']:.4f} |\n"
        for name, measured in found.items()
    )
    return "".join(rows)


def _labels(found: Mapping[str, Any]) -> str:
    return "".join(
        f"| {name} | {one['precision']:.4f} | {one['recall']:.4f} | {one['rows']:,} |\n"
        for name, one in found.items()
    )


def _commit(code: Mapping[str, str]) -> str:
    return f" (commit `{code['commit']}`)" if code.get("commit") else ""
