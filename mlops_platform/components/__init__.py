"""What a user can declare in a ``defs.yaml``: one module per kind of thing."""

from mlops_platform.components.athena_dashboard import AthenaDashboard
from mlops_platform.components.athena_views import AthenaViews
from mlops_platform.components.glue_table import GlueTable
from mlops_platform.components.postgres_source import PostgresSource
from mlops_platform.components.s3_csv_source import S3CsvSource

__all__ = ["AthenaDashboard", "AthenaViews", "GlueTable", "PostgresSource", "S3CsvSource"]
