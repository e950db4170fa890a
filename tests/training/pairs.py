"""A contrastive task small enough to compare gradients in float64, alone and in several processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.models.recipe import OptimiserPart
from swath.training.loop import fit
from swath.training.losses import contrastive
from swath.training.parallel import World


class Towers(nn.Module):
    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.left = nn.Sequential(nn.Linear(5, 7), nn.GELU(), nn.Dropout(dropout), nn.Linear(7, 4))
        self.right = nn.Sequential(nn.Linear(3, 7), nn.GELU(), nn.Dropout(dropout), nn.Linear(7, 4))
        self.cold = nn.Parameter(torch.tensor(0.3))
        self.unused = nn.Parameter(torch.ones(2))


class Pairs:
    """Matches rows of five and of three numbers; `seen` collects the types that `embed` computed in."""

    steps_per_epoch = 3

    def __init__(self, dropout: float = 0.0, dtype: torch.dtype = torch.float64) -> None:
        torch.manual_seed(0)
        self.dtype = dtype
        self.model: Towers = Towers(dropout).to(dtype)
        self.seen: list[torch.dtype] = []

    def batches(self, epoch: int) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(epoch)
        for _ in range(self.steps_per_epoch):
            yield torch.randn(8, 8, generator=generator, dtype=self.dtype)

    def embed(self, batch: Tensor, rows: slice) -> tuple[Tensor, ...]:
        left, right = self.model.left(batch[rows, :5]), self.model.right(batch[rows, 5:])
        self.seen.append(left.dtype)
        return F.normalize(left, dim=-1), F.normalize(right, dim=-1)

    def losses_of(self, embedded: tuple[Tensor, ...], batch: Tensor) -> dict[str, Tensor]:
        left, right = embedded
        targets = torch.eye(len(batch), dtype=left.dtype)
        return {"match": contrastive(left @ right.T, targets, self.model.cold)}

    def losses(self, batch: Tensor) -> dict[str, Tensor]:
        return self.losses_of(self.embed(batch, slice(None)), batch)

    def validate(self) -> dict[str, float]:
        with torch.inference_mode():
            return {"match": float(next(iter(self.losses(next(self.batches(99))).values())))}


def train(folder: Path, plan: OptimiserPart, dropout: float, world: World) -> Pairs:
    """What every process of a test does."""
    task = Pairs(dropout)
    fit(task, plan, 5, folder, world=world)
    return task
