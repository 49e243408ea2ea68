"""Which deployment this is, and the infrastructure contract it offers.

A deployment is *data*: the endpoint of the AWS APIs and the commands that start and provision what answers
there. Everything else in the platform is the same code on a laptop and on AWS. This is the one module that
reads the settings.

========================= ============================================================== =================
setting                   meaning                                                        default
========================= ============================================================== =================
``MLOPS_DEPLOYMENT``      ``local``, ``localstack`` or ``aws``                           ``local``
``MLOPS_CONTRACT``        SSM parameter that holds the infrastructure contract           ``/mlops/contract``
``AWS_REGION``            region of every client                                         ``us-east-1``
``LOCAL_CLOUD_PORT``      port of the embedded local cloud                               4566 (4567 before
                                                                                         an emulator)
``LOCAL_CLOUD_DIR``       its state folder                                               ``.local_cloud``
``MLOPS_SEED_ROWS``       tickets in the example data of a new local cloud; 0 for none   10,000
``AWS_ENDPOINT_URL``,     in ``localstack``: where the external emulator listens         ``localhost:4566``
``LOCALSTACK_HOST``       (read by ``localstack-client``)
========================= ============================================================== =================
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict


class DeploymentError(Exception):
    """The deployment cannot be used as it is; the message says what is wrong and how to mend it."""


@dataclass(frozen=True)
class Deployment:
    """Where the AWS APIs answer, and what makes them answer.

    Attributes:
        endpoint_url: base URL of every AWS API; None means AWS's own endpoints.
        starter: command that makes the endpoint answer (idempotent); None where nothing is to be started.
        provisioner: command that reads a :class:`~mlops_platform.declaration.Declaration` as JSON on its
            standard input, creates what it needs and writes the contract; None where Pulumi does it.
        seeder: command that fills a newly provisioned deployment with the example data; None for none.
        environment: added to the environment of these commands.
        console_url: where AWS's console shows the deployment's things; None where there is no console.
        credentials: (access key id, secret access key); None leaves the choice to boto3's default chain.
    """

    name: str
    endpoint_url: str | None
    region: str
    contract_parameter: str
    starter: tuple[str, ...] | None = None
    provisioner: tuple[str, ...] | None = None
    seeder: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    credentials: tuple[str, str] | None = None
    console_url: str | None = None


class CsvSourceContract(BaseModel):
    """Where a CSV source's drops lie and where its events arrive."""

    model_config = ConfigDict(frozen=True)
    bucket: str
    prefix: str
    queue_url: str
    dead_letter_queue_url: str


class PostgresContract(BaseModel):
    """A PostgreSQL database as Glue and the platform reach it."""

    model_config = ConfigDict(frozen=True)
    secret_id: str
    glue_connection: str


class Contract(BaseModel):
    """The names of everything provisioned: one JSON document in SSM Parameter Store.

    Written by whoever provisions (the local cloud's ``provision``, or Pulumi), read at run time, never when
    definitions load. An unknown field is ignored, so that an older code location can read a newer contract.
    """

    model_config = ConfigDict(frozen=True)
    version: int = 1
    region: str
    account_id: str
    declaration_digest: str
    raw_bucket: str
    lake_bucket: str
    artifacts_bucket: str
    athena_workgroup: str
    glue_role_arn: str
    csv_sources: dict[str, CsvSourceContract] = {}
    postgres: dict[str, PostgresContract] = {}
    databases: tuple[str, ...] = ()
    glue_jobs: dict[str, str] = {}

    def csv_source(self, name: str) -> CsvSourceContract:
        """Raises DeploymentError: the source is not provisioned."""
        return _named(self.csv_sources, name, "CSV source")

    def postgres_source(self, name: str) -> PostgresContract:
        """Raises DeploymentError: the source is not provisioned."""
        return _named(self.postgres, name, "PostgreSQL source")

    def glue_job(self, name: str) -> str:
        """The job's physical name. Raises DeploymentError: it is not provisioned."""
        return _named(self.glue_jobs, name, "Glue job")


Item = TypeVar("Item")


def _named(items: Mapping[str, Item], name: str, kind: str) -> Item:
    if name not in items:
        known = ", ".join(sorted(items)) or "none"
        raise DeploymentError(
            f"The {kind} {name!r} is declared but not provisioned (provisioned: {known}). "
            "Run `mlops provision` on a laptop, `pulumi up` for AWS."
        )
    return items[name]


def project_root() -> Path:
    """The checkout: the nearest folder upward from the working directory with a ``workspace.yaml``."""
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / "workspace.yaml").is_file():
            return folder
    return Path(__file__).resolve().parents[1]


def current() -> Deployment:
    """The deployment named by ``MLOPS_DEPLOYMENT``.

    Raises:
        DeploymentError: the name is none of the known ones.
    """
    name = os.environ.get("MLOPS_DEPLOYMENT", "local")
    if name not in _DEPLOYMENTS:
        raise DeploymentError(f"MLOPS_DEPLOYMENT={name!r} is unknown. Set one of: {', '.join(_DEPLOYMENTS)}.")
    return _DEPLOYMENTS[name]()


def _local() -> Deployment:
    return _local_cloud("local", default_port=4566, folder=".local_cloud", upstream={})


def _localstack() -> Deployment:
    from localstack_client.config import get_service_endpoint

    upstream = str(get_service_endpoint("s3"))
    return _local_cloud(
        "localstack",
        default_port=4567,
        folder=".local_cloud.localstack",
        upstream={
            "LOCAL_CLOUD_UPSTREAM": upstream,
            "LOCAL_CLOUD_POSTGRES_PORT": os.environ.get("LOCAL_CLOUD_POSTGRES_PORT", "5434"),
        },
    )


def _local_cloud(name: str, *, default_port: int, folder: str, upstream: dict[str, str]) -> Deployment:
    port = os.environ.get("LOCAL_CLOUD_PORT", str(default_port))
    state = os.environ.get("LOCAL_CLOUD_DIR", str(project_root() / folder))
    command = (sys.executable, "-m", "local_cloud")
    return Deployment(
        name=name,
        endpoint_url=f"http://127.0.0.1:{port}",
        region=_region(),
        contract_parameter=_contract_parameter(),
        starter=(*command, "up"),
        provisioner=(*command, "provision"),
        seeder=(*command, "seed") if os.environ.get("MLOPS_SEED_ROWS") != "0" else None,
        environment={
            "LOCAL_CLOUD_PORT": port,
            "LOCAL_CLOUD_DIR": state,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",  # whatever it is here, say the emulator behind
            "AWS_DEFAULT_REGION": _region(),
            **upstream,
        },
        credentials=("test", "test"),
    )


def _aws() -> Deployment:
    return Deployment(
        "aws",
        endpoint_url=None,
        region=_region(),
        contract_parameter=_contract_parameter(),
        console_url=f"https://{_region()}.console.aws.amazon.com",
    )


def _region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def _contract_parameter() -> str:
    return os.environ.get("MLOPS_CONTRACT", "/mlops/contract")


_DEPLOYMENTS: dict[str, Callable[[], Deployment]] = {
    "local": _local,
    "localstack": _localstack,
    "aws": _aws,
}
