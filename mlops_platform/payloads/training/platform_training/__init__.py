"""The training entry point: fine-tunes, measures, registers and scores with text classifiers in S3.

Runs as a job of AWS Batch, or anywhere: `python -m platform_training train|evaluate|score`. Only the
AWS endpoint (AWS_ENDPOINT_URL) tells a laptop from AWS. Importing this package, its registry, its settings or its
pictures imports neither torch nor boto3.
"""

from .errors import TrainingError
from .registry import Champion, ChampionChangedError, ModelRegistry, UnknownVersionError, Version
from .stopping import EXIT_RESUME, RETRY_STRATEGY

__all__ = [
    "EXIT_RESUME",
    "RETRY_STRATEGY",
    "Champion",
    "ChampionChangedError",
    "ModelRegistry",
    "TrainingError",
    "UnknownVersionError",
    "Version",
]
