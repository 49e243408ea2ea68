"""The place that is provisioned: clients of one endpoint, its account, and who is told of changes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from local_cloud.seed.access import client

# On everything this program creates that takes tags: what does not carry it is never changed or removed.
OURS = {"mlops:managed-by": "mlops-platform"}


@dataclass(frozen=True)
class Site:
    """One endpoint of the AWS APIs.

    Attributes:
        tell: called with one line for every change made.
    """

    endpoint_url: str
    region: str
    tell: Callable[[str], None]

    def client(self, service: str) -> Any:
        """A boto3 client of that service."""
        clients = self._clients
        if service not in clients:
            clients[service] = client(service, self.endpoint_url, self.region)
        return clients[service]

    @cached_property
    def account_id(self) -> str:
        """The account, as STS tells it."""
        return str(self.client("sts").get_caller_identity()["Account"])

    @cached_property
    def _clients(self) -> dict[str, Any]:
        return {}

    def found(self, call: Callable[[], Any], *absent: str) -> Any:
        """What `call` answers, or None if it fails with one of the error codes `absent`."""
        from botocore.exceptions import ClientError

        try:
            return call()
        except ClientError as error:
            if error.response["Error"]["Code"] in absent:
                return None
            raise


def tag_list() -> list[dict[str, str]]:
    """Our tags in the form most services take them."""
    return [{"Key": key, "Value": value} for key, value in OURS.items()]
