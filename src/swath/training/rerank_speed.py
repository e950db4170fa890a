"""What reranking one query costs: the interaction from int8 tokens, beside torch and MaxSim."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from swath.models.interaction import pool
from swath.search import compile_kernels
from swath.search.kernels.interaction import fine_scores, gathered_scores
from swath.types import Array

LAYOUTS = ((16, 128), (49, 512))
"""Tokens of a tile beside its global row, and their width."""
WORDS = 12
"""Word vectors of a query, for MaxSim."""
BALANCE, TEMPERATURE = 0.5, 0.1
_BLOCK = 10
_STORED = 4000
"""Tiles that candidates are drawn from: more than a processor's caches hold of the wider layout."""


@dataclass(frozen=True, slots=True)
class RerankSpeed:
    """One way to rerank K candidates."""

    tokens: int
    width: int
    k: int
    method: str
    bytes_per_tile: int
    p50: float
    """Milliseconds."""
    fastest: float


def measure_rerank(ks: Sequence[int], *, calls: int = 100, seed: int = 0) -> Iterator[RerankSpeed]:
    """Time every method at each layout and K, on one thread, candidates gathered from memory each time.

    The torch form and MaxSim (Khattab and Zaharia 2020) read tokens that were kept in fp32, four times the
    bytes. The methods take turns in blocks of ten queries, so that all meet the same machine.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for tokens, width in LAYOUTS:
            yield from _layout(tokens, width, ks, calls, np.random.default_rng(seed))
    finally:
        torch.set_num_threads(threads)


def _layout(
    tokens: int, width: int, ks: Sequence[int], calls: int, rng: np.random.Generator
) -> Iterator[RerankSpeed]:
    stored = rng.integers(-127, 128, (_STORED, 1 + tokens, width)).astype(np.int8)
    guide = F.normalize(torch.from_numpy(rng.normal(size=width).astype(np.float32)), dim=0)
    words = F.normalize(torch.from_numpy(rng.normal(size=(WORDS, width)).astype(np.float32)), dim=1)
    kept = F.normalize(torch.from_numpy(stored).float(), dim=-1)
    quick = compile_kernels()
    small, large = stored[0].nbytes, stored[0].nbytes * 4
    for k in ks:
        methods: dict[str, tuple[int, Callable[[Array], object]]] = {
            "btgi int8, numpy": (small, lambda rows: _numpy(stored, rows, guide)),
            **({"btgi int8, numba": (small, lambda rows: _compiled(stored, rows, guide))} if quick else {}),
            "btgi fp32, torch": (large, lambda rows: _torch(kept, rows, guide)),
            f"maxsim fp32, torch, {WORDS} words": (large, lambda rows: _maxsim(kept, rows, words)),
        }
        times: dict[str, list[float]] = {name: [] for name in methods}
        for _ in range(-(-calls // _BLOCK)):
            for name, (_, method) in methods.items():
                draws = [rng.choice(_STORED, k, replace=False) for _ in range(_BLOCK + 1)]
                method(draws.pop())  # the first meets the caches as another method left them
                for rows in draws:
                    begun = perf_counter()
                    method(rows)
                    times[name].append(1e3 * (perf_counter() - begun))
        for name, (size, _) in methods.items():
            took = times[name]
            yield RerankSpeed(tokens, width, k, name, size, float(np.median(took)), min(took))


def _numpy(stored: Array, rows: Array, guide: Tensor) -> object:
    return fine_scores(stored[rows], guide.numpy(), BALANCE, TEMPERATURE)


def _compiled(stored: Array, rows: Array, guide: Tensor) -> object:
    return gathered_scores(stored, rows, guide.numpy(), BALANCE, TEMPERATURE)


@torch.inference_mode()
def _torch(kept: Tensor, rows: Array, guide: Tensor) -> object:
    some = kept[torch.from_numpy(rows)]
    return pool(some[:, 1:], some[:, 0], guide[None], BALANCE, TEMPERATURE)


@torch.inference_mode()
def _maxsim(kept: Tensor, rows: Array, words: Tensor) -> object:
    return (kept[torch.from_numpy(rows)][:, 1:] @ words.T).amax(1).sum(1)
