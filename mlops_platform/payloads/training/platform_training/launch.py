"""Several processes for several GPUs, through torchrun."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from . import stopping


def wanted_processes(asked: int) -> int:
    """How many processes the job shall have: as asked, or one for each GPU it sees."""
    if "WORLD_SIZE" in os.environ:
        return 1  # torchrun has started this one already
    return asked or max(1, sum(1 for path in Path("/dev").glob("nvidia[0-9]*")))


def run_processes(count: int, arguments: list[str]) -> int:
    """Runs `platform_training ARGUMENTS` in `count` processes; the exit code of the job.

    torchrun passes SIGTERM on and then exits as if something had failed; here that is EXIT_RESUME.
    """
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen([*command, "-m", __package__ or "platform_training", *arguments], env=environ)

    def forward(number: int, frame: FrameType | None) -> None:
        del frame
        stopping.note()
        process.send_signal(number)

    signal.signal(signal.SIGTERM, forward)
    if stopping.asked():
        process.terminate()
    code = process.wait()
    return stopping.EXIT_RESUME if stopping.asked() else code
