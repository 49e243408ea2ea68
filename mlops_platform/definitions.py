"""The Dagster code location: everything declared under ``defs``, with the platform's resources."""

import warnings
from pathlib import Path

import dagster as dg

from mlops_platform.resources import resources


@dg.definitions
def defs() -> dg.Definitions:
    """Load what is declared. Reads files, opens no connection."""
    declared = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
    # Dagster passes a beta parameter to itself for every asset check that stands alone.
    warnings.filterwarnings("ignore", message="Parameter `execution_type`", category=dg.BetaWarning)
    return dg.Definitions.merge(declared, dg.Definitions(resources=resources()))
