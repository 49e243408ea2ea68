"""What the template of many small jobs has ready: the payload's modules and its S3 client, not yet connected."""

from platform_pipes import objects

objects.client()
