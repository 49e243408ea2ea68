"""The platform under test: this process's settings pointed at a local cloud, with everything provisioned."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mlops_platform.declared import declaration
from mlops_platform.resources.session import AwsSession, current_session
from mlops_platform_tests.fixtures_cloud import RunningCloud


@contextmanager
def settings(cloud: RunningCloud, **more: str) -> Iterator[None]:
    """This process's environment, pointed at the cloud for the length of a with-block."""
    own = {k: v for k, v in cloud.environment.items() if k.startswith("LOCAL_CLOUD_")} | more
    before = {name: os.environ.get(name) for name in own}
    os.environ.update(own)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@pytest.fixture(scope="session")
def provisioned(local_cloud: RunningCloud) -> Iterator[AwsSession]:
    """The session of a local cloud on which everything declared is provisioned, without example data."""
    with settings(local_cloud, MLOPS_SEED_ROWS="0"):
        session = current_session()
        session.provision(declaration(), seed=False)
        yield session
