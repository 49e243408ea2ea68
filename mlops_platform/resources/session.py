"""One boto3 session per deployment, with what makes its endpoint answer and its contract readable.

A deployment that names a *starter* is started on first use, and again if it has died since; one that names a
*provisioner* is provisioned when the contract is missing or older than what is declared.
"""

import fcntl
import logging
import os
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlops_platform.declaration import Declaration
from mlops_platform.deployment import Contract, Deployment, DeploymentError, current

logger = logging.getLogger(__name__)

HEALTHY_SECONDS = 1.0  # how long an endpoint that answered is taken to be alive


class AwsSession:
    """boto3 clients and the infrastructure contract of one deployment. Safe to share between threads."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}
        self._contract: Contract | None = None
        self._alive_until = 0.0

    def client(self, service: str) -> Any:
        """A boto3 client of ``service``; starts the deployment first if it does not answer.

        Raises:
            DeploymentError: the deployment could not be started.
        """
        with self._lock:
            self._ensure_started()
            if service not in self._clients:
                self._clients[service] = self._build(service)
            return self._clients[service]

    def contract(self) -> Contract:
        """The infrastructure contract, provisioned first where the deployment can do so itself.

        Raises:
            DeploymentError: there is no contract, or it cannot be read.
        """
        if self._contract is None:
            self._contract = self._current_contract()
        return self._contract

    def provision(self, declaration: Declaration, *, seed: bool = True) -> Contract:
        """Create what is declared and answer with the new contract. One process at a time.

        Args:
            seed: fill a deployment that had no contract yet with the example data.

        Raises:
            DeploymentError: the deployment is provisioned by other means, or provisioning failed.
        """
        if self.deployment.provisioner is None:
            raise DeploymentError(
                f"The deployment {self.deployment.name!r} is provisioned by Pulumi: run `pulumi up`."
            )
        self.client("ssm")
        with _Exclusive(self.deployment.environment):
            found = self.read_contract()
            if found is None or found.declaration_digest != declaration.digest():
                run_command(
                    self.deployment.provisioner, self.deployment.environment, declaration.model_dump_json()
                )
            if seed and found is None and self.deployment.seeder is not None:
                run_command(self.deployment.seeder, self.deployment.environment)
        self._contract = self.read_contract()
        if self._contract is None:
            raise DeploymentError("Provisioning ended without writing the contract. See `mlops local logs`.")
        return self._contract

    def _current_contract(self) -> Contract:
        found = self.read_contract()
        if self.deployment.provisioner is not None:
            from mlops_platform.declared import declaration  # components import resources: load them late

            declared = declaration()
            if found is None or found.declaration_digest != declared.digest():
                return self.provision(declared)
        if found is None:
            raise DeploymentError(
                f"No infrastructure contract at SSM parameter {self.deployment.contract_parameter!r} "
                f"in {self.deployment.region}. Run `pulumi up` in pulumi/, or set MLOPS_CONTRACT."
            )
        return found

    def read_contract(self) -> Contract | None:
        """The contract as it is in SSM now, None if there is none; provisions nothing."""
        ssm = self.client("ssm")
        try:
            answer = ssm.get_parameter(Name=self.deployment.contract_parameter, WithDecryption=True)
        except ssm.exceptions.ParameterNotFound:
            return None
        return Contract.model_validate_json(answer["Parameter"]["Value"])

    def _ensure_started(self) -> None:
        if self.deployment.starter is None or time.monotonic() < self._alive_until:
            return
        if not answers(self.deployment.endpoint_url or ""):
            logger.info("Starting the local cloud at %s", self.deployment.endpoint_url)
            run_command(self.deployment.starter, self.deployment.environment)
        self._alive_until = time.monotonic() + HEALTHY_SECONDS

    def _build(self, service: str) -> Any:
        import boto3
        from botocore.config import Config

        access_key, secret_key = self.deployment.credentials or (None, None)
        session = boto3.session.Session(
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            region_name=self.deployment.region,
        )
        path_style = {"addressing_style": "path"} if self.deployment.endpoint_url else {}
        return session.client(  # type: ignore[call-overload]  # the stubs know service names only as literals
            service,
            endpoint_url=self.deployment.endpoint_url,
            config=Config(
                s3=path_style,  # type: ignore[arg-type]
                # botocore still signs S3's presigned URLs by version 2, which KMS-encrypted objects refuse
                signature_version="s3v4" if service == "s3" else None,
                retries={"mode": "standard", "max_attempts": 4},
            ),
        )


_sessions: dict[str, AwsSession] = {}


def current_session() -> AwsSession:
    """The process's one session of the deployment that the settings name now."""
    deployment = current()
    return _sessions.setdefault(repr(deployment), AwsSession(deployment))


def answers(endpoint_url: str) -> bool:
    """Whether something listens where the endpoint says."""
    parts = urlsplit(endpoint_url)
    try:
        with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 80), timeout=2):
            return True
    except OSError:
        return False


def run_command(command: tuple[str, ...], environment: Mapping[str, str], stdin: str = "") -> str:
    """Run one of the deployment's commands to its end and answer with its output.

    Raises:
        DeploymentError: the command failed; the message carries what it printed.
    """
    done = subprocess.run(
        command,
        input=stdin,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-12:]
        raise DeploymentError(f"`{' '.join(command[1:])}` failed:\n" + "\n".join(said))
    return done.stdout


class _Exclusive:
    """A lock between processes, kept in the deployment's state folder."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._path = Path(environment["LOCAL_CLOUD_DIR"]) / "provision.lock"

    def __enter__(self) -> None:
        self._file = self._path.open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()
