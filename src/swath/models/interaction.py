"""Interaction blocks: how a text looks at an image's tokens. They have no parameters.

Balanced text-guided interaction (BTGI) of FTF, arXiv 2604.20429, of which we could read only the abstract. It
has no formula: `pool` is our preferred reading, `gate`, `score` and `word` are others.

All blocks score every image with every text. A guide weighs the valid tokens of an image by a softmax of its
products with them. `mask` is bool[I, P], True where a token is valid (None: all are). Without a valid token
the score is that of the global row alone.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Block = Callable[..., Tensor]


def pool(
    tokens: Tensor,
    globals_: Tensor,
    guides: Tensor,
    balance: float,
    temperature: float,
    mask: Tensor | None = None,
) -> Tensor:
    """The pooled token is blended with the global row, and the blend is compared with the guide.

    Args:
        tokens: float[I, P, d], unit rows.
        globals_: float[I, d], unit rows.
        guides: float[T, d], unit rows.
        balance: weight of the text-guided part, 0 to 1.
        temperature: of the softmax over tokens.
        mask: bool[I, P], valid tokens.

    Returns:
        float[I, T].
    """
    products, weights = _weights(tokens, guides, temperature, mask)
    # Only inner products: the pooled token itself, d numbers for each image and text, is never made.
    length = _length(tokens, weights)
    with_guide = (weights * products).sum(-1) / length
    with_global = (weights @ (tokens @ globals_[:, :, None])).squeeze(-1) / length
    rest = 1 - balance
    coarse = globals_ @ guides.T
    score = balance * with_guide + rest * coarse
    square = balance**2 + rest**2 + 2 * balance * rest * with_global
    score = torch.where(square < 1e-12, torch.zeros_like(score), score / square.clamp_min(1e-12).sqrt())
    return _or_coarse(score, coarse, mask)


def score(
    tokens: Tensor,
    globals_: Tensor,
    guides: Tensor,
    balance: float,
    temperature: float,
    mask: Tensor | None = None,
) -> Tensor:
    """The balance is struck between two scores, of the pooled token and of the global row; else as `pool`."""
    products, weights = _weights(tokens, guides, temperature, mask)
    coarse = globals_ @ guides.T
    guided = (weights * products).sum(-1) / _length(tokens, weights)
    return _or_coarse(balance * guided + (1 - balance) * coarse, coarse, mask)


def gate(
    tokens: Tensor,
    globals_: Tensor,
    guides: Tensor,
    balance: float,
    temperature: float,
    mask: Tensor | None = None,
) -> Tensor:
    """Every token is scaled by (1 + n * weight) / 2, and their mean is compared with the guide.

    The balance is one half by construction, so `balance` is not used; else as `pool`.
    """
    del balance
    products, weights = _weights(tokens, guides, temperature, mask)
    valid = _valid(tokens, mask)
    count = valid.sum(-1)[:, None, None].to(tokens.dtype)
    gates = (1 + count * weights) * valid[:, None] / (2 * count.clamp_min(1))
    return _or_coarse((gates * products).sum(-1) / _length(tokens, gates), globals_ @ guides.T, mask)


def word(
    tokens: Tensor,
    globals_: Tensor,
    words: Tensor,
    balance: float,
    temperature: float,
    mask: Tensor | None = None,
    word_mask: Tensor | None = None,
) -> Tensor:
    """Every word guides a pooling of its own, and the score is the mean over the valid words.

    `words` is float[T, L, d] of unit rows and `word_mask` bool[T, L]; else as `pool`, at L times its cost.
    """
    texts, length, width = words.shape
    each = pool(tokens, globals_, words.reshape(-1, width), balance, temperature, mask)
    each = each.reshape(len(tokens), texts, length)
    valid = torch.ones_like(each[0]) if word_mask is None else word_mask.to(each.dtype)
    return (each * valid).sum(-1) / valid.sum(-1).clamp_min(1)


def btgi(
    tokens: Tensor, globals_: Tensor, guides: Tensor, balance: float, temperature: float, form: str = "pool"
) -> Tensor:
    """The block of that name in `FORMS`, over whole grids."""
    return FORMS[form](tokens, globals_, guides, balance, temperature)


def regions(tokens: Tensor, side: int) -> Tensor:
    """A G x G grid of tokens float[I, G * G, d] in raster order, averaged to side x side unit rows."""
    images, count, width = tokens.shape
    grid = round(count**0.5)
    step = grid // side
    cells = tokens.reshape(images, side, step, side, step, width).mean((2, 4))
    return F.normalize(cells.reshape(images, side * side, width), dim=-1)


FORMS: dict[str, Block] = {"pool": pool, "gate": gate, "score": score}
"""Readings of the block that look through one guide for each text, by the names that recipes use."""


def _valid(tokens: Tensor, mask: Tensor | None) -> Tensor:
    return torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device) if mask is None else mask


def _weights(
    tokens: Tensor, guides: Tensor, temperature: float, mask: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Products and softmax weights, float[I, T, P] each; all weights are 0 where no token is valid."""
    products = torch.einsum("ipd,td->itp", tokens, guides)
    logits = products / temperature
    if mask is None:
        return products, torch.softmax(logits, -1)
    # A finite floor keeps rows without a valid token, and their gradients, free of NaN.
    weights = torch.softmax(logits.masked_fill(~mask[:, None], torch.finfo(logits.dtype).min), -1)
    return products, weights * mask[:, None]


def _length(tokens: Tensor, weights: Tensor) -> Tensor:
    """Length of the weighted sums of the tokens, float[I, T]."""
    gram = tokens @ tokens.transpose(1, 2)
    return ((weights @ gram) * weights).sum(-1).clamp_min(1e-24).sqrt()


def _or_coarse(fine: Tensor, coarse: Tensor, mask: Tensor | None) -> Tensor:
    return fine if mask is None else torch.where(mask.any(1)[:, None], fine, coarse)
