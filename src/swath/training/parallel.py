"""Several processes and one model: each computes its share of every batch, and gradients are summed.

Written out with collectives, since gradient caching needs control over when gradients are exchanged, and
contrastive losses need the whole batch, which the usual wrapper of a module knows nothing of.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed

from swath.errors import InputError

_PATIENCE = timedelta(hours=12)
"""The first process computes features, however long that takes, while the others wait."""


@dataclass(frozen=True)
class World:
    """This process among those that train together."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def first(self) -> bool:
        """Whether this process writes, validates and reports."""
        return self.rank == 0

    def share(self, rows: int) -> slice:
        """The rows of a batch that this process embeds. Raises `InputError` where shares are unequal."""
        if rows % self.size:
            raise InputError(
                f"a batch of {rows} cannot be shared by {self.size} processes: change optimiser.batch"
            )
        each = rows // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def gather(self, rows: Tensor) -> Tensor:
        """The rows of all processes in the order of their ranks, without a graph."""
        if self.size == 1:
            return rows.detach()
        parts = [torch.empty_like(rows) for _ in range(self.size)]
        distributed.all_gather(parts, rows.detach().contiguous())
        return torch.cat(parts)

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replace every gradient by its sum over the processes."""
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        if not gradients:
            return
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        for gradient, summed in zip(
            gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True
        ):
            gradient.copy_(summed.reshape(gradient.shape))

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            distributed.barrier()

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """A block that the first process goes through before the others begin it."""
        if not self.first:
            self.wait()
        yield
        if self.first:
            self.wait()


@contextmanager
def together(
    processes: int, device: str, follow: Callable[..., object], arguments: tuple[Any, ...]
) -> Iterator[World]:
    """This process as one of several.

    Under `torchrun` the environment says which. Else this is the first, and `processes - 1` others are
    started, which call `follow(*arguments, world)`; both must be picklable.

    Raises `InputError` where the device is not there.
    """
    if "WORLD_SIZE" in os.environ and "RANK" in os.environ:
        rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        with _member(rank, size, device_of(device, int(os.environ.get("LOCAL_RANK", rank))), None) as world:
            yield world
        return
    here = device_of(device, 0)
    if processes == 1:
        yield World(device=here)
        return
    with tempfile.TemporaryDirectory(prefix="swath-") as folder:
        meeting = Path(folder) / "meeting"
        spawn = multiprocessing.get_context("spawn")
        others = [
            spawn.Process(
                target=_follow, args=(rank, processes, device, meeting, follow, arguments), daemon=True
            )
            for rank in range(1, processes)
        ]
        before = torch.get_num_threads()
        torch.set_num_threads(max(1, before // processes))
        for other in others:
            other.start()
        try:
            with _member(0, processes, here, meeting) as world:
                yield world
            for other in others:
                other.join()
        finally:
            torch.set_num_threads(before)
            for other in others:
                other.terminate()


def device_of(name: str, local: int) -> torch.device:
    """A device by name (`auto`: a GPU where there is one); processes of one machine take one GPU each.

    Raises `InputError` where it is not there.
    """
    chosen = ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
    if chosen == "cpu":
        return torch.device("cpu")
    if chosen not in ("cuda", "rocm"):  # torch calls both by the first name
        raise InputError(f"nothing is trained on device {name!r}: name auto, cpu, cuda or rocm")
    if local >= torch.cuda.device_count():
        raise InputError(
            f"{torch.cuda.device_count()} GPUs can be used and {local + 1} are asked for: "
            "take fewer processes, or --device cpu"
        )
    return torch.device("cuda", local)


def _follow(
    rank: int,
    processes: int,
    device: str,
    meeting: Path,
    follow: Callable[..., object],
    arguments: tuple[Any, ...],
) -> None:
    torch.set_num_threads(max(1, torch.get_num_threads() // processes))
    with _member(rank, processes, device_of(device, rank), meeting) as world:
        follow(*arguments, world)


@contextmanager
def _member(rank: int, size: int, device: torch.device, meeting: Path | None) -> Iterator[World]:
    distributed.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        init_method="env://" if meeting is None else meeting.as_uri(),
        rank=rank,
        world_size=size,
        timeout=_PATIENCE,
    )
    try:
        yield World(rank, size, device)
    finally:
        distributed.destroy_process_group()
