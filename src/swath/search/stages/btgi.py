"""Reranking by balanced text-guided interaction: the words weigh a tile's tokens and look at their blend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from swath.errors import SpecError
from swath.search.caret import listed
from swath.search.kernels.interaction import FORMS, fine_scores, gathered_scores
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
    form: str = "pool"

    def __post_init__(self) -> None:
        if not (0 <= self.balance <= 1 and 0 <= self.blend <= 1):
            raise SpecError("balance and blend of btgi are shares, from 0 to 1")
        if not self.temperature > 0:
            raise SpecError("temperature of btgi is greater than 0")
        if self.form not in FORMS:
            raise SpecError(f"form of btgi is one of {listed(FORMS)}")

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
        how = (self.balance, self.temperature, self.form)
        if "tokens" in gallery.signals:
            assert query.guide is not None
            tokens = gallery.signal("tokens")
            fine, kernel = gathered_scores(tokens, rows, query.guide, *how)
            read = len(rows) * tokens[:1].nbytes
        else:
            assert query.tokens is not None
            guides = gallery.signal("guide")[rows]
            fine, kernel = fine_scores(query.tokens, guides, *how), "numpy"
            read = guides.nbytes
        scores = self.blend * _standard(fine) + (1 - self.blend) * _standard(candidates.scores)
        final = (fine if self.blend == 1 else scores).astype(np.float32)
        return best_first(rows, final, gallery.ids, k), Cost(len(rows), read, kernel)


def _standard(scores: Array) -> NDArray[np.float64]:
    values = scores.astype(np.float64)
    spread = values.std() if len(values) else 0.0
    return (values - values.mean()) / spread if spread > 0 else np.zeros_like(values)
