"""`dg scaffold defs` writes declarations that load, for every component."""

from pathlib import Path

import pytest

from mlops_platform_tests.fixtures_project import Project, copy_checkout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return copy_checkout(tmp_path_factory.mktemp("scaffold") / "project")


def test_what_is_scaffolded_loads(project: Project) -> None:
    wanted = {
        "S3CsvSource": "sources/orders",
        "PostgresSource": "sources/shop",
        "GlueTable": "etl/clean_orders",
        "AthenaViews": "analytics/order_views",
        "AthenaDashboard": "analytics/order_board",
    }
    for component, place in wanted.items():
        project.command("dg", "scaffold", "defs", f"mlops_platform.components.{component}", place)
    found = {str(p.relative_to(project.defs)) for p in project.defs.rglob("*") if p.is_file()}
    assert {"etl/clean_orders/clean_orders.py", "analytics/order_views/order_views.sql"} <= found
    assert {f"{place}/defs.yaml" for place in wanted.values()} <= found
    assert "loaded successfully" in project.command("dg", "check", "defs").stdout


def test_components_are_listed(project: Project) -> None:
    listed = project.command("dg", "list", "components").stdout
    for component in ("AthenaDashboard", "AthenaViews", "GlueTable", "PostgresSource", "S3CsvSource"):
        assert f"mlops_platform.components.{component}" in listed


def test_a_declaration_that_is_wrong_is_named_with_its_line(project: Project) -> None:
    broken = Path(project.defs / "sources/orders/defs.yaml")
    broken.parent.mkdir(parents=True, exist_ok=True)
    broken.write_text("type: mlops_platform.components.S3CsvSource\nattributes:\n  nam: orders\n")
    done = project.command("dg", "check", "defs", check=False)
    assert done.returncode != 0
    assert "sources/orders/defs.yaml:3" in (done.stdout + done.stderr).replace("\n", "")
