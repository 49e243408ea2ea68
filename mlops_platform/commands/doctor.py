"""``mlops doctor``: is everything the platform names really there, and if not, what to do."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import click

from mlops_platform.deployment import Contract, DeploymentError, current
from mlops_platform.resources import AthenaResource, AwsResource, PostgresResource
from mlops_platform.resources.session import AwsSession, answers, current_session


@dataclass(frozen=True)
class Finding:
    """One thing looked at: what it is, and what is wrong with it (None: nothing)."""

    what: str
    problem: str | None


@click.command()
def doctor() -> None:
    """Check every endpoint and every name of the deployment; say what is wrong and how to mend it."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(soft_wrap=True)
    deployment = current()
    where = deployment.endpoint_url or "AWS"
    console.print(f"Deployment [bold]{deployment.name}[/bold] at {where} ({deployment.region})")
    problems = 0
    for finding in examine(current_session()):
        mark = "[green]ok  [/green]" if finding.problem is None else "[red]FAIL[/red]"
        console.print(f"{mark} {escape(finding.what)}")
        if finding.problem is not None:
            problems += 1
            console.print(f"     [red]{escape(finding.problem)}[/red]")
    console.print("Everything is in order." if not problems else f"{problems} to mend.")
    sys.exit(1 if problems else 0)


def examine(session: AwsSession) -> Iterator[Finding]:
    """Look at the endpoint, the contract and every name in it; what rests on a failure is left out."""
    deployment = session.deployment
    if deployment.endpoint_url is not None:
        up = answers(deployment.endpoint_url)
        yield Finding(
            f"endpoint {deployment.endpoint_url}", None if up else "Nothing answers. Run `mlops local up`."
        )
        if not up:
            return
    contract = session.read_contract()
    if contract is None:
        yield Finding(
            f"contract {deployment.contract_parameter}",
            "Not in SSM. Run `mlops provision` (AWS: `pulumi up`).",
        )
        return
    yield Finding(f"contract {deployment.contract_parameter}", _stale(contract))
    yield from _names(session, contract)


def _stale(contract: Contract) -> str | None:
    from mlops_platform.declared import declaration

    if contract.declaration_digest == declaration().digest():
        return None
    return "Older than what defs.yaml files declare. Run `mlops provision` (AWS: `pulumi up`)."


def _names(session: AwsSession, contract: Contract) -> Iterator[Finding]:
    s3, sqs, glue = session.client("s3"), session.client("sqs"), session.client("glue")
    for bucket in (contract.raw_bucket, contract.lake_bucket, contract.artifacts_bucket):
        yield _try(f"bucket {bucket}", s3.head_bucket, Bucket=bucket)
    yield _try(f"events of {contract.raw_bucket} go to EventBridge", _events_on, s3, contract.raw_bucket)
    for name, source in sorted(contract.csv_sources.items()):
        for url in (source.queue_url, source.dead_letter_queue_url):
            yield _try(f"queue {url.rpartition('/')[2]}", sqs.get_queue_attributes, QueueUrl=url)
        yield _try(f"dead letters of {name}", _no_dead_letters, sqs, source.dead_letter_queue_url)
    for database in contract.databases:
        yield _try(f"Glue database {database}", glue.get_database, Name=database)
    for job in sorted(contract.glue_jobs.values()):
        yield _try(f"Glue job {job}", glue.get_job, JobName=job)
    yield from _engines(contract, glue)


def _engines(contract: Contract, glue: Any) -> Iterator[Finding]:
    aws = AwsResource()
    for name, postgres in sorted(contract.postgres.items()):
        yield _try(f"Glue connection {name}", glue.get_connection, Name=postgres.glue_connection)
        yield _try(f"PostgreSQL {name}", _connect, PostgresResource(aws=aws), name)
    database = next(iter(contract.databases), "default")
    ask = AthenaResource(aws=aws, timeout_seconds=60).query
    yield _try(f"Athena workgroup {contract.athena_workgroup} answers", ask, "SELECT 1", database=database)


def _try(what: str, look: Callable[..., object], *arguments: object, **named: object) -> Finding:
    try:
        look(*arguments, **named)
    except Exception as error:  # noqa: BLE001 - whatever a look raises is the finding
        return Finding(what, f"{type(error).__name__}: {error}. `mlops provision` creates what is missing.")
    return Finding(what, None)


def _events_on(s3: Any, bucket: str) -> None:
    configuration = s3.get_bucket_notification_configuration(Bucket=bucket)
    if "EventBridgeConfiguration" not in configuration:
        raise DeploymentError(f"{bucket} sends no events to EventBridge, so no sensor will see a new drop")


def _no_dead_letters(sqs: Any, url: str) -> None:
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    count = int(answer["Attributes"]["ApproximateNumberOfMessages"])
    if count:
        raise DeploymentError(f"{count} messages nobody understood lie in {url.rpartition('/')[2]}")


def _connect(postgres: PostgresResource, source: str) -> None:
    with postgres.connect(source) as connection:
        connection.execute("SELECT 1")
