"""The job's S3 client. The endpoint, where it is not AWS's, comes from AWS_ENDPOINT_URL."""

from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def client() -> Any:
    """One S3 client for all of this package."""
    import boto3
    from botocore.config import Config

    return boto3.client("s3", config=Config(retries={"mode": "standard", "max_attempts": 6}))
