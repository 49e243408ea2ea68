"""``AthenaDashboard``: one self-contained interactive page, drawn from Athena queries."""

from mlops_platform.components.athena_dashboard.component import AthenaDashboard

__all__ = ["AthenaDashboard"]
