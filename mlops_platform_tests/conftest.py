"""Fixtures every test package may use."""

from mlops_platform_tests.fixtures_cloud import local_cloud
from mlops_platform_tests.fixtures_platform import provisioned

__all__ = ["local_cloud", "provisioned"]
