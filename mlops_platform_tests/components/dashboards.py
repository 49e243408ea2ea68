"""Dashboards declared in a test: loaded as Dagster loads them, materialised on a running local cloud."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import dagster as dg
import yaml
from dagster.components.testing import create_defs_folder_sandbox

from mlops_platform.resources import resources

KEY = dg.AssetKey(["support_desk", "thing"])
# Every text a page could trip over, a NULL and what JSON has no number for.
HOSTILE = "</script><img src=x onerror=\"document.title='broken'\"><!--<script>"
HOSTILE_SQL = f"""
    SELECT * FROM (VALUES
        (DATE '2026-01-05', '{HOSTILE.replace("'", "''")}', 3, 2.5e0),
        (DATE '2026-01-05', NULL, 4, nan()),
        (DATE '2026-01-06', 'a "quoted" & \\ name', 5, infinity()),
        (DATE '2026-01-06', '__proto__', NULL, NULL)
    ) AS t (day, who, n, ratio)
"""
HOSTILE_FILES = {
    "all.sql": HOSTILE_SQL,
    "none.sql": "SELECT DATE '2026-01-05' AS day, 1 AS n FROM (VALUES 1) AS t (x) WHERE x = 2",
}
HOSTILE_DASHBOARD: dict[str, Any] = {
    "database": "support_desk",
    "title": "A </title><b>title</b>",
    "description": "<script>alert(1)</script> & more",
    "filters": ["day", "who"],
    "panels": [
        {"title": "Sum", "chart": "number", "query": "all", "x": "day", "y": "n"},
        {"title": "<i>By name</i>", "chart": "stacked_bar", "query": "all", "x": "day", "y": "n", "color": "who"},
        {"title": "Ranked", "chart": "horizontal_bar", "query": "all", "x": "who", "y": "n"},
        {"title": "Rows", "chart": "table", "query": "all"},
        {"title": "Nothing", "chart": "line", "query": "none", "x": "day", "y": "n"},
        {"title": "Fine", "chart": "number", "query": "none", "y": "n", "may_be_empty": True},
    ],
}  # fmt: skip


@dataclass
class Outcome:
    """What a materialisation left behind; ``why`` is the failure's message, empty where there is none."""

    metadata: Mapping[str, Any]
    checks: Mapping[str, dg.AssetCheckEvaluation]
    why: str


def materialize(attributes: Mapping[str, Any], files: Mapping[str, str] = {}) -> Outcome:
    """Declare one dashboard and materialise it on the local cloud that the settings name."""
    with create_defs_folder_sandbox() as sandbox:
        folder = sandbox.defs_folder_path / "thing"
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(dedent(text))
        declared = {"type": "mlops_platform.components.AthenaDashboard", "attributes": attributes}
        (folder / "defs.yaml").write_text(yaml.safe_dump(declared))
        with sandbox.build_all_defs() as built, dg.DagsterInstance.ephemeral() as instance:
            defs = dg.Definitions.merge(built, dg.Definitions(resources=resources()))
            job = defs.get_repository_def().get_implicit_global_asset_job_def()
            result = job.execute_in_process(instance=instance, raise_on_error=False)
            return _outcome(result)


def _outcome(result: dg.ExecuteInProcessResult) -> Outcome:
    failures = [e.event_specific_data for e in result.all_events if e.is_step_failure]
    why = ""
    for failure in failures:
        error: Any = failure.error  # type: ignore[union-attr]
        while error.cause is not None:
            error = error.cause
        data: Any = failure
        why += f"{error.message}\n{data.user_failure_data.description if data.user_failure_data else ''}\n"
    made = result.asset_materializations_for_node("support_desk__thing") if result.success else []
    return Outcome(
        {k: v.value for m in made for k, v in m.metadata.items()},
        {e.check_name: e for e in result.get_asset_check_evaluations()},
        why,
    )


def save(page: bytes, folder: Path) -> str:
    """The file:// address of a page on disk."""
    path = folder / "page.html"
    path.write_bytes(page)
    return path.as_uri()
