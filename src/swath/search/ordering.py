"""The one order of an answer, and the one definition of a score."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from swath.search.kernels import compiling
from swath.types import Array, Candidates

_UNIT = 2.0**-53
"""Unit roundoff of float64."""


def exact_scores(vectors: NDArray[np.float16], queries: NDArray[np.float32]) -> NDArray[np.float32]:
    """Dot products of float16[n, D] with float32[m, D] as float32[n, m], whatever the order of summation.

    A score is the exact sum rounded to float64, then to float32. A product of float16 and float32 is exact in
    float64, so a matrix product can only differ from that by its summation error; the few pairs for which the
    error could cross a rounding boundary of float32 are summed again without error. Nothing about a score
    therefore depends on the library, the processor, the batch or the place of a row.
    """
    q = queries.astype(np.float64)
    fast = compiling.module()
    if fast is not None and len(q) == 1:
        sums, sizes = (each[:, None] for each in fast.sums.exact_sums(vectors, queries[0]))
    else:
        x = vectors.astype(np.float64)
        # One query by rows: a matrix-vector product would start the library's threads for next to nothing.
        product = np.matmul if len(q) > 1 else _by_rows
        sums, sizes = product(x, q.T), product(np.abs(x), np.abs(q).T)
    return rounded(sums, sizes, lambda row, column: exact_sum(vectors[row], queries[column]), q.shape[1])


def exact_sum(vector: NDArray[np.float16], query: NDArray[np.float32]) -> float:
    """The sum of the products, rounded once."""
    return math.fsum((vector.astype(np.float64) * query.astype(np.float64)).tolist())


def rounded(
    sums: NDArray[np.float64], sizes: NDArray[np.float64], exact: Callable[[int, int], float], width: int
) -> NDArray[np.float32]:
    """Scores from sums of `width` products in any order, and the sums of their magnitudes, all [n, m].

    Where rounding is not sure, `exact` is asked for the sum of a row and a query; `sums` are mended.
    """
    slack = sizes * ((width + 4) * _UNIT)
    unsure = (sums - slack).astype(np.float32) != (sums + slack).astype(np.float32)
    for row, column in np.argwhere(unsure).tolist() if unsure.any() else ():
        sums[row, column] = exact(row, column)
    scores: NDArray[np.float32] = sums.astype(np.float32) + np.float32(0)  # one zero, not two
    return scores


def _by_rows(vectors: NDArray[np.float64], column: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.vecdot(vectors, column[:, 0])[:, None], np.float64)


def best_first(
    rows: NDArray[np.int64], scores: NDArray[np.float32], ids: Array, k: int | None = None
) -> Candidates:
    """The k best (None: all) by falling score; equal scores by tile id, then by row. No score is NaN."""
    if k is not None and 0 < k < len(rows):
        worst = np.partition(scores, len(scores) - k)[len(scores) - k]
        keep = scores >= worst
        rows, scores = rows[keep], scores[keep]
    order = np.argsort(-scores)
    rows, scores = rows[order], scores[order]
    equal = scores[1:] == scores[:-1]
    if equal.any():
        tied = np.zeros(len(rows), bool)
        tied[1:] |= equal
        tied[:-1] |= equal
        places = np.flatnonzero(tied)
        among = rows[places]
        rows[places] = among[np.lexsort((among, ids[among], -scores[places]))]
    return Candidates(rows[:k], scores[:k])


def standardised(scores: Array) -> NDArray[np.float64]:
    """Scores of candidates less their mean, by their population deviation; zeros where all are equal."""
    values = scores.astype(np.float64)
    spread = values.std() if len(values) else 0.0
    return (values - values.mean()) / spread if spread > 0 else np.zeros_like(values)
