"""The text-guided interaction of `swath.search.kernels.interaction` over stored tokens, compiled."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from swath.archive.lists import fixed
from swath.search.kernels.compiled.options import reordered
from swath.types import Array


def fine_scores(
    tokens: Array, rows: NDArray[np.int64], guide: Array, balance: float, temperature: float
) -> NDArray[np.float32]:
    """`interaction.fine_scores` (form `pool`) of some rows of int8[N, 1 + P, d], read where they lie."""
    out = np.empty(len(rows), np.float32)
    if len(rows):
        _fine_scores(
            fixed(tokens),
            rows,
            np.ascontiguousarray(guide, np.float32),
            np.float32(balance),
            np.float32(temperature),
            out,
        )
    return out


@reordered
def _fine_scores(
    tokens: Array, rows: Array, guide: Array, balance: np.float32, temperature: np.float32, out: Array
) -> None:
    count, dim = tokens.shape[1], tokens.shape[2]
    cosine = np.empty(count, np.float32)
    weight = np.empty(count, np.float32)
    pooled = np.empty(dim, np.float32)
    for place in range(len(rows)):
        tile = tokens[rows[place]]
        peak = np.float32(-np.inf)
        for t in range(count):
            dot = np.float32(0)
            square = np.float32(0)
            for d in range(dim):
                value = np.float32(tile[t, d])
                dot += value * guide[d]
                square += value * value
            weight[t] = np.float32(1) / np.float32(math.sqrt(square)) if square else np.float32(0)
            cosine[t] = dot * weight[t]
            if t and square:
                peak = max(peak, cosine[t])
        if peak == -np.inf:
            out[place] = cosine[0]
            continue
        whole = (np.float32(1) - balance) * weight[0]
        # The length of the weighted sum divides out, and with it the softmax's own denominator.
        for t in range(1, count):
            if weight[t]:
                weight[t] *= np.float32(math.exp((cosine[t] - peak) / temperature))
        pooled[:] = 0
        # Four tokens at a time: a quarter of the reading and writing of what they add up to.
        t = 1
        while t + 4 <= count:
            for d in range(dim):
                pooled[d] += (
                    weight[t] * np.float32(tile[t, d]) + weight[t + 1] * np.float32(tile[t + 1, d])
                ) + (weight[t + 2] * np.float32(tile[t + 2, d]) + weight[t + 3] * np.float32(tile[t + 3, d]))
            t += 4
        while t < count:
            for d in range(dim):
                pooled[d] += weight[t] * np.float32(tile[t, d])
            t += 1
        square = np.float32(0)
        for d in range(dim):
            square += pooled[d] * pooled[d]
        guided = balance / max(np.float32(math.sqrt(square)), np.float32(1e-12))
        score = np.float32(0)
        size = np.float32(0)
        for d in range(dim):
            blend = guided * pooled[d] + whole * np.float32(tile[0, d])
            score += blend * guide[d]
            size += blend * blend
        length = np.float32(math.sqrt(size))
        out[place] = score / length if length >= np.float32(1e-6) else np.float32(0)
