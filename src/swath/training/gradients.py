"""The gradients of one batch: all at once, in chunks, or shared by several processes.

Contrastive losses compare every row of a batch with every other, so a batch cannot be cut into smaller ones.
But the losses see the rows only through their embeddings. With gradient caching (Gao et al. 2021) the towers
run twice: once over all chunks without a graph, then, when the gradients of the losses with respect to the
embeddings are known, once more over each chunk to carry them on. The gradients are those of the whole batch;
memory holds the graph of one chunk.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from swath.errors import InputError
from swath.models.recipe import OptimiserPart
from swath.training.parallel import World

Terms = dict[str, Tensor]


@runtime_checkable
class Splits(Protocol):
    """A task whose losses see the rows of a batch only through what `embed` makes of each row alone.

    Only such tasks can be trained in chunks or by several processes. Their batches have a length.
    """

    def embed(self, batch: Any, rows: slice) -> tuple[Tensor, ...]:
        """Float tensors with one entry for each of the rows, along their first axis."""

    def losses_of(self, embedded: tuple[Tensor, ...], batch: Any) -> Terms:
        """Weighted loss terms of a whole batch, all of whose rows were embedded."""


def add_gradients(
    task: Any,
    batch: Any,
    parameters: Sequence[nn.Parameter],
    plan: OptimiserPart,
    world: World,
    *,
    seed: int,
    share: float = 1.0,
) -> dict[str, float]:
    """Add `share` times the gradients of a batch's losses to those of the parameters.

    What is drawn at random (dropout) depends on the seed and the chunk, so that both passes over a chunk draw
    the same, in whichever process it falls.

    Returns:
        The loss terms.

    Raises:
        FloatingPointError: a loss term is not finite.
        InputError: the task cannot be split as the plan asks.
    """
    dtype = torch.bfloat16
    autocast = torch.autocast(world.device.type, dtype, enabled=plan.precision == "bf16")
    if not isinstance(task, Splits):
        if plan.chunk or world.size > 1:
            raise InputError(
                f"{type(task).__name__} needs whole batches: set optimiser.chunk to 0 and take one process"
            )
        torch.manual_seed(_seed(seed, 0))
        with autocast:
            terms = task.losses(batch)
        numbers = _numbers(terms)
        torch.autograd.backward(_total(terms) * share)
        return numbers

    def embed(rows: slice) -> tuple[Tensor, ...]:
        torch.manual_seed(_seed(seed, rows.start))
        with autocast:
            return tuple(part.float() if part.dtype == dtype else part for part in task.embed(batch, rows))

    mine = world.share(len(batch))
    step = plan.chunk or mine.stop - mine.start
    chunks = [slice(i, min(i + step, mine.stop)) for i in range(mine.start, mine.stop, step)]
    cached = len(chunks) > 1
    with torch.set_grad_enabled(not cached):
        made = [embed(rows) for rows in chunks]
    whole = [world.gather(torch.cat(parts)).requires_grad_() for parts in zip(*made, strict=True)]
    torch.manual_seed(_seed(seed, len(batch)))
    terms = task.losses_of(tuple(whole), batch)
    numbers = _numbers(terms)
    found = torch.autograd.grad(_total(terms) * share, [*whole, *parameters], allow_unused=True)
    for parameter, gradient in zip(parameters, found[len(whole) :], strict=True):
        # All processes see the whole batch here; the sum over processes must count it once.
        if gradient is not None:
            _add(parameter, gradient if world.first else torch.zeros_like(gradient))
    for rows, parts in zip(chunks, made, strict=True):
        outputs = embed(rows) if cached else parts
        told = [
            (output, gradient[rows])
            for output, gradient in zip(outputs, found, strict=False)
            if gradient is not None and output.requires_grad
        ]
        torch.autograd.backward([output for output, _ in told], [gradient for _, gradient in told])
    return numbers


def _total(terms: Terms) -> Tensor:
    return torch.stack(list(terms.values())).sum()


def _numbers(terms: Terms) -> dict[str, float]:
    numbers = {name: float(value.detach()) for name, value in terms.items()}
    for name, value in numbers.items():
        if not math.isfinite(value):
            raise FloatingPointError(f"loss term {name} is {value}")
    return numbers


def _add(parameter: nn.Parameter, gradient: Tensor) -> None:
    parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient


def _seed(seed: int, row: int) -> int:
    return (seed * 1_000_003 + row) % 2**63
