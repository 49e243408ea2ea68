"""What an engine may use of the cloud around it."""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from local_cloud.objects import ObjectStore

ANY_KEY = "test"
"""Nobody checks keys, but a request must be signed: its signature names the service."""


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

    session: Any = boto3.session.Session(
        aws_access_key_id=ANY_KEY, aws_secret_access_key=ANY_KEY, region_name=region
    )
    config = Config(
        s3={"addressing_style": "path"},
        retries={"max_attempts": 3},
        max_pool_connections=64,
        inject_host_prefix=False,
    )
    return session.client(service, endpoint_url=endpoint_url, config=config)
