"""The training loop.

Everything a step does is a pure function of the settings, the data and the step's number; what earlier steps
left (weights, moments, the best weights so far, the curve) is in the checkpoint. On a CPU a job killed at any
step therefore ends with the very bits of one that was not.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from . import stopping
from .batches import BatchOrder, Encoded, Ints
from .devices import Device, World
from .errors import TrainingError
from .forward import logits, packed_forward, packed_logits, probabilities, use_packed
from .metrics import log_loss
from .models import put, trained
from .saves import Checkpoints
from .settings import TrainSettings

if TYPE_CHECKING:
    import torch

_ASK_EVERY = 8  # steps
Report = Callable[[dict[str, Any]], None]


@dataclass
class Progress:
    """What is known of the training so far; JSON in the checkpoint.

    Attributes:
        step: steps done.
        curve: one entry per validation: step, examples, train_loss (mean since the last), validation_loss,
        validation_accuracy.
        best: place in `curve` of the best validation, -1 before the first.
    """

    step: int = 0
    curve: list[dict[str, float]] = field(default_factory=list)
    best: int = -1
    loss_sum: float = 0.0
    loss_steps: int = 0


@dataclass(frozen=True)
class Part:
    """Texts as tokens, with their labels."""

    encoded: Encoded
    labels: Ints


class Loop:
    """One training of one model.

    Args:
        model: on its device, trainable parameters as they start.
        checkpoints: None for none.
        report: called with each validation and, about once in five seconds, with the loss.
    """

    def __init__(
        self,
        model: Any,
        train: Part,
        validation: Part,
        settings: TrainSettings,
        device: Device,
        *,
        world: World | None = None,
        checkpoints: Checkpoints | None = None,
        report: Report = lambda _: None,
    ) -> None:
        import torch

        self._train, self._validation, self._settings, self._device = train, validation, settings, device
        self._world = world or World()
        if settings.batch_size < 2 * self._world.size:
            raise TrainingError(
                f"batch_size is {settings.batch_size}; {self._world.size} processes need two rows each."
            )
        self._checkpoints, self._report = checkpoints, report
        self.model, self.progress = model, Progress()
        self._parameters = trained(model)
        self._best: dict[str, torch.Tensor] = {}
        self._loss_sum = torch.zeros((), dtype=torch.float64, device=device.torch_device)
        self._order = BatchOrder(train.encoded.lengths, settings.batch_size, settings.seed)
        self.total_steps = settings.epochs * self._order.steps_per_epoch
        self._packed = settings.batching == "packed"
        self._optimizer = self._make_optimizer()
        self._forward = self._make_forward()
        self.examples, self.seconds = 0, 0.0  # of this process's life, checkpoints and validations left out
        self._saved_at, self._told_at = time.monotonic(), time.monotonic()

    def run(self) -> Progress:
        """Trains from the newest checkpoint, or from the start, to the end; the model then has its best weights.

        Raises:
            StopRequested: SIGTERM came; the checkpoint is written.
        """
        self._resume()
        self.model.train()
        while self.progress.step < self.total_steps and not self._patience_is_over():
            self._stop_if_asked()
            begun = time.perf_counter()
            self.one_step()
            due = self._validation_is_due()
            if due and self._device.cuda:
                self._read_loss()  # waits for the GPU, whose time this is
            self.seconds += time.perf_counter() - begun
            if due:
                self._validate()
            self._save_if_due()
        self._stop_if_asked()
        if self._best:
            put(self._parameters, self._best)
        return self.progress

    def _make_optimizer(self) -> "torch.optim.Optimizer":
        import torch

        matrices = [one for one in self._parameters.values() if one.ndim > 1]
        others = [one for one in self._parameters.values() if one.ndim <= 1]
        groups = [
            {"params": matrices, "weight_decay": self._settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self._settings.learning_rate, fused=True)

    def _make_forward(self) -> Callable[[Ints], "torch.Tensor"]:
        """Logits of some training rows: compiled on a GPU; DDP averages the gradients over the processes."""
        import torch

        model, encoded, device = self.model, self._train.encoded, self._device
        compiled = self._settings.compile == "true" or (self._settings.compile == "auto" and device.cuda)
        if self._packed:
            use_packed(model)
            forward = torch.compile(packed_forward, dynamic=True) if compiled else packed_forward
            return lambda rows: packed_logits(model, encoded, rows, device, forward)
        if self._world.size > 1:
            ids = [self._world.local_rank] if device.cuda else None
            model = torch.nn.parallel.DistributedDataParallel(model, device_ids=ids)
        if compiled:
            model = torch.compile(model, dynamic=True)
        return lambda rows: logits(model, encoded, rows, device)

    def rows(self, step: int) -> Ints:
        """The training rows step `step` takes, over all processes."""
        return self._order.rows(step)

    def one_step(self) -> None:
        """Forward, backward, update; nothing is validated or saved."""
        import torch

        step, settings = self.progress.step, self._settings
        draw = np.random.SeedSequence([settings.seed, step, self._world.rank]).generate_state(1)
        torch.manual_seed(int(draw[0]))  # dropout's
        batch = self.rows(step)
        mine = batch[self._world.rank :: self._world.size]
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate(step)
        self._optimizer.zero_grad(set_to_none=True)
        wanted = torch.from_numpy(self._train.labels[mine]).to(self._device.torch_device)
        found = self._forward(mine)
        # The mean over the whole batch: DDP averages the processes' gradients, whose shares may differ by a row.
        loss = torch.nn.functional.cross_entropy(found, wanted, reduction="sum") * (
            self._world.size / len(batch)
        )
        loss.backward()
        if self._packed:
            self._average_gradients()
        if settings.max_grad_norm:
            torch.nn.utils.clip_grad_norm_(list(self._parameters.values()), settings.max_grad_norm)
        self._optimizer.step()
        self._account(loss, len(batch))

    def _average_gradients(self) -> None:
        """What DDP does, for a packed batch, which does not go through the model's own forward."""
        import torch

        if self._world.size > 1:
            for one in self._parameters.values():
                if one.grad is not None:
                    torch.distributed.all_reduce(one.grad)
                    one.grad /= self._world.size

    def _account(self, loss: "torch.Tensor", examples: int) -> None:
        progress = self.progress
        progress.step += 1
        progress.loss_steps += 1
        self._loss_sum += loss.detach()
        self.examples += examples
        if time.monotonic() - self._told_at > 5:
            self._told_at = time.monotonic()
            self._read_loss()
            rate = self.examples / self.seconds if self.seconds else 0.0
            self._report(
                {
                    "step": progress.step,
                    "steps": self.total_steps,
                    "train_loss": round(progress.loss_sum / progress.loss_steps, 4),
                    "examples_per_second": round(rate, 1),
                }
            )

    def _read_loss(self) -> None:
        """Fetches the sum from the device: seldom, since a GPU is waited for."""
        self.progress.loss_sum = float(self._loss_sum)

    def _rate(self, step: int) -> float:
        """Linear up in the warm-up, then linear down to 0."""
        warm = max(1, round(self._settings.warmup * self.total_steps))
        share = (
            (step + 1) / warm if step < warm else (self.total_steps - step) / max(1, self.total_steps - warm)
        )
        return self._settings.learning_rate * share

    def _validation_is_due(self) -> bool:
        every = self._settings.eval_every or max(1, -(-self._order.steps_per_epoch // 4))
        return self.progress.step % every == 0 or self.progress.step == self.total_steps

    def _validate(self) -> None:
        progress = self.progress
        if self._world.size > 1:
            import torch

            torch.distributed.all_reduce(self._loss_sum)
            self._loss_sum /= self._world.size
        self._read_loss()
        found = probabilities(self.model, self._validation.encoded, self._device)
        entry = {
            "step": progress.step,
            "examples": self._order.seen(progress.step),
            "train_loss": progress.loss_sum / max(1, progress.loss_steps),
            "validation_loss": log_loss(self._validation.labels, found),
            "validation_accuracy": float(np.mean(found.argmax(1) == self._validation.labels)),
        }
        entry = self._agreed(entry)
        self._loss_sum.zero_()
        progress.loss_sum, progress.loss_steps = 0.0, 0
        progress.curve.append(entry)
        if progress.best < 0 or _goodness(entry) > _goodness(progress.curve[progress.best]):
            progress.best = len(progress.curve) - 1
            self._best = {name: one.detach().clone() for name, one in self._parameters.items()}
        self._report({name: round(value, 4) for name, value in entry.items()})

    def _agreed(self, entry: dict[str, float]) -> dict[str, float]:
        """The first process's numbers: all must agree on what is best and when to stop."""
        if self._world.size == 1:
            return entry
        import torch

        shared = [entry]
        torch.distributed.broadcast_object_list(shared, device=self._device.torch_device)
        return shared[0]

    def _patience_is_over(self) -> bool:
        patience, progress = self._settings.patience, self.progress
        return bool(patience) and len(progress.curve) - 1 - progress.best >= patience and progress.best >= 0

    def _stop_if_asked(self) -> None:
        if self._all_agree(stopping.asked()):
            self._save()
            raise stopping.StopRequested

    def _all_agree(self, mine: bool) -> bool:
        """True once one process says so: all must leave the loop at the same step.

        Several processes ask each other now and then only: the answer waits for the GPU.
        """
        if self._world.size == 1:
            return mine
        if self.progress.step % _ASK_EVERY:
            return False
        import torch

        flag = torch.tensor(float(mine), device=self._device.torch_device)
        torch.distributed.all_reduce(flag)
        return bool(flag.item())

    def _save_if_due(self) -> None:
        every = self._settings.checkpoint_every
        by_step = bool(every) and self.progress.step % every == 0
        by_time = time.monotonic() - self._saved_at >= self._settings.checkpoint_seconds
        if by_step or (self._world.first and by_time):
            self._save()

    def _save(self) -> None:
        """Only the first process writes: all hold the same."""
        self._saved_at = time.monotonic()
        if self._checkpoints is None or not self._world.first or not self.progress.step:
            return
        from safetensors.torch import save

        self._read_loss()

        def whole(tensors: "dict[str, torch.Tensor]") -> bytes:
            return bytes(save({name: one.detach().cpu().contiguous() for name, one in tensors.items()}))

        moments = {
            f"{number}.{name}": value
            for number, state in self._optimizer.state_dict()["state"].items()
            for name, value in state.items()
        }
        files = {
            "weights.safetensors": whole(dict(self._parameters)),
            "optimizer.safetensors": whole(moments),
            "progress.json": json.dumps(asdict(self.progress)).encode(),
        }
        if self._best:
            files["best.safetensors"] = whole(self._best)
        self._checkpoints.save(self.progress.step, files)
        self._report({"checkpoint": self.progress.step})

    def _resume(self) -> None:
        saved = self._checkpoints.latest() if self._checkpoints else None
        if saved is None:
            return
        from safetensors.torch import load

        put(self._parameters, load(saved.files["weights.safetensors"]))
        state: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in load(saved.files["optimizer.safetensors"]).items():
            number, _, name = key.partition(".")
            state.setdefault(int(number), {})[name] = value
        self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": state})
        if "best.safetensors" in saved.files:
            best = load(saved.files["best.safetensors"])
            self._best = {name: value.to(self._device.torch_device) for name, value in best.items()}
        self.progress = Progress(**json.loads(saved.files["progress.json"]))
        self._loss_sum.fill_(self.progress.loss_sum)
        self._report({"resumed_at": self.progress.step})


def _goodness(entry: dict[str, float]) -> tuple[float, float]:
    return entry["validation_accuracy"], -entry["validation_loss"]
