"""The example data: the support desk of a cloud company, of any size, the same for everyone who asks for it.

`python -m local_cloud seed` fills a bucket and a PostgreSQL database it finds through their public
interfaces: S3's API, Secrets Manager and libpq. See :mod:`local_cloud.seed.command` for the options.
"""

from local_cloud.seed.command import main
from local_cloud.seed.plan import SeedSettings

__all__ = ["SeedSettings", "main"]
