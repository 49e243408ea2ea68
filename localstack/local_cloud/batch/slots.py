"""What this machine can run at once: vCPUs, memory and GPUs, shared by all compute environments."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_cloud.batch.containers import Demand
from local_cloud.batch.environments import FARGATE

Shape = dict[str, Any]
_GPU_TYPE = re.compile(r"(p|g)\d")
MAX_RESOURCE = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
REQUIREMENT = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"


@dataclass(slots=True)
class Capacity:
    """vCPUs in thousandths, memory in MiB, GPUs."""

    vcpus: int
    memory: int
    gpus: int

    def holds(self, demand: Demand) -> bool:
        """Whether the demand fits."""
        return demand.vcpus <= self.vcpus and demand.memory <= self.memory and demand.gpus <= self.gpus

    def take(self, demand: Demand) -> None:
        """Less by the demand; may go below zero when it is only kept back."""
        self.vcpus -= demand.vcpus
        self.memory -= demand.memory
        self.gpus -= demand.gpus

    def give(self, demand: Demand) -> None:
        """The inverse of ``take``."""
        self.vcpus += demand.vcpus
        self.memory += demand.memory
        self.gpus += demand.gpus


def machine(environ: Mapping[str, str] = os.environ) -> Capacity:
    """This machine, or what the settings say of it.

    ``LOCAL_CLOUD_BATCH_VCPUS``, ``LOCAL_CLOUD_BATCH_MEMORY_MIB``, ``LOCAL_CLOUD_BATCH_GPUS``.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1 << 20)
    gpus = len([entry for entry in Path("/dev").glob("nvidia*") if entry.name[6:].isdigit()])
    return Capacity(
        vcpus=round(float(environ.get("LOCAL_CLOUD_BATCH_VCPUS") or os.cpu_count() or 1) * 1000),
        memory=int(environ.get("LOCAL_CLOUD_BATCH_MEMORY_MIB") or memory),
        gpus=int(environ.get("LOCAL_CLOUD_BATCH_GPUS") or gpus),
    )


@dataclass(slots=True)
class Environment:
    """A compute environment's limits and use."""

    name: str
    enabled: bool
    most_vcpus: int
    gpus: bool
    spot: bool
    used_vcpus: int = 0

    @classmethod
    def of(cls, body: Shape) -> "Environment":
        """From the stored shape. GPUs come with the instance families p and g, as on AWS."""
        resources = body.get("computeResources")
        if resources is None:
            most = body.get("unmanagedvCpus") or 1 << 20
            return cls(body["computeEnvironmentName"], body["state"] == "ENABLED", most * 1000, True, False)
        return cls(
            name=body["computeEnvironmentName"],
            enabled=body["state"] == "ENABLED",
            most_vcpus=resources["maxvCpus"] * 1000,
            gpus=resources["type"] not in FARGATE
            and any(_GPU_TYPE.match(kind) for kind in resources.get("instanceTypes", [])),
            spot="SPOT" in resources["type"],
        )


@dataclass(frozen=True)
class Place:
    """Where an attempt runs: the environment and the numbers of its GPUs."""

    environment: str
    demand: Demand
    gpus: tuple[int, ...]


@dataclass
class Slots:
    """What is free, and what the first job that has to wait keeps for itself.

    Strict order without starving anyone: a job that has to wait keeps what it needs of what is free, and those
    behind it may use the rest. A job that waits for a GPU does not hold up jobs that need none.
    """

    total: Capacity
    environments: dict[str, Environment] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.free = Capacity(self.total.vcpus, self.total.memory, self.total.gpus)
        self._kept: list[Demand] = []
        self._free_gpus = list(range(self.total.gpus))

    def replace(self, bodies: list[Shape]) -> None:
        """The environments have changed; what runs in them runs on."""
        old = self.environments
        self.environments = {body["computeEnvironmentName"]: Environment.of(body) for body in bodies}
        for name, environment in self.environments.items():
            if name in old:
                environment.used_vcpus = old[name].used_vcpus

    def take(self, order: list[str], demand: Demand) -> Place | None:
        """A place in the first environment of the order that has room, taken; None where there is none now."""
        if not self.free.holds(demand):
            return None
        for name in order:
            environment = self.environments.get(name)
            if environment is None or self._misfit(environment, demand):
                continue
            if environment.used_vcpus + demand.vcpus <= environment.most_vcpus:
                environment.used_vcpus += demand.vcpus
                self.free.take(demand)
                gpus = tuple(self._free_gpus[: demand.gpus])
                del self._free_gpus[: demand.gpus]
                return Place(name, demand, gpus)
        return None

    def release(self, place: Place) -> None:
        """The inverse of ``take``."""
        self.free.give(place.demand)
        self._free_gpus = sorted([*self._free_gpus, *place.gpus])
        environment = self.environments.get(place.environment)
        if environment is not None:
            environment.used_vcpus -= place.demand.vcpus

    def keep(self, demand: Demand) -> None:
        """Keep room for a job that waits, until ``forget``."""
        self.free.take(demand)
        self._kept.append(demand)

    def forget(self) -> None:
        """Nothing is kept any more."""
        for demand in self._kept:
            self.free.give(demand)
        self._kept.clear()

    def never(self, order: list[str], demand: Demand) -> str:
        """Why a job can never run in these environments, in AWS's words and with the numbers; '' if it can."""
        found = [self.environments[name] for name in order if name in self.environments]
        if not any(environment.enabled for environment in found):
            return "No compute environment of the job queue is ENABLED."
        reasons = [self._misfit(environment, demand) for environment in found if environment.enabled]
        return "" if "" in reasons else reasons[0]

    def _misfit(self, environment: Environment, demand: Demand) -> str:
        if not environment.enabled:
            return "disabled"
        if demand.vcpus > environment.most_vcpus:
            return (
                f"{MAX_RESOURCE} - The job needs {demand.vcpus / 1000:g} vCPUs; maxvCpus of {environment.name} is "
                f"{environment.most_vcpus / 1000:g}."
            )
        if demand.gpus and not environment.gpus:
            return f"{REQUIREMENT} - The job needs {demand.gpus} GPUs; instances of {environment.name} have none."
        if not self.total.holds(demand):
            return (
                f"{REQUIREMENT} - The job needs {demand.vcpus / 1000:g} vCPUs, {demand.memory} MiB and "
                f"{demand.gpus} GPUs; this machine has {self.total.vcpus / 1000:g} vCPUs, {self.total.memory} MiB and "
                f"{self.total.gpus} GPUs (LOCAL_CLOUD_BATCH_VCPUS, LOCAL_CLOUD_BATCH_MEMORY_MIB and "
                "LOCAL_CLOUD_BATCH_GPUS say otherwise)."
            )
        return ""
