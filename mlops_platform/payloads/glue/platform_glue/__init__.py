"""Helpers of Glue jobs: dirty CSV in, whole partitions out. Needs boto3 and PySpark (Glue 5.0), nothing
else.
"""

from .csv_rows import Row, read_rows
from .drops import DropObject, list_drops, read_drops
from .publish import PublishError, TableWriter

__all__ = ["DropObject", "PublishError", "Row", "TableWriter", "list_drops", "read_drops", "read_rows"]
