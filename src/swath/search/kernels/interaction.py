"""How words look at the stored tokens of tiles: weights over a tile's grid, and the fine score made of them.

In float32, read from int8 rows as they are stored. Every tile is computed by itself, so its score does not
depend on the others. Compiled code (see `swath.search.kernels.compiling`) agrees within 1e-5.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from swath.search.kernels import compiling
from swath.types import Array

FORMS = ("pool", "gate", "score")
"""Readings of the block; `swath.models.interaction` says what they are."""


def gathered_scores(
    tokens: Array,
    rows: NDArray[np.int64],
    guide: Array,
    balance: float,
    temperature: float,
    form: str = "pool",
) -> tuple[NDArray[np.float32], str]:
    """`fine_scores` of some rows of int8[N, 1 + P, d], and the name of the kernel that ran."""
    if not isinstance(tokens, np.ndarray):  # those of several archives
        tokens, rows = tokens[rows], np.arange(len(rows))
    fast = compiling.module()
    if fast is not None and form == "pool":
        return fast.tokens.fine_scores(tokens, rows, guide.astype(np.float32), balance, temperature), "numba"
    return fine_scores(tokens[rows], guide, balance, temperature, form), "numpy"


def fine_scores(
    tokens: Array, guides: Array, balance: float, temperature: float, form: str = "pool"
) -> NDArray[np.float32]:
    """Fine score of n pairs, float32[n].

    Args:
        tokens: int8[n, 1 + P, d], or int8[1 + P, d] where all pairs share one picture; the global row first.
            A row stands for the unit vector of its direction, a row of zeros for no token.
        guides: float[d], or float[n, d], unit rows.
        balance: weight of the text-guided part, 0 to 1.
        temperature: of the softmax over tokens.
        form: one of `FORMS`.
    """
    guides = guides.astype(np.float32)
    x, length, products = _looked_at(tokens, guides)
    weights = _softmax(products[..., 1:], length[..., 1:], temperature)
    coarse = products[..., 0]
    if form == "gate":
        valid = length[..., 1:] > 0
        count = valid.sum(-1, keepdims=True)
        weights = (valid + count * weights) / np.maximum(2 * count, 1)
    per_row = weights / np.maximum(length[..., 1:], np.float32(1e-12))
    pooled = (per_row[..., None, :] @ x[..., 1:, :])[..., 0, :]
    context = pooled / np.maximum(_length(pooled), np.float32(1e-12))[..., None]
    if form == "pool":
        whole = x[..., 0, :] / np.maximum(length[..., :1], np.float32(1e-12))
        blend = np.float32(balance) * context + np.float32(1 - balance) * whole
        size = _length(blend)
        score = _dot(blend, guides) / np.maximum(size, np.float32(1e-6))
        score = np.where(size < 1e-6, np.float32(0), score)
    else:
        score = _dot(context, guides)
        if form == "score":
            score = np.float32(balance) * score + np.float32(1 - balance) * coarse
    # Without a token there is nothing to weigh: the global row alone speaks.
    return np.where(weights.any(-1), score, coarse).astype(np.float32)


def guided_weights(tokens: Array, guide: Array, temperature: float) -> NDArray[np.float32]:
    """How much each token of n tiles counts for a guide: int8[n, 1 + P, d], float[d] -> float32[n, P].

    Rows sum to 1, or to 0 where a tile has no token.
    """
    _, length, products = _looked_at(tokens, guide)
    return _softmax(products[..., 1:], length[..., 1:], temperature)


def _looked_at(tokens: Array, guides: Array) -> tuple[Array, Array, Array]:
    """Tokens float32, their lengths and their cosines with the guide (0 for no token)."""
    x = tokens.astype(np.float32)
    length = _length(x)
    products = (x @ guides.astype(np.float32)[..., None])[..., 0]
    return x, length, products / np.maximum(length, np.float32(1e-12))


def _softmax(products: Array, length: Array, temperature: float) -> NDArray[np.float32]:
    logits = np.where(length > 0, products / np.float32(temperature), -np.inf)
    peak = logits.max(-1, keepdims=True, initial=-np.inf)
    weights = np.exp(logits - np.where(np.isfinite(peak), peak, 0))
    total = weights.sum(-1, keepdims=True)
    shares: NDArray[np.float32] = (weights / np.where(total > 0, total, 1)).astype(np.float32)
    return shares


def _length(rows: Array) -> Array:
    length: Array = np.sqrt(np.einsum("...d,...d->...", rows, rows))
    return length


def _dot(rows: Array, guides: Array) -> Array:
    products: Array = np.einsum("...d,...d->...", rows, np.broadcast_to(guides, rows.shape))
    return products
