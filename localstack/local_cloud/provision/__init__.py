"""Creates what the platform declares, through the public AWS APIs, and writes the infrastructure contract.

`python -m local_cloud provision < declaration.json`. Everything is idempotent: what is there and right is
left alone, what differs is updated, and nothing is touched that this program did not create.
"""

from local_cloud.provision.command import main, provision

__all__ = ["main", "provision"]
