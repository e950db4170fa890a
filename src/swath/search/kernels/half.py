"""The scan of float16 rows: exact at any k, and all that a gallery without int8 rows needs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from swath.errors import ArchiveError
from swath.search.kernels.rows import blocks, in_spans
from swath.search.ordering import best_first, exact_scores
from swath.types import Array, Candidates

KERNEL = "numpy float32"

_BLOCK = 2048
"""Rows a single query converts at a time: their float32 stay in the last-level cache."""
_BATCH_BLOCK = 8192
"""Rows for a batch: fewer, larger steps, since every step costs each query a fixed time."""

_FLOAT32_UNIT = 2.0**-24
_SMALLEST_NORMAL = 2.0**-14
"""Of float16. Smaller values may be read as zero where the processor flushes subnormal numbers."""
_BIAS = np.float32(2.0**112)
"""Between the exponent biases of float32 (127) and float16 (15)."""
_MOVED = np.int32(-0x70000001)
"""Sign, exponent and mantissa of a float16 that was moved to its place in a float32."""


def scan(
    vectors: NDArray[np.float16],
    ids: Array,
    queries: NDArray[np.float32],
    k: int,
    rows: NDArray[np.int64] | None = None,
    *,
    block: int | None = None,
    threads: int | None = None,
) -> list[Candidates]:
    """The k best of all rows, or of `rows` (rising), for each query, by `exact_scores` and `best_first`.

    A pass in float32 with a bound on its error leaves out the rows that cannot be among the best; the others
    are scored exactly. So `block` (rows at a time) and `threads` change the time and nothing else. Memory is
    bounded by the block and k. Raises `ArchiveError` where a vector is not finite.
    """
    count = len(vectors) if rows is None else len(rows)
    step = block or (_BLOCK if len(queries) == 1 else _BATCH_BLOCK)
    # A batch is a matrix product, which the library spreads over threads itself.
    threads = threads if len(queries) == 1 else 1
    parts = in_spans(
        lambda span: _scan(vectors, ids, queries, k, rows, span, step), count, 2 * vectors.shape[1], threads
    )
    return [_Best.merged(same).result(ids) for same in zip(*parts, strict=True)]


class _Best:
    """The k best rows of one query so far, with exact scores."""

    def __init__(self, k: int) -> None:
        self.k = k
        self.floor = -np.inf
        """A row with a lower score is not among the k best."""
        self._rows: list[NDArray[np.int64]] = []
        self._scores: list[NDArray[np.float32]] = []
        self._held = 0

    def add(self, rows: NDArray[np.int64], scores: NDArray[np.float32], ids: Array) -> None:
        self._rows.append(rows)
        self._scores.append(scores)
        self._held += len(rows)
        # Sorting only when the number doubled keeps the work in proportion to what was added.
        if self._held == self.k:
            self.floor = float(min(part.min(initial=np.inf) for part in self._scores))
        elif self._held >= (2 * self.k if self.floor > -np.inf else self.k):
            kept = self.result(ids)
            self._rows, self._scores, self._held = [kept.rows], [kept.scores], self.k
            self.floor = float(kept.scores[-1])

    def result(self, ids: Array) -> Candidates:
        rows = np.concatenate([np.zeros(0, np.int64), *self._rows])
        scores = np.concatenate([np.zeros(0, np.float32), *self._scores])
        return best_first(rows, scores, ids, self.k)

    @classmethod
    def merged(cls, parts: Sequence[_Best]) -> _Best:
        whole = cls(parts[0].k)
        whole._rows = [rows for part in parts for rows in part._rows]
        whole._scores = [scores for part in parts for scores in part._scores]
        return whole


def _scan(
    vectors: NDArray[np.float16],
    ids: Array,
    queries: NDArray[np.float32],
    k: int,
    rows: NDArray[np.int64] | None,
    span: tuple[int, int],
    step: int,
) -> list[_Best]:
    """The best of the allowed rows number `span[0]` to `span[1]`."""
    bests = [_Best(k) for _ in queries]
    if k == 0:
        return bests
    taxicab = np.abs(queries).sum(1, dtype=np.float64)
    scaled = queries * _BIAS
    buffer = np.empty((0, vectors.shape[1]), np.int32)
    seen = 0
    for allowed, where, places in blocks(rows, span, step):
        read = vectors[where]
        seen += len(allowed)
        ceiling = _ceiling(read)
        if ceiling > 65536.0:
            refuse_broken(allowed, read if places is None else read[places], ids)
        if seen <= k:
            exact = exact_scores(read if places is None else read[places], queries)
            for best, column in zip(bests, exact.T, strict=True):
                best.add(allowed, column, ids)
            continue
        if len(buffer) < len(read):
            buffer = np.empty(read.shape, np.int32)
        rough = _rough_scores(read, scaled, buffer)
        if places is not None:
            rough = rough[:, places]
        slack = taxicab * (1.01 * (vectors.shape[1] + 8) * _FLOAT32_UNIT * ceiling + _SMALLEST_NORMAL) + 1e-30
        for best, query, line, error in zip(bests, queries, rough, slack.tolist(), strict=True):
            chosen = np.flatnonzero(line >= np.float32(best.floor - error))
            if len(chosen) > k:
                among = line[chosen]
                worst = float(np.partition(among, len(among) - k)[len(among) - k])
                chosen = chosen[among >= np.float32(worst - 2 * error)]
            if len(chosen):
                x = read[chosen if places is None else places[chosen]]
                best.add(allowed[chosen], exact_scores(x, query[None])[:, 0], ids)
    return bests


def _rough_scores(
    vectors: NDArray[np.float16], scaled: NDArray[np.float32], buffer: NDArray[np.int32]
) -> NDArray[np.float32]:
    """float32[m, n] of float16[n, D] with float32[m, D] * 2**112, by the fastest path that NumPy has.

    NumPy converts float16 one number at a time. Moving the bits to their places in a float32 is five times
    faster; it leaves the exponent too small by the difference of the biases, and the scaled query makes up
    for that.
    """
    moved = buffer[: len(vectors)]
    np.copyto(moved, np.ascontiguousarray(vectors).view(np.int16))
    np.left_shift(moved, 13, out=moved)
    np.bitwise_and(moved, _MOVED, out=moved)
    floats = moved.view(np.float32)
    if len(scaled) == 1:
        # Unlike a matrix-vector product it never starts the library's own threads, which ours would fight.
        return np.asarray(np.vecdot(floats, scaled[0])[None], np.float32)
    return np.asarray(np.matmul(scaled, floats.T), np.float32)


def _ceiling(vectors: NDArray[np.float16]) -> float:
    """A power of two above every magnitude: the exponents, or-ed together, are not below the largest."""
    bits = int(np.bitwise_or.reduce(np.ascontiguousarray(vectors).reshape(-1).view(np.uint16)))
    return float(2.0 ** (((bits >> 10) & 31) - 14))


def refuse_broken(rows: NDArray[np.int64], vectors: NDArray[np.float16], ids: Array) -> None:
    """Raise `ArchiveError` where one of the vectors, which are those of `rows`, is not finite."""
    if _ceiling(vectors) <= 65536.0:
        return
    broken = rows[~np.isfinite(vectors).all(1)]
    if len(broken):
        name = bytes(ids[broken[0]]).decode("ascii", "replace")
        raise ArchiveError(f"The stored vector of tile {name} is not finite: verify the archive")
