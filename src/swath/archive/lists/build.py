"""Putting tiles into lists: which list, in which order, with their int8 vectors and their words.

It works in blocks, so that its own memory stays below `BUDGET` beside the arrays that it fills; on disk these
are mapped files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from swath.archive.lists.kmeans import Partition, learn
from swath.archive.lists.nouns import Lists
from swath.archive.lists.postings import build_postings
from swath.encoders import SparseRows, Terms
from swath.int8 import quantise
from swath.types import Array, Int8Rows

BUDGET = 256 << 20
"""Bytes of memory for a million tiles, mapped files apart."""
_BLOCK = 2048
_CAP = 3
"""A list holds at most so many times the mean."""
_LEARNT = 40_000
"""Tiles that the directions are learnt from."""
_WIDTH = 32
"""Directions that lead are a multiple of it, as vector registers like it."""

Allocate: TypeAlias = Callable[[str, tuple[int, ...], Any], Array]
"""Name, shape and dtype to an array of zeros."""
WordsOf: TypeAlias = Callable[[NDArray[np.int64]], Sequence[Sequence[str]]]


@dataclass(frozen=True)
class Plan:
    """What is built."""

    count: int | None = None
    """Lists; None: eight times the square root of the tiles."""
    seed: int = 0

    def lists(self, tiles: int) -> int:
        """How many lists for a number of tiles."""
        return max(1, min(tiles, round(8 * tiles**0.5) if self.count is None else self.count))


def in_memory(_name: str, shape: tuple[int, ...], dtype: Any) -> Array:
    """Allocates in memory."""
    return np.zeros(shape, dtype)


def build(
    dense: NDArray[np.float16],
    plan: Plan = Plan(),
    *,
    terms: Terms | None = None,
    weigh: Callable[[NDArray[np.int64]], SparseRows] | None = None,
    words_of: WordsOf | None = None,
    directions: NDArray[np.float32] | None = None,
    name: str = "memory",
    allocate: Allocate = in_memory,
) -> Lists:
    """Lists over float16[n, D] unit rows, n > 0.

    Args:
        dense: the vectors.
        plan: how many lists, and the seed.
        terms: the word head; without it there are no words but those of `words_of`.
        weigh: rows to the words that the head gives them; None: they are pictures.
        words_of: rows to the words of their names, tags and captions.
        directions: float32[D, D] of `directions_of`; None: learnt from the tiles.
        name: of the layout.
        allocate: makes the arrays.
    """
    partition = learn(dense, plan.lists(len(dense)), plan.seed)
    owner = np.concatenate([partition.nearest(block) for _, block in _blocks(dense)])
    owner, centroids = _split_large(
        dense, owner, partition, _CAP * -(-len(dense) // len(partition.centroids))
    )
    order = np.argsort(owner, kind="stable")
    if directions is None:
        directions = directions_of(dense, seed=plan.seed)
    lead, rest = _codes(dense, order, directions, allocate)
    rows = _filled(allocate, "rows", order.astype(np.int32))
    sizes = np.bincount(owner, minlength=len(centroids))
    postings = None
    if terms is not None or words_of is not None:

        def weighed(places: slice) -> SparseRows | None:
            if terms is None:
                return None
            chosen = order[places]
            return terms.of_images(dense[chosen]) if weigh is None else weigh(chosen)

        def spoken(places: slice) -> Sequence[Sequence[str]]:
            chosen = order[places]
            return [()] * len(chosen) if words_of is None else words_of(chosen)

        known = () if terms is None else terms.words
        postings = build_postings(len(dense), known, weighed, spoken, allocate)
    return Lists(
        name=name,
        size=len(dense),
        rows=rows,
        ends=_filled(allocate, "ends", np.cumsum(sizes)),
        centroids=_filled(allocate, "centroids", _means(dense, order, sizes)),
        directions=_filled(allocate, "directions", directions),
        lead=lead,
        rest=rest,
        postings=postings,
        terms=terms,
    )


def _filled(allocate: Allocate, name: str, values: Array) -> Array:
    array = allocate(name, values.shape, values.dtype)
    array[...] = values
    return array


def _blocks(dense: NDArray[np.float16]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    for start in range(0, len(dense), _BLOCK):
        yield start, dense[start : start + _BLOCK].astype(np.float32)


def _split_large(
    dense: NDArray[np.float16], owner: NDArray[np.int32], partition: Partition, cap: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Halve lists above the cap along the direction in which they spread; empty lists go."""
    counts = np.bincount(owner, minlength=len(partition.centroids))
    kept = np.flatnonzero(counts)
    renumbered = np.zeros(len(counts), np.int32)
    renumbered[kept] = np.arange(len(kept))
    owner = renumbered[owner]
    centroids = list(partition.centroids[kept])
    large = np.flatnonzero(counts[kept] > cap).tolist()
    waiting = [(number, np.flatnonzero(owner == number)) for number in large]
    while waiting:
        number, members = waiting.pop()
        rows = dense[members].astype(np.float32)
        spread = rows - rows.mean(0)
        # One step of the power method from the row that lies farthest out is direction enough for a cut.
        far = spread[np.argmax((spread * spread).sum(1))]
        direction = spread.T @ (spread @ far)
        # The median by order, not by value: equal vectors are cut, too.
        halves = np.array_split(members[np.argsort(spread @ direction, kind="stable")], 2)
        targets: tuple[int, int] = (number, len(centroids))
        for half, target in zip(halves, targets, strict=True):
            owner[half] = target
            mean = dense[half].astype(np.float32).mean(0)
            unit = mean / max(float(np.linalg.norm(mean)), 1e-12)
            if target == len(centroids):
                centroids.append(unit)
            else:
                centroids[target] = unit
            if len(half) > cap:
                waiting.append((target, half))
    return owner, np.stack(centroids)


def _means(
    dense: NDArray[np.float16], order: NDArray[np.int64], sizes: NDArray[np.int64]
) -> NDArray[np.float32]:
    """float32[L, D]: the mean of every list."""
    ends = np.cumsum(sizes)
    means = np.empty((len(sizes), dense.shape[1]), np.float32)
    for number, (start, stop) in enumerate(zip(ends - sizes, ends, strict=True)):
        means[number] = dense[order[start:stop]].mean(0, dtype=np.float32)
    means[~np.isfinite(means).all(1)] = 0
    return means


def directions_of(
    dense: NDArray[np.float16], queries: NDArray[np.float32] | None = None, seed: int = 0
) -> NDArray[np.float32]:
    """float32[D, D], orthonormal rows: first those that hold most of the energy of tiles and of queries.

    Args:
        dense: float16[n, D]
        queries: float32[q, D], like those that will be asked; None: tiles alone say.
        seed: of the tiles that are looked at.
    """
    rng = np.random.default_rng(seed)
    picked = np.sort(rng.permutation(len(dense))[:_LEARNT])
    energy = np.zeros((dense.shape[1], dense.shape[1]))
    for rows in (dense[picked].astype(np.float32), queries):
        if rows is not None and len(rows):
            finite = rows[np.isfinite(rows).all(1)].astype(np.float64)
            energy += finite.T @ finite / max(1, len(finite))
    _, columns = np.linalg.eigh(energy)
    directions, leading = columns.T[::-1], leading_of(dense.shape[1])
    # Turned at random among themselves they share the energy evenly, which int8 steps are finer for.
    mixed, _ = np.linalg.qr(rng.normal(size=(leading, leading)))
    return np.concatenate([mixed @ directions[:leading], directions[leading:]]).astype(np.float32)


def leading_of(dim: int) -> int:
    """How many directions lead: about a quarter."""
    return min(dim, max(_WIDTH, dim // 4 // _WIDTH * _WIDTH))


def _codes(
    dense: NDArray[np.float16],
    order: NDArray[np.int64],
    directions: NDArray[np.float32],
    allocate: Allocate,
) -> tuple[Int8Rows, Int8Rows]:
    """The vectors along the leading directions and along the others, in some order."""
    n, dim = dense.shape
    leading = leading_of(dim)
    widths = {"lead": leading, "rest": dim - leading}
    lead, rest = (
        Int8Rows(
            allocate(f"{part}_codes", (n, width), np.int8),
            *(allocate(f"{part}_{term}", (n,), np.float32) for term in ("scale", "error", "norm")),
        )
        for part, width in widths.items()
    )
    # In float64, so that turning takes nothing off the proof that a search makes of these rows.
    turn = directions.T.astype(np.float64)
    for start in range(0, n, _BLOCK):
        part = slice(start, start + _BLOCK)
        with np.errstate(invalid="ignore"):
            turned = dense[order[part]].astype(np.float64) @ turn
        # A vector that is not finite must not be left out by one half of it.
        turned[~np.isfinite(turned).all(1)] = np.inf
        for made, values in ((lead, turned[:, :leading]), (rest, turned[:, leading:])):
            block = quantise(values)
            for name in ("codes", "scale", "error", "norm"):
                getattr(made, name)[part] = getattr(block, name)
            made.norm[part][np.isinf(block.error)] = np.inf
    return lead, rest
