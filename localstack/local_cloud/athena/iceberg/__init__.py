"""Iceberg tables through PyIceberg and the Glue catalog: https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg.html

Reads, INSERT, CTAS, DELETE, UPDATE, MERGE (copy on write), time travel, schema evolution. A commit is one UpdateTable
of the Glue catalog under its optimistic lock: readers see the table before or after it, never in between.
"""

from local_cloud.athena.iceberg.tables import is_iceberg, load, table_of

__all__ = ["is_iceberg", "load", "table_of"]
