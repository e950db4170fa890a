"""The one training loop: epochs over a task, resumable, seeded, logged, on one process or several."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import fields, is_dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from swath.errors import InputError
from swath.models.recipe import OptimiserPart
from swath.training.average import Average
from swath.training.gradients import add_gradients
from swath.training.log import Line, write_events, write_log
from swath.training.parallel import World
from swath.types import Progress


class Task(Protocol):
    """What a method brings to the loop.

    A task that can be trained in chunks or by several processes has more: see `training.gradients.Splits`.
    """

    steps_per_epoch: int

    @property
    def model(self) -> nn.Module:
        """Its parameters with `requires_grad` are trained; the others are not kept in checkpoints."""

    def batches(self, epoch: int) -> Iterator[Any]:
        """The batches of one epoch; the same for the same seed and epoch, whatever ran before.

        They are tensors, or tuples or dataclasses of them; the loop moves them to its device.
        """

    def losses(self, batch: Any) -> dict[str, Tensor]:
        """Weighted loss terms; their sum is minimised."""

    def validate(self) -> dict[str, float]:
        """Figures on the validation sets."""


def fit(
    task: Task,
    optimiser: OptimiserPart,
    seed: int,
    folder: Path,
    *,
    validate_every: int = 10,
    progress: Progress | None = None,
    world: World | None = None,
) -> dict[str, float]:
    """Train, and give the validation figures of the last epoch (no epoch is picked).

    A checkpoint is kept after every epoch; a stopped run goes on from it and ends with the same weights as an
    uninterrupted one. `log.csv` has a row for every epoch. Of several processes the first alone validates and
    writes; the others get no figures.

    Raises `InputError` where a loss is not finite (names the term and the step), or no batch can be filled.
    """
    return _Training(task, optimiser, seed, folder, progress, world or World()).run(validate_every)


def rate_at(step: int, steps: int, warmup: float, begin: int = 0) -> float:
    """Share of the rate at a step: from `begin` on it rises over the share `warmup` of what is left of the
    steps, then a cosine to 0.
    """
    step, steps = step - begin, steps - begin
    if step < 0:
        return 0.0
    rising = warmup * steps
    if step < rising:
        return (step + 1) / (rising + 1)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rising) / max(1.0, steps - rising))))


class _Training:
    """A task, its optimiser and how far they are."""

    def __init__(
        self,
        task: Task,
        plan: OptimiserPart,
        seed: int,
        folder: Path,
        progress: Progress | None,
        world: World,
    ) -> None:
        if task.steps_per_epoch < 1:
            raise InputError(
                f"the training data do not fill one batch of {plan.batch}: lower optimiser.batch"
            )
        self.task, self.plan, self.seed, self.world = task, plan, seed, world
        self.folder, self.progress = folder, progress
        task.model.to(world.device)
        self.parameters = [p for p in task.model.parameters() if p.requires_grad]
        trunks = [p for n, p in task.model.named_parameters() if p.requires_grad and ".trunk." in n]
        inner = set(map(id, trunks))
        heads = [p for p in self.parameters if id(p) not in inner]
        each = math.ceil(task.steps_per_epoch / plan.accumulate)
        late = (plan.epochs - plan.trunk_epochs) * each
        groups = [one for one in ((heads, plan.rate, 0), (trunks, plan.trunk_rate, late)) if one[0]]
        self.adam = torch.optim.AdamW(
            [{"params": part, "lr": rate} for part, rate, _ in groups], plan.rate, weight_decay=plan.decay
        )
        at = partial(rate_at, steps=plan.epochs * each, warmup=plan.warmup)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.adam, [partial(at, begin=begin) for _, _, begin in groups]
        )
        self.average = Average(self.parameters, plan.average) if plan.average else None
        self.lines: list[Line] = []
        self.checkpoint = folder / "checkpoint.pt"
        if self.checkpoint.is_file():
            self._load()
            if world.first:
                write_log(folder, self.lines)
        world.wait()

    def run(self, validate_every: int) -> dict[str, float]:
        figures: dict[str, float] = {}
        for epoch in range(len(self.lines), self.plan.epochs):
            line = self._epoch(epoch)
            last = epoch + 1 == self.plan.epochs
            if self.world.first and (last or (epoch + 1) % validate_every == 0):
                with self.average.in_place() if self.average else nullcontext():
                    figures = self._validate()
                line.update({f"validation {name}": value for name, value in figures.items()})
            self.lines.append(line)
            if self.world.first:
                self._save()
                write_log(self.folder, self.lines)
                write_events(self.folder, line)
        if self.average:
            self.average.apply()
        return figures or (self._validate() if self.world.first else {})

    def _epoch(self, epoch: int) -> Line:
        task, plan = self.task, self.plan
        task.model.train()
        # Seeding every epoch and step, not the run, makes a resumed run equal to an uninterrupted one.
        torch.manual_seed(self.seed * 100_003 + epoch)
        begun = time.perf_counter()
        sums: dict[str, float] = {}
        batches = task.batches(epoch)
        for start in range(0, task.steps_per_epoch, plan.accumulate):
            group = range(start, min(start + plan.accumulate, task.steps_per_epoch))
            for step, batch in zip(group, batches, strict=False):
                for name, value in self._gradients(epoch, step, batch, len(group)).items():
                    sums[name] = sums.get(name, 0.0) + value
                self._report(epoch, step, sums, begun)
            self.world.sum_gradients(self.parameters)
            self.adam.step()
            self.adam.zero_grad(set_to_none=True)
            self.schedule.step()
            if self.average:
                self.average.update()
        seconds = time.perf_counter() - begun
        return {
            "epoch": epoch + 1,
            "seconds": round(seconds, 2),
            "items_per_second": round(task.steps_per_epoch * plan.batch / seconds, 1),
            "rate": float(f"{self.schedule.get_last_lr()[0]:.4g}"),
            **{name: round(value / task.steps_per_epoch, 5) for name, value in sums.items()},
        }

    def _gradients(self, epoch: int, step: int, batch: Any, group: int) -> dict[str, float]:
        seed = (self.seed * 100_003 + epoch) * 1_000_003 + step
        try:
            return add_gradients(
                self.task,
                moved(batch, self.world.device),
                self.parameters,
                self.plan,
                self.world,
                seed=seed,
                share=1 / group,
            )
        except FloatingPointError as error:
            raise InputError(
                f"{error} at epoch {epoch + 1}, step {step + 1}: start anew with another --out and a lower "
                f"optimiser.rate (it is {self.plan.rate:g}); {self.folder} keeps the last whole epoch"
            ) from error

    def _report(self, epoch: int, step: int, sums: dict[str, float], begun: float) -> None:
        if not (self.progress and self.world.first):
            return
        per_second = (step + 1) * self.plan.batch / (time.perf_counter() - begun)
        shown = ", ".join(f"{name} {value / (step + 1):.3f}" for name, value in sums.items())
        done, steps = epoch * self.task.steps_per_epoch + step + 1, self.task.steps_per_epoch
        what = f"training, epoch {epoch + 1} of {self.plan.epochs}, {per_second:,.0f} items/s, {shown}"
        self.progress(done, self.plan.epochs * steps, what)

    def _validate(self) -> dict[str, float]:
        self.task.model.eval()
        return self.task.validate()

    def _save(self) -> None:
        frozen = {name for name, p in self.task.model.named_parameters() if not p.requires_grad}
        state = {
            "model": {k: v for k, v in self.task.model.state_dict().items() if k not in frozen},
            "optimiser": self.adam.state_dict(),
            "schedule": self.schedule.state_dict(),
            "average": self.average.state() if self.average else None,
            "lines": self.lines,
        }
        temporary = self.checkpoint.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(self.checkpoint)

    def _load(self) -> None:
        saved = torch.load(self.checkpoint, map_location=self.world.device, weights_only=True)
        trained = {name for name, p in self.task.model.named_parameters() if p.requires_grad}
        if not trained <= saved["model"].keys():
            raise InputError(f"{self.checkpoint} is of another model: name another folder with --out")
        self.task.model.load_state_dict(saved["model"], strict=False)
        self.adam.load_state_dict(saved["optimiser"])
        self.schedule.load_state_dict(saved["schedule"])
        if self.average:
            self.average.load(saved["average"])
        self.lines = saved["lines"]


def moved(batch: Any, device: torch.device) -> Any:
    """A batch (tensors, in tuples or dataclasses) on a device; what is no tensor stays as it is."""
    if device.type == "cpu":
        return batch
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, tuple):
        return tuple(moved(part, device) for part in batch)
    if is_dataclass(batch) and not isinstance(batch, type):
        return replace(batch, **{f.name: moved(getattr(batch, f.name), device) for f in fields(batch)})
    return batch
