"""``PipesBatchClient``: jobs on AWS Batch as part of Dagster steps."""

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Literal
from weakref import WeakKeyDictionary

import dagster as dg
from dagster import PipesClientCompletedInvocation
from dagster._core.definitions.resource_annotation import TreatAsResourceParam
from dagster_pipes import PipesExtras

from mlops_platform.pipes.adoption import Call
from mlops_platform.pipes.batch_run import BatchRun, Settings, new_base
from mlops_platform.pipes.request import job_request
from mlops_platform.pipes.watcher import Clients


class PipesBatchClient(dg.PipesClient, TreatAsResourceParam):
    """Runs jobs and array jobs on AWS Batch, and shows in Dagster what they report.

    .. code-block:: python

        @dg.asset
        def model(context: dg.AssetExecutionContext, batch: PipesBatchClient) -> dg.MaterializeResult:
            return batch.run(
                context=context,
                job_definition="training",
                job_queue="gpu",
                command=["python", "-m", "train"],
                extras={"epochs": 3},
            ).get_materialize_result()

        dg.Definitions(assets=[model], resources={"batch": PipesBatchClient(bucket="my-bucket")})

    What an earlier try of the step left running (its worker died) is adopted, not started again.

    Args:
        bucket: where contexts and messages lie; or a function that says so when a job is run.
        prefix: of their keys. Nothing is deleted: give the prefix a lifecycle rule.
        clients: service name ("batch", "s3", "logs") to boto3 client; boto3's default session where not given.
    """

    def __init__(
        self,
        *,
        bucket: str | Callable[[], str],
        prefix: str = "dagster-pipes",
        clients: Clients | None = None,
    ) -> None:
        self._bucket, self._prefix = bucket, prefix
        self.clients = clients or default_clients

    @classmethod
    def _is_dagster_maintained(cls) -> bool:
        return False

    def run(  # type: ignore[override]  # the base takes **kwargs for what each client adds
        self,
        *,
        context: dg.OpExecutionContext | dg.AssetExecutionContext,
        job_definition: str,
        job_queue: str,
        command: Sequence[str] | None = None,
        parameters: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        container_overrides: Mapping[str, Any] | None = None,
        array_size: int | None = None,
        array_keys: Sequence[str] | None = None,
        child_retries: int = 0,
        extras: PipesExtras | None = None,
        tags: Mapping[str, str] | None = None,
        submit_job: Mapping[str, Any] | None = None,
        job_name: str | None = None,
        launch_key: str | None = None,
        runnable_timeout: float | None = None,
        messages: Literal["s3", "cloudwatch"] = "s3",
        show_log: bool = False,
    ) -> PipesClientCompletedInvocation:
        """Run a job to its end.

        If the wait is broken off (the Dagster run is cancelled), the job is terminated.

        Args:
            context: of the step.
            job_definition: name, name:revision or ARN.
            job_queue: name or ARN.
            command: instead of the definition's.
            parameters: for the definition's ``Ref::`` placeholders.
            environment: more environment variables.
            container_overrides: SubmitJob's ``containerOverrides``, e.g. ``resourceRequirements``.
            array_size: an array job of so many children, up to 10,000; of one: a plain job.
            array_keys: what each child works on, e.g. ``context.partition_keys``: an array of that size, whose
                children ask ``platform_pipes.array_key()``. With partition keys, what a child reports of an asset
                goes to its partition.
            child_retries: how often an array's failed children, and only they, are run again after the attempts that
                the job's own retry strategy gives them. The children must open Pipes with ``platform_pipes`` and ask
                ``array_index()`` for their index. A retry of the step runs only the failed ones, too.
            extras: what the job finds in ``pipes.extras``; JSON.
            tags: of the job, added to Dagster's own.
            submit_job: further members of SubmitJob, e.g. ``retryStrategy``, ``timeout``, ``dependsOn``.
            job_name: the readable part of the job's name; default: the step's key.
            launch_key: names this call among several in one step, by which a retry finds the job again; needed where
                calls are made from several threads; default: the calls are counted.
            runnable_timeout: seconds after which a job that could not start is given up; default: it waits.
            messages: ``cloudwatch`` reads messages that the job prints, for jobs without access to S3 (the context
                then goes by environment, up to 8 KB); not for arrays.
            show_log: print the job's log as it grows; not for arrays.

        Raises:
            BatchJobError: the job did not succeed; a ``dagster.Failure``, so the step's retry policy applies.
            BatchUnreachableError: AWS Batch did not answer for a quarter of an hour.
            ValueError: the arguments contradict each other.
        """
        if (array_size is not None or array_keys is not None) and (messages != "s3" or show_log):
            raise ValueError(
                "Each child of an array has a log of its own: messages='s3' and show_log=False go with arrays."
            )
        request = job_request(
            job_definition=job_definition,
            job_queue=job_queue,
            command=command,
            parameters=parameters,
            environment=environment,
            container_overrides=container_overrides,
            array_size=array_size,
            array_keys=array_keys,
            extras={**(extras or {}), **({"array_keys": list(array_keys)} if array_keys else {})},
            tags=tags,
            submit_job=submit_job,
        )
        step = context.get_step_execution_context()
        call = Call(context, key=launch_key or _count(step), label=job_name or step.step.key)
        settings = Settings(
            bucket=self._bucket if isinstance(self._bucket, str) else self._bucket(),
            base=new_base(self._prefix, context),
            through_log=messages == "cloudwatch",
            array_keys=list(array_keys or ()),
            child_retries=child_retries,
            runnable_timeout=runnable_timeout,
            show_log=_print if show_log else None,
        )
        return BatchRun(call, request, self.clients, settings).run(extras or {})


@cache
def default_clients(service: str) -> Any:
    """One client per service of boto3's default session."""
    import boto3
    from botocore.config import Config

    config = Config(retries={"mode": "standard", "max_attempts": 5})
    return boto3.client(service, config=config)  # type: ignore[call-overload]  # the stubs know literals only


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the step's stdout is where Dagster keeps a job's log


_calls: "WeakKeyDictionary[Any, int]" = WeakKeyDictionary()
_calls_lock = threading.Lock()


def _count(step: Any) -> str:
    """The number of this call in its step, from 1."""
    with _calls_lock:
        _calls[step] = _calls.get(step, 0) + 1
        return str(_calls[step])
