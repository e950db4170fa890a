"""Reranking by the stored embeddings: what codes or words have found is put in the order of exact scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from swath.search import biases
from swath.search.ordering import best_first, exact_scores
from swath.search.query import EncodedQuery
from swath.search.stages.base import Cost, Kind, Stage
from swath.types import Candidates, Gallery


@dataclass(frozen=True)
class Exact(Stage):
    """The scores of `dense`, with its biases, of the candidates alone: `hash128:200 > exact`.

    Over all tiles as candidates it gives what `dense` gives.
    """

    name: ClassVar[str] = "exact"
    kind: ClassVar[Kind] = "rerank"

    bias: str = "none"
    bank: str = "train"

    def __post_init__(self) -> None:
        biases.check(self.bias, self.bank)

    @property
    def signals(self) -> frozenset[str]:
        """The global embeddings."""
        return frozenset({"dense"})

    def run(
        self,
        gallery: Gallery,
        query: EncodedQuery,
        candidates: Candidates | None,
        k: int,
        mask: NDArray[np.bool_] | None,  # noqa: ARG002
        threads: int | None = None,  # noqa: ARG002
    ) -> tuple[Candidates, Cost]:
        """The candidates in the order of their exact scores."""
        assert candidates is not None, "a rerank stage never stands first"
        rows = candidates.rows
        vectors = gallery.signal("dense")[rows]
        scores = exact_scores(vectors, query.dense[None])[:, 0]
        if self.bias != "none":
            scores = scores - biases.dense_bias(gallery, query, self.bias, self.bank)[rows]
        return best_first(rows, scores, gallery.ids, k), Cost(len(rows), vectors.nbytes, "numpy")
