"""Interaction blocks: how a text looks at an image's tokens. They have no parameters."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


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
    context = F.normalize(torch.einsum("itp,ipd->itd", weights, tokens), dim=-1, eps=1e-12)
    blend = balance * context + (1 - balance) * globals_[:, None]
    norm = blend.norm(dim=-1)
    score = torch.einsum("itd,td->it", blend, guides) / norm.clamp_min(1e-6)
    return torch.where(norm < 1e-6, torch.zeros_like(score), score)
