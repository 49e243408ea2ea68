"""`python -m local_cloud provision`: the declaration in, the contract out."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from local_cloud.provision.buckets import ensure_bucket, ensure_object_events
from local_cloud.provision.catalog import ensure_connection, ensure_database, ensure_workgroup
from local_cloud.provision.databases import ensure_postgres_secret
from local_cloud.provision.events import ensure_source_events
from local_cloud.provision.jobs import ensure_jobs
from local_cloud.provision.names import Names
from local_cloud.provision.role import ensure_glue_role
from local_cloud.provision.site import Site
from mlops_platform.declaration import Declaration
from mlops_platform.deployment import Contract, PostgresContract


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command. Changes are told on standard error, one a line; the contract goes to standard output.

    Returns:
        0; 1 when a service does not answer or refuses; 2 when the declaration cannot be read.
    """
    options = _parser().parse_args(argv)
    try:
        declaration = _read(options.declaration)
    except (OSError, ValidationError) as error:
        sys.stderr.write(f"provision: the declaration {options.declaration!r} cannot be used: {error}\n")
        return 2
    site = Site(options.endpoint_url, options.region, tell=_tell)
    try:
        contract = provision(declaration, site, options.contract)
    except Exception as error:
        if not _expected(error):
            raise
        sys.stderr.write(f"provision: {error}\n")
        return 1
    sys.stdout.write(contract.model_dump_json(indent=2) + "\n")
    return 0


def provision(declaration: Declaration, site: Site, parameter: str) -> Contract:
    """Creates or mends everything the declaration needs, then writes the contract to SSM, last of all.

    Raises:
        botocore.exceptions.ClientError: a service refuses; what was created so far stays, and the next call
        goes on.
    """
    names = Names()
    for bucket in (names.raw_bucket, names.lake_bucket, names.artifacts_bucket):
        ensure_bucket(site, bucket)
    ensure_object_events(site, names.raw_bucket)
    sources = {
        source.name: ensure_source_events(site, names, source.name, source.prefix)
        for source in declaration.csv_sources
    }
    for database in declaration.databases:
        ensure_database(site, database)
    ensure_workgroup(site, names.workgroup, f"s3://{names.artifacts_bucket}/athena/")
    postgres = {}
    secrets = []
    for needs in declaration.postgres:
        secret = ensure_postgres_secret(site, needs.secret_id, needs.database)
        ensure_connection(site, needs.name, needs.secret_id, secret.jdbc_url)
        secrets.append(secret.arn)
        postgres[needs.name] = PostgresContract(secret_id=needs.secret_id, glue_connection=needs.name)
    role = ensure_glue_role(site, names, declaration, secrets)
    contract = Contract(
        region=site.region,
        account_id=site.account_id,
        declaration_digest=declaration.digest(),
        raw_bucket=names.raw_bucket,
        lake_bucket=names.lake_bucket,
        artifacts_bucket=names.artifacts_bucket,
        athena_workgroup=names.workgroup,
        glue_role_arn=role,
        csv_sources=sources,
        postgres=postgres,
        databases=declaration.databases,
        glue_jobs=ensure_jobs(site, names, declaration.glue_jobs, role),
    )
    _write_contract(site, parameter, contract)
    return contract


def _write_contract(site: Site, parameter: str, contract: Contract) -> None:
    ssm, text = site.client("ssm"), contract.model_dump_json()
    found = site.found(lambda: ssm.get_parameter(Name=parameter), "ParameterNotFound")
    if found is None or found["Parameter"]["Value"] != text:
        ssm.put_parameter(Name=parameter, Value=text, Type="String", Overwrite=True)
        site.tell(f"contract written to SSM parameter {parameter}")


def _read(path: str) -> Declaration:
    text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    return Declaration.model_validate_json(text)


def _tell(line: str) -> None:
    sys.stderr.write(f"provision: {line}\n")


def _expected(error: Exception) -> bool:
    """True for what a user can mend; anything else is a defect and keeps its traceback."""
    from botocore.exceptions import BotoCoreError, ClientError
    from psycopg import Error as PsycopgError

    from local_cloud.postgres import PostgresError

    return isinstance(
        error, BotoCoreError | ClientError | PsycopgError | PostgresError | OSError | ValueError
    )


def _parser() -> argparse.ArgumentParser:
    port = os.environ.get("LOCAL_CLOUD_PORT", "4566")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    parser = argparse.ArgumentParser("local_cloud provision", description="Creates what is declared.")
    parser.add_argument(
        "declaration", nargs="?", default="-", help="a JSON file; - or nothing: standard input"
    )
    parser.add_argument(
        "--endpoint-url", default=os.environ.get("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    )
    parser.add_argument("--region", default=region)
    parser.add_argument("--contract", default=os.environ.get("MLOPS_CONTRACT", "/mlops/contract"))
    return parser
