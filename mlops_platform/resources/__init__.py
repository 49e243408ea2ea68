"""What an asset sees of AWS: one resource per service, the same on a laptop and on AWS."""

from typing import Any

from mlops_platform.resources.athena import AthenaResource
from mlops_platform.resources.aws import AwsResource
from mlops_platform.resources.glue import GlueResource
from mlops_platform.resources.postgres import PostgresResource
from mlops_platform.resources.s3 import S3Resource

__all__ = ["AthenaResource", "AwsResource", "GlueResource", "PostgresResource", "S3Resource", "resources"]


def resources() -> dict[str, Any]:
    """The resources of the platform by the names assets ask for them."""
    aws = AwsResource()
    return {
        "aws": aws,
        "athena": AthenaResource(aws=aws),
        "glue": GlueResource(aws=aws),
        "postgres": PostgresResource(aws=aws),
        "s3": S3Resource(aws=aws),
    }
