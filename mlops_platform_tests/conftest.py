"""Fixtures every test package may use, and how `make test` deals the tests out to its processes."""

import os

import pytest

from mlops_platform_tests.fixtures_cloud import local_cloud
from mlops_platform_tests.fixtures_platform import provisioned
from mlops_platform_tests.fixtures_project import demo_project

__all__ = ["demo_project", "local_cloud", "provisioned"]

# The longest first, so that no process is left with one of them at the end; the browser's before those that
# drop bad files on the demo's project.
SLOW = ("browser", "end_to_end", "glue", "sensors", "local_cloud", "athena", "batch", "training")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """As many processes as cores, but no more than four: each starts a local cloud with a PostgreSQL."""
    return min(os.cpu_count() or 1, 4)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A module's tests stay in one process, and so do all that share the project `mlops demo` ran on."""
    items.sort(key=_turn)
    for item in items:
        group = "demo" if _shares_demo(item) else item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))


def _turn(item: pytest.Item) -> tuple[bool, int]:
    area = item.nodeid.split("/")[1]
    return not _shares_demo(item), SLOW.index(area) if area in SLOW else len(SLOW)


def _shares_demo(item: pytest.Item) -> bool:
    return "demo_project" in getattr(item, "fixturenames", ())
