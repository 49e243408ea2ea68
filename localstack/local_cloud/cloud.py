"""What an engine may use of the cloud around it."""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from local_cloud.objects import ObjectStore

KEYS = ("test", "test")
"""Access key and secret. Nobody checks them, but a request must be signed: its signature names the service."""


@dataclass(frozen=True)
class Cloud:
    """The surroundings of an engine: its state folder, the gateway, S3's objects and the other engines."""

    state_dir: Path
    endpoint_url: str
    region: str
    account_id: str
    objects: ObjectStore
    engines: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """A boto3 client whose requests go to this cloud's gateway."""
        return _client(service, self.endpoint_url, self.region)


@lru_cache(maxsize=64)
def _client(service: str, endpoint_url: str, region: str) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.session.Session(*KEYS, region_name=region).client(
        service,
        endpoint_url=endpoint_url,
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 3}, inject_host_prefix=False),
    )
