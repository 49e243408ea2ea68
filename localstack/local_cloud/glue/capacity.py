"""What a run counts as on AWS's bill: workers and DPUs, and its figures in CloudWatch.

DPUs of a worker: https://docs.aws.amazon.com/glue/latest/dg/worker-types.html. Metrics:
https://docs.aws.amazon.com/glue/latest/dg/monitoring-awsglue-with-cloudwatch-metrics.html.
"""

import logging
from typing import Any

from local_cloud.cloud import Cloud
from local_cloud.glue.base import invalid

log = logging.getLogger(__name__)
Shape = dict[str, Any]
WORKER_DPUS = {
    "Standard": 1.0, "G.025X": 0.25, "G.1X": 1.0, "G.2X": 2.0, "G.4X": 4.0, "G.8X": 8.0, "G.12X": 12.0,
    "G.16X": 16.0, "R.1X": 1.0, "R.2X": 2.0, "R.4X": 4.0, "R.8X": 8.0, "Z.2X": 2.0,
}  # fmt: skip


def capacity(job: str, members: Shape, default: float) -> Shape:
    """``MaxCapacity``, ``AllocatedCapacity``, ``WorkerType`` and ``NumberOfWorkers`` as AWS reports them.

    Raises:
        ServiceError: ``InvalidInputException`` for a worker type that is not AWS's, or workers beside capacity.
    """
    kind, number = members.get("WorkerType"), members.get("NumberOfWorkers")
    if kind is None and number is None:
        dpus = members.get("MaxCapacity") or members.get("AllocatedCapacity") or default
        return {"MaxCapacity": float(dpus), "AllocatedCapacity": int(dpus)}
    if kind is None or number is None:
        raise invalid(f"Job {job}: set both WorkerType and NumberOfWorkers, or neither.")
    if members.get("MaxCapacity") is not None:
        raise invalid(f"Job {job}: do not set MaxCapacity if using WorkerType and NumberOfWorkers.")
    if kind not in WORKER_DPUS:
        raise invalid(f"Job {job}: WorkerType must be one of {', '.join(WORKER_DPUS)}, not {kind}.")
    dpus = WORKER_DPUS[kind] * number
    return {
        "WorkerType": kind, "NumberOfWorkers": number, "MaxCapacity": dpus, "AllocatedCapacity": int(dpus),
    }  # fmt: skip


def dpu_seconds(run: Shape, arguments: Shape) -> Shape:
    """``DPUSeconds`` where AWS has it: for runs with auto scaling or of the class FLEX."""
    scaled = str(arguments.get("--enable-auto-scaling", "")).lower() == "true"
    if not scaled and run.get("ExecutionClass") != "FLEX":
        return {}
    return {"DPUSeconds": round(run.get("MaxCapacity", 0.0) * run.get("ExecutionTime", 0), 1)}


def wants_metrics(arguments: Shape) -> bool:
    """``--enable-metrics``: on if present, unless it says ``false``."""
    return "--enable-metrics" in arguments and str(arguments["--enable-metrics"]).lower() != "false"


def put_metrics(cloud: Cloud, run: Shape) -> None:
    """Put what is known of a run into CloudWatch; a failure is told in the local cloud's log.

    Of AWS's metrics that is ``glue.driver.aggregate.elapsedTime`` (milliseconds); the others are Spark's own.
    """
    metric = {
        "MetricName": "glue.driver.aggregate.elapsedTime",
        "Dimensions": [
            {"Name": "JobName", "Value": run["JobName"]},
            {"Name": "JobRunId", "Value": run["Id"]},
            {"Name": "Type", "Value": "count"},
        ],
        "Timestamp": run["CompletedOn"],
        "Value": float(run["ExecutionTime"] * 1000),
        "Unit": "Milliseconds",
    }
    try:
        cloud.client("cloudwatch").put_metric_data(Namespace="Glue", MetricData=[metric])
    except Exception:
        log.exception("The metrics of job run %s could not be put into CloudWatch.", run["Id"])
