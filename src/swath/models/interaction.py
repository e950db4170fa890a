"""Interaction blocks: how a text looks at an image's tokens. They have no parameters."""

from __future__ import annotations

import torch
from torch import Tensor


def btgi(tokens: Tensor, globals_: Tensor, guides: Tensor, balance: float, temperature: float) -> Tensor:
    """Balanced text-guided interaction, `pool` form: the fine score of every image with every text.

    The guide weighs the tokens by a softmax of their products, the pooled token is blended with the global
    row, and the blend is compared with the guide (FTF, arXiv 2604.20429; the formula is our reading).

    Args:
        tokens: float[I, P, d], unit rows.
        globals_: float[I, d], unit rows.
        guides: float[T, d], unit rows.
        balance: weight of the text-guided part, 0 to 1.
        temperature: of the softmax over tokens.

    Returns:
        float[I, T].
    """
    products = torch.einsum("ipd,td->itp", tokens, guides)
    weights = torch.softmax(products / temperature, -1)
    gram = tokens @ tokens.transpose(1, 2)
    # Only inner products: the pooled token itself, d numbers for each image and text, is never made.
    pooled = ((weights @ gram) * weights).sum(-1).clamp_min(1e-24).sqrt()
    with_guide = (weights * products).sum(-1) / pooled
    with_global = (weights @ (tokens @ globals_[:, :, None])).squeeze(-1) / pooled
    rest = 1 - balance
    score = balance * with_guide + rest * (globals_ @ guides.T)
    square = balance**2 + rest**2 + 2 * balance * rest * with_global
    return torch.where(square < 1e-12, torch.zeros_like(score), score / square.clamp_min(1e-12).sqrt())
