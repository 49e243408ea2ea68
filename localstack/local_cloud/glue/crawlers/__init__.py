"""Crawlers: what lies in S3 and in databases becomes tables of the catalog."""

from local_cloud.glue.crawlers.runs import Crawlers

__all__ = ["Crawlers"]
