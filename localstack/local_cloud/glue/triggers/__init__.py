"""Triggers and workflows: jobs and crawlers started by schedules, by hand, and by each other."""

from local_cloud.glue.triggers.workflows import Workflows

__all__ = ["Workflows"]
