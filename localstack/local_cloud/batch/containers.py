"""Container properties: what is honoured, what is refused, how overrides and parameters are applied.

https://docs.aws.amazon.com/batch/latest/APIReference/API_ContainerProperties.html
https://docs.aws.amazon.com/batch/latest/userguide/job_definition_parameters.html
"""

import os
import pwd
import re
from dataclasses import dataclass
from typing import Any

from local_cloud.batch.base import Shape, invalid, refuse

RESERVED = "AWS_BATCH"
FARGATE_SIZES = {
    0.25: (512, 1024, 2048),
    0.5: tuple(range(1024, 4097, 1024)),
    1: tuple(range(2048, 8193, 1024)),
    2: tuple(range(4096, 16385, 1024)),
    4: tuple(range(8192, 30721, 1024)),
    8: tuple(range(16384, 61441, 4096)),
    16: tuple(range(32768, 122881, 8192)),
}
"""vCPUs to the MiB of memory Fargate offers with them."""
LIMITS = {
    "core": "CORE",
    "cpu": "CPU",
    "data": "DATA",
    "fsize": "FSIZE",
    "memlock": "MEMLOCK",
    "nofile": "NOFILE",
    "nproc": "NPROC",
    "stack": "STACK",
}
"""ulimits that a process can be given, to the names of their resource limits."""
_REFERENCE = re.compile(r"Ref::([A-Za-z0-9_-]+)")


@dataclass(frozen=True)
class Demand:
    """What a job needs: thousandths of a vCPU, MiB of memory, GPUs."""

    vcpus: int
    memory: int
    gpus: int


def check(properties: Shape, platforms: list[str]) -> None:
    """Refuse properties that Batch refuses, or that a process on this machine cannot honour.

    Raises:
        ServiceError: ``ClientException``.
    """
    if not properties.get("image"):
        raise invalid("Container Image is a required field")
    _check_process(properties)
    _check_environment(properties.get("environment") or [])
    names = [secret["name"] for secret in properties.get("secrets") or []]
    if any(name.startswith(RESERVED) for name in names):
        raise invalid(f"Secret names cannot start with {RESERVED}; this naming convention is reserved.")
    logs = properties.get("logConfiguration")
    if logs and logs["logDriver"] != "awslogs":
        raise invalid(
            f"logConfiguration: the local cloud supports the awslogs driver, not {logs['logDriver']}."
        )
    wanted = demand(properties)
    if "FARGATE" in platforms:
        _check_fargate(properties, wanted)


def _check_process(properties: Shape) -> None:
    what = "containerProperties"
    refuse(
        what,
        properties,
        "volumes",
        "mountPoints",
        "privileged",
        "readonlyRootFilesystem",
        "enableExecuteCommand",
    )
    refuse(
        "containerProperties.linuxParameters",
        properties.get("linuxParameters") or {},
        "devices",
        "tmpfs",
        "maxSwap",
        "swappiness",
    )
    user = properties.get("user")
    if user and user.partition(":")[0] not in (str(os.getuid()), pwd.getpwuid(os.getuid()).pw_name):
        raise invalid(
            f"containerProperties.user: the local cloud runs jobs as its own user, not as {user}. Leave it out."
        )
    for limit in properties.get("ulimits") or []:
        if limit["name"] not in LIMITS:
            raise invalid(f"containerProperties.ulimits: {limit['name']} must be one of {', '.join(LIMITS)}.")


def _check_environment(environment: list[Shape]) -> None:
    for variable in environment:
        if variable.get("name", "").startswith(RESERVED):
            raise invalid(
                f"Environment variables cannot start with {RESERVED}. This naming convention is reserved for "
                "variables that AWS Batch sets."
            )


def _check_fargate(properties: Shape, wanted: Demand) -> None:
    if wanted.gpus:
        raise invalid("GPU resource requirement is not supported on Fargate.")
    if not properties.get("executionRoleArn"):
        raise invalid("EXECUTION_ROLE_ARN is required for Fargate jobs.")
    sizes = FARGATE_SIZES.get(wanted.vcpus / 1000)
    if sizes is None:
        raise invalid(
            f"Fargate resource requirements for VCPU must be one of {', '.join(f'{size:g}' for size in FARGATE_SIZES)}."
        )
    if wanted.memory not in sizes:
        raise invalid(
            f"Fargate memory for {wanted.vcpus / 1000:g} vCPUs must be one of {sizes}, not {wanted.memory}."
        )


def demand(properties: Shape) -> Demand:
    """What the container asks for.

    Raises:
        ServiceError: ``ClientException``, nothing is asked for, twice, or too little.
    """
    values: dict[str, str] = {}
    for requirement in properties.get("resourceRequirements") or []:
        if requirement["type"] in values:
            raise invalid(f"resourceRequirements: {requirement['type']} is given twice.")
        values[requirement["type"]] = requirement["value"]
    for kind, old in (("VCPU", "vcpus"), ("MEMORY", "memory")):
        if properties.get(old) is not None and kind not in values:
            values[kind] = str(properties[old])
    if "VCPU" not in values:
        raise invalid(
            "Container properties vCPUs is a required field; give resourceRequirements of type VCPU."
        )
    if "MEMORY" not in values:
        raise invalid(
            "Container properties memory is a required field; give resourceRequirements of type MEMORY."
        )
    vcpus = round(_number("VCPU", values["VCPU"]) * 1000)
    memory, gpus = _number("MEMORY", values["MEMORY"]), _number("GPU", values.get("GPU", "0"))
    if memory < 4 or memory != int(memory):
        raise invalid(f"MEMORY must be a whole number of MiB of at least 4, not {values['MEMORY']}.")
    if gpus != int(gpus):
        raise invalid(f"GPU must be a whole number, not {values['GPU']}.")
    if vcpus < 250:
        raise invalid(f"VCPU must be at least 0.25, not {values['VCPU']}.")
    return Demand(vcpus, int(memory), int(gpus))


def override(properties: Shape, overrides: Shape) -> Shape:
    """Container properties with a SubmitJob's ``containerOverrides`` applied.

    Raises:
        ServiceError: ``ClientException``.
    """
    result = dict(properties)
    _check_environment(overrides.get("environment") or [])
    for member in ("command", "instanceType"):
        if overrides.get(member):
            result[member] = overrides[member]
    environment = {v["name"]: v for v in result.get("environment") or [] if v.get("name")}
    environment |= {v["name"]: v for v in overrides.get("environment") or [] if v.get("name")}
    result["environment"] = list(environment.values())
    requirements = {r["type"]: r for r in result.get("resourceRequirements") or []}
    for kind, old in (("VCPU", "vcpus"), ("MEMORY", "memory")):
        if overrides.get(old) is not None:
            requirements[kind] = {"type": kind, "value": str(overrides[old])}
    given = [r["type"] for r in overrides.get("resourceRequirements") or []]
    if len(set(given)) < len(given):
        raise invalid("containerOverrides.resourceRequirements: each type can be given only once.")
    requirements |= {r["type"]: r for r in overrides.get("resourceRequirements") or []}
    result["resourceRequirements"] = list(requirements.values())
    return result


def substitute(command: list[str], parameters: dict[str, str]) -> list[str]:
    """A command with ``Ref::name`` replaced; a reference to a parameter that is not there stays, as on AWS."""
    return [_REFERENCE.sub(lambda found: parameters.get(found[1], found[0]), word) for word in command]


def limits(properties: Shape) -> dict[str, list[int]]:
    """The resource limits of the container's ``ulimits``: name to (soft, hard)."""
    return {
        LIMITS[limit["name"]]: [int(limit["softLimit"]), int(limit["hardLimit"])]
        for limit in properties.get("ulimits") or []
    }


def _number(kind: str, text: Any) -> float:
    try:
        value = float(text)
    except ValueError:
        raise invalid(f"resourceRequirements: {kind} must be a number, not {text!r}.") from None
    if not 0 <= value <= 1e9:
        raise invalid(f"resourceRequirements: {kind} must be a number, not {text!r}.")
    return value
