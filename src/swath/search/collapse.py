"""Near-equal pictures as one hit: the best of them stands for the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NEAR = 0.97
"""Cosine of the embeddings from which two tiles show the same: shifted, recompressed or copied pictures."""


def distinct(vectors: NDArray[np.float16], k: int) -> NDArray[np.int64]:
    """int64[at most k]: which of the vectors, best first, are not near one that was taken before them.

    A vector is compared with those that are taken, never with those that were left out, so the first k of
    longer lists are the same. Cosines are sums in float64, row by row: the same in every run and layout.
    """
    unit = vectors.astype(np.float64)
    lengths = np.sqrt(np.vecdot(unit, unit))
    unit /= np.where(lengths > 0, lengths, 1.0)[:, None]
    taken: list[int] = []
    for row in range(len(unit)):
        if len(taken) == k:
            break
        if not taken or np.vecdot(unit[taken], unit[row]).max() < NEAR:
            taken.append(row)
    return np.array(taken, np.int64)
