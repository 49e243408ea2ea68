"""What the declared platform needs from AWS: the one description every deployment is provisioned from.

The components under ``mlops_platform/defs`` say what they need; this module gathers it into one JSON
document. The local cloud and the Pulumi program read that document, create what it names and answer with the
infrastructure contract (:mod:`mlops_platform.deployment`). Nothing here does I/O beyond reading ``defs``.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CsvSourceNeeds(_Frozen):
    """Daily CSV drops: a prefix of the raw bucket, and a queue of the events that announce new objects."""

    name: str
    prefix: str = Field(description="Key prefix in the raw bucket, ends with '/'.")


class PostgresNeeds(_Frozen):
    """A PostgreSQL database: its secret in Secrets Manager and the Glue connection that uses it."""

    name: str = Field(description="Name of the Glue connection.")
    secret_id: str = Field(description="Secrets Manager name; the secret is JSON as RDS writes it.")
    database: str = Field(description="The database a deployment creates when the secret does not exist yet.")


class GlueJobNeeds(_Frozen):
    """A Glue job: AWS's CreateJob in the terms a table's declaration uses."""

    name: str
    script: str = Field(description="Path of the script file on the machine that provisions.")
    connections: tuple[str, ...] = ()
    default_arguments: dict[str, str] = {}
    command: str = "glueetl"
    glue_version: str = "5.0"
    worker_type: str = "G.1X"
    number_of_workers: int = 2
    timeout_minutes: int = 60
    max_retries: int = 0


class Declaration(_Frozen):
    """Everything the declared components need, merged and sorted by name."""

    csv_sources: tuple[CsvSourceNeeds, ...] = ()
    postgres: tuple[PostgresNeeds, ...] = ()
    databases: tuple[str, ...] = Field(default=(), description="Glue databases.")
    glue_jobs: tuple[GlueJobNeeds, ...] = ()

    def digest(self) -> str:
        """SHA-256 of the declaration and of the files it names, in hex.

        Script paths count by content, not by place, so that two checkouts of the same code agree.
        """
        text = hashlib.sha256()
        for job in self.glue_jobs:
            text.update(Path(job.script).read_bytes())
        anonymous = self.model_copy(
            update={"glue_jobs": tuple(j.model_copy(update={"script": ""}) for j in self.glue_jobs)}
        )
        text.update(anonymous.model_dump_json().encode())
        return text.hexdigest()


Needs = TypeVar("Needs", CsvSourceNeeds, PostgresNeeds, GlueJobNeeds)


class ConflictingDeclarationError(ValueError):
    """Two components declare different things under one name."""


def merge(parts: Iterable[Declaration]) -> Declaration:
    """One declaration of many; the same need stated twice counts once.

    Raises:
        ConflictingDeclarationError: two components use one name for different things.
    """
    parts = list(parts)
    return Declaration(
        csv_sources=_unique([s for p in parts for s in p.csv_sources], "S3CsvSource"),
        postgres=_unique([s for p in parts for s in p.postgres], "PostgresSource"),
        databases=tuple(sorted({d for p in parts for d in p.databases})),
        glue_jobs=_unique([j for p in parts for j in p.glue_jobs], "GlueTable"),
    )


def _unique(needs: list[Needs], component: str) -> tuple[Needs, ...]:
    by_name: dict[str, Needs] = {}
    for need in needs:
        if by_name.setdefault(need.name, need) != need:
            raise ConflictingDeclarationError(
                f"Two {component} components are named {need.name!r} but differ. Rename one in its defs.yaml."
            )
    return tuple(by_name[name] for name in sorted(by_name))
