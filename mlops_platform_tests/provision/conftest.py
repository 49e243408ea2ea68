from mlops_platform_tests.fixtures_cloud import local_cloud

__all__ = ["local_cloud"]
