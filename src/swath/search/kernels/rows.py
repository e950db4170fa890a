"""Which rows a scan reads, in which order and on how many threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Part = TypeVar("_Part")

_WORTH_A_THREAD = 16 << 20
"""Bytes below which a second thread costs more than it brings."""


def in_spans(
    work: Callable[[tuple[int, int]], _Part], count: int, bytes_per_row: int, threads: int | None
) -> list[_Part]:
    """What `work` gives for each of the spans that `count` rows are cut into, one for every thread.

    `threads` None takes what the machine has and the rows are worth.
    """
    workers = max(1, threads) if threads is not None else _workers(count * bytes_per_row)
    spans = list(pairwise(count * i // workers for i in range(workers + 1)))
    if workers == 1:
        return [work(spans[0])]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, spans))


def _workers(size: int) -> int:
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(available, size // _WORTH_A_THREAD))


def blocks(
    rows: NDArray[np.int64] | None, span: tuple[int, int], step: int
) -> Iterator[tuple[NDArray[np.int64], slice | NDArray[np.int64], NDArray[np.int64] | None]]:
    """Allowed rows number `span[0]` to `span[1]`, at most `step` at a time.

    Each comes with what to read for them, and with their places in that (None: they are all of it).
    """
    for start in range(*span, step):
        stop = min(start + step, span[1])
        if rows is None:
            yield np.arange(start, stop), slice(start, stop), None
            continue
        allowed = rows[start:stop]
        first, last = int(allowed[0]), int(allowed[-1])
        # Gathering a row costs about as much as scoring it; rows that lie close together are read through.
        if last - first >= 2 * len(allowed):
            yield allowed, allowed, None
        else:
            dense = last - first + 1 == len(allowed)
            yield allowed, slice(first, last + 1), None if dense else allowed - first
