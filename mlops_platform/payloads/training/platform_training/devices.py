"""The chip a job runs on: threads, precision, determinism, and its place among other processes."""

import json
import os
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import TrainingError

if TYPE_CHECKING:
    import torch

_METADATA = "ECS_CONTAINER_METADATA_URI_V4"  # ECS tells a container its limits there


def set_threads(asked: int = 0) -> int:
    """Sets this process's threads to the job's vCPUs; call it before torch is imported.

    Threads that wait give their core back: OpenMP's default is to spin, which costs up to eight times the
    time where several jobs share the cores.

    Returns:
        the number of threads.
    """
    threads = asked or int(os.environ.get("OMP_NUM_THREADS") or 0) or _vcpus()
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(threads)
    os.environ["RAYON_NUM_THREADS"] = str(threads)  # the tokenizer's
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what deterministic cuBLAS asks for
    return threads


def _vcpus() -> int:
    """The job's vCPUs: as ECS says, else as the cgroup limits them; never more than the cores it may use."""
    limits = [_ecs_vcpus(os.environ[_METADATA])] if os.environ.get(_METADATA) else []
    quota = Path("/sys/fs/cgroup/cpu.max")
    if quota.exists():
        most, period = quota.read_text().split()
        limits.append(0.0 if most == "max" else int(most) / int(period))
    cores = len(os.sched_getaffinity(0))
    return min([cores, *(max(1, round(limit)) for limit in limits if limit > 0)])


def _ecs_vcpus(address: str) -> float:
    """vCPUs of the task (Fargate), else of the container (EC2: CPU shares, 1,024 a vCPU); 0 if not limited.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html
    """
    for path, shares in (("/task", 1), ("", 1024)):
        try:
            with urllib.request.urlopen(address + path, timeout=5) as answer:  # noqa: S310 - set by the ECS agent
                found = float(json.load(answer).get("Limits", {}).get("CPU", 0)) / shares
        except (OSError, ValueError) as error:
            sys.stderr.write(f"The ECS metadata at {address + path} cannot be read: {error}.\n")
            continue
        if found:
            return found
    return 0.0


@dataclass(frozen=True)
class World:
    """This process among those that train together, as torchrun tells it."""

    rank: int = 0
    local_rank: int = 0
    size: int = 1

    @classmethod
    def current(cls) -> "World":
        """Read from the environment; alone if torchrun did not start this process."""
        names = ("RANK", "LOCAL_RANK", "WORLD_SIZE")
        return cls(
            *(int(os.environ.get(name, default)) for name, default in zip(names, (0, 0, 1), strict=True))
        )

    @property
    def first(self) -> bool:
        """True for the one process that writes results."""
        return self.rank == 0


@dataclass(frozen=True)
class Device:
    """What a model runs on, and in which precision."""

    torch_device: "torch.device"
    bf16: bool

    @property
    def cuda(self) -> bool:
        return bool(self.torch_device.type == "cuda")

    def autocast(self) -> Any:
        """Context in which matrix products run in bf16, where that is wanted."""
        import torch

        return torch.autocast(self.torch_device.type, torch.bfloat16, enabled=self.bf16)


def device_for(precision: str, world: World | None = None) -> Device:
    """The process's GPU if there is one, else the CPU.

    Args:
        precision: auto, bf16 or fp32.

    Raises:
        TrainingError: bf16 is asked for on a chip without it.
    """
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or _vcpus()))
    if torch.cuda.is_available():
        device = torch.device("cuda", (world or World()).local_rank)
        torch.cuda.set_device(device)
        able = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        device, able = torch.device("cpu"), _cpu_has_bf16()
    if precision == "bf16" and not able:
        raise TrainingError("precision is bf16, and this chip has none. Use precision auto or fp32.")
    return Device(device, able and precision != "fp32")


def _cpu_has_bf16() -> bool:
    """True where the CPU multiplies bf16 itself; emulated it is slower than fp32."""
    path = Path("/proc/cpuinfo")
    flags = path.read_text() if path.exists() else ""
    return "avx512_bf16" in flags or "amx_bf16" in flags


def make_deterministic(wanted: str, device: Device) -> None:
    """Equal input gives equal bits from now on. `auto`: on a CPU, where it costs nothing."""
    import torch

    torch.use_deterministic_algorithms(wanted == "true" or (wanted == "auto" and not device.cuda))
    torch.utils.deterministic.fill_uninitialized_memory = (
        False  # no operation here reads what it did not write
    )
    torch.backends.cuda.matmul.allow_tf32 = wanted != "true"
