"""The resource every other one is built on: AWS clients and names, wherever the platform runs."""

from typing import Any

import dagster as dg

from mlops_platform.deployment import Contract
from mlops_platform.resources.session import AwsSession, current_session


class AwsResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """boto3 clients of the chosen deployment, and the names of what is provisioned there.

    Use it in any asset for a service the platform has no resource for:

    .. code-block:: python

        @dg.asset
        def topics(aws: AwsResource) -> None:
            aws.client("sns").create_topic(Name="tickets")
    """

    @property
    def session(self) -> AwsSession:
        """The session of the deployment that ``MLOPS_DEPLOYMENT`` names."""
        return current_session()

    def client(self, service: str) -> Any:
        """A boto3 client. Raises DeploymentError: the deployment could not be started."""
        return self.session.client(service)

    @property
    def contract(self) -> Contract:
        """The infrastructure contract. Raises DeploymentError: there is none."""
        return self.session.contract()
