"""The one training loop: epochs over a task, resumable, seeded, logged."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from swath.errors import InputError
from swath.models.recipe import OptimiserPart
from swath.types import Progress


class Task(Protocol):
    """What a method brings to the loop."""

    model: nn.Module
    """Its parameters with `requires_grad` are trained."""
    steps_per_epoch: int

    def batches(self, epoch: int) -> Iterator[Any]:
        """The batches of one epoch; the same for the same seed and epoch, whatever ran before."""

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
) -> dict[str, float]:
    """Train, and give the validation figures of the last epoch (no epoch is picked).

    A checkpoint is kept after every epoch; a stopped run goes on from it and ends with the same weights as an
    uninterrupted one. One line an epoch is appended to `log.jsonl`.

    Raises `InputError` where a loss is not finite (names the term and the step).
    """
    parameters = [p for p in task.model.parameters() if p.requires_grad]
    adam = torch.optim.AdamW(parameters, optimiser.rate, weight_decay=optimiser.decay)
    steps = task.steps_per_epoch * optimiser.epochs
    schedule = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: rate_at(step, steps, optimiser.warmup))
    checkpoint = folder / "checkpoint.pt"
    first = 0
    if checkpoint.is_file():
        saved = torch.load(checkpoint, weights_only=True)
        task.model.load_state_dict(saved["model"])
        adam.load_state_dict(saved["optimiser"])
        schedule.load_state_dict(saved["schedule"])
        first = saved["epochs"]
    figures: dict[str, float] = {}
    for epoch in range(first, optimiser.epochs):
        begun = time.perf_counter()
        # Seeding every epoch, not the run, makes a resumed run equal to an uninterrupted one.
        torch.manual_seed(seed * 100_003 + epoch)
        sums = _epoch(task, adam, schedule, epoch)
        seconds = time.perf_counter() - begun
        last = epoch + 1 == optimiser.epochs
        line: dict[str, Any] = {"epoch": epoch + 1, "seconds": round(seconds, 2), **sums}
        line["items_per_second"] = round(task.steps_per_epoch * optimiser.batch / seconds, 1)
        if last or (epoch + 1) % validate_every == 0:
            task.model.eval()
            figures = task.validate()
            line["validation"] = figures
        _save(checkpoint, task.model, adam, schedule, epoch + 1)
        with (folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        if progress:
            shown = " ".join(f"{name} {value:.3f}" for name, value in {**sums, **figures}.items())
            progress(epoch + 1, optimiser.epochs, f"epochs, {shown}")
    if first >= optimiser.epochs:
        task.model.eval()
        figures = task.validate()
    return figures


def rate_at(step: int, steps: int, warmup: float) -> float:
    """Share of the rate at a step: rises over the share `warmup` of the steps, then a cosine to 0."""
    rising = warmup * steps
    if step < rising:
        return (step + 1) / (rising + 1)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rising) / max(1.0, steps - rising))))


def _epoch(
    task: Task, adam: torch.optim.Optimizer, schedule: torch.optim.lr_scheduler.LambdaLR, epoch: int
) -> dict[str, float]:
    task.model.train()
    sums: dict[str, float] = {}
    for step, batch in enumerate(task.batches(epoch)):
        terms = task.losses(batch)
        for name, value in terms.items():
            number = float(value.detach())
            if not math.isfinite(number):
                raise InputError(
                    f"loss term {name} is {number} at epoch {epoch + 1}, step {step + 1}: lower the rate"
                )
            sums[name] = sums.get(name, 0.0) + number
        adam.zero_grad(set_to_none=True)
        torch.autograd.backward(torch.stack(list(terms.values())).sum())
        adam.step()
        schedule.step()
    return {name: round(value / task.steps_per_epoch, 5) for name, value in sums.items()}


def _save(path: Path, model: nn.Module, adam: Any, schedule: Any, epochs: int) -> None:
    state = {
        "model": model.state_dict(),
        "optimiser": adam.state_dict(),
        "schedule": schedule.state_dict(),
        "epochs": epochs,
    }
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    temporary.replace(path)
