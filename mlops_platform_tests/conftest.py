"""Fixtures every test package may use."""

from mlops_platform_tests.fixtures_cloud import local_cloud
from mlops_platform_tests.fixtures_platform import provisioned
from mlops_platform_tests.fixtures_project import demo_project

__all__ = ["demo_project", "local_cloud", "provisioned"]
