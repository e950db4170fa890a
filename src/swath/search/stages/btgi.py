"""Reranking by balanced text-guided interaction: the words weigh a tile's tokens and look at their blend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from swath.errors import SpecError
from swath.search.ordering import best_first
from swath.search.query import EncodedQuery
from swath.search.stages.base import Cost, Kind, Stage
from swath.types import Array, Candidates, Gallery


@dataclass(frozen=True)
class Btgi(Stage):
    """The parameter-free block of FTF (arXiv 2604.20429; the formula is our reading of its abstract).

    With the guide s and a tile's tokens X and global row g, all of unit length:
    a = softmax(X s / temperature), z = balance * norm(a X) + (1 - balance) * g, fine score = z s / |z|.
    `blend` mixes it with the score of the stage before, both standardised over the candidates; 1 is the fine
    score alone, as it is. `balance` and `temperature` must be those of the training.

    It works both ways: words look at the tokens of an archive, and where the gallery is of texts (`guide`),
    each of them looks at the tokens of the picture that asks.
    """

    name: ClassVar[str] = "btgi"
    kind: ClassVar[Kind] = "rerank"

    balance: float = 0.5
    temperature: float = 0.1
    blend: float = 1.0

    def __post_init__(self) -> None:
        if not (0 <= self.balance <= 1 and 0 <= self.blend <= 1):
            raise SpecError("balance and blend of btgi are shares, from 0 to 1")
        if not self.temperature > 0:
            raise SpecError("temperature of btgi is greater than 0")

    @property
    def signals(self) -> frozenset[str]:
        """The tokens of the tiles."""
        return frozenset({"tokens"})

    def missing(self, gallery: Gallery) -> frozenset[str]:
        """Tokens, unless the gallery is of texts and has their guides."""
        return frozenset() if "guide" in gallery.signals else super().missing(gallery)

    def lacking(self, gallery: Gallery, query: EncodedQuery) -> frozenset[str]:
        """A guide for tiles, tokens for texts."""
        wanted = "guide" if "tokens" in gallery.signals else "tokens"
        return frozenset({wanted}) - query.parts

    def run(
        self,
        gallery: Gallery,
        query: EncodedQuery,
        candidates: Candidates | None,
        k: int,
        mask: NDArray[np.bool_] | None,  # noqa: ARG002
        threads: int | None = None,  # noqa: ARG002
    ) -> tuple[Candidates, Cost]:
        """The candidates in the order of their fine, or blended, scores."""
        assert candidates is not None, "a rerank stage never stands first"
        rows = candidates.rows
        if "tokens" in gallery.signals:
            assert query.guide is not None
            tokens, guides = gallery.signal("tokens")[rows], query.guide
        else:
            assert query.tokens is not None
            tokens, guides = query.tokens, gallery.signal("guide")[rows]
        fine = fine_scores(tokens, guides, self.balance, self.temperature)
        scores = self.blend * _standard(fine) + (1 - self.blend) * _standard(candidates.scores)
        final = (fine if self.blend == 1 else scores).astype(np.float32)
        read = tokens.nbytes if tokens.ndim == 3 else guides.nbytes
        return best_first(rows, final, gallery.ids, k), Cost(len(rows), read, "numpy")


def fine_scores(tokens: Array, guides: Array, balance: float, temperature: float) -> NDArray[np.float64]:
    """Fine score of n pairs, float64[n].

    Args:
        tokens: int8[n, 1 + P, d], or int8[1 + P, d] where all pairs share one picture; the global row first.
            A row stands for the unit vector of its direction, a row of zeros for no token.
        guides: float[d], or float[n, d], unit rows.
        balance: weight of the text-guided part, 0 to 1.
        temperature: of the softmax over tokens.
    """
    unit = tokens.astype(np.float64)
    length = np.sqrt((unit * unit).sum(-1, keepdims=True))
    valid = length[..., 0] > 0
    unit = unit / np.where(length > 0, length, 1.0)
    guide = guides.astype(np.float64)
    products = (unit @ guide[..., None])[..., 0]
    logits = np.where(valid[..., 1:], products[..., 1:] / temperature, -np.inf)
    peak = logits.max(-1, keepdims=True, initial=-np.inf)
    weights = np.exp(logits - np.where(np.isfinite(peak), peak, 0.0))
    total = weights.sum(-1, keepdims=True)
    weights = weights / np.where(total > 0, total, 1.0)
    pooled = (weights[..., None, :] @ unit[..., 1:, :])[..., 0, :]
    norm = np.sqrt((pooled * pooled).sum(-1, keepdims=True))
    context = pooled / np.maximum(norm, 1e-12)
    blend = balance * context + (1 - balance) * unit[..., 0, :]
    size = np.sqrt((blend * blend).sum(-1))
    score = (blend * guide).sum(-1) / np.maximum(size, 1e-6)
    # Without a token there is nothing to weigh: the global row alone speaks.
    return np.where(total[..., 0] > 0, np.where(size < 1e-6, 0.0, score), products[..., 0])


def _standard(scores: Array) -> NDArray[np.float64]:
    values = scores.astype(np.float64)
    spread = values.std() if len(values) else 0.0
    return (values - values.mean()) / spread if spread > 0 else np.zeros_like(values)
