"""Exact search over the global embeddings: the reference that everything else is measured by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from swath.search import biases
from swath.search.kernels.exact import top
from swath.search.query import EncodedQuery
from swath.search.stages.base import Cost, Kind, Stage
from swath.types import Candidates, Gallery


@dataclass(frozen=True)
class Dense(Stage):
    """Dot products of the stored float16 embeddings with the query's; exact, see `exact_scores`.

    A bias takes away from each row what makes it near to queries in general; `bank` says which queries (see
    `swath.search.biases`).
    """

    name: ClassVar[str] = "dense"
    kind: ClassVar[Kind] = "recall"

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
        candidates: Candidates | None,  # noqa: ARG002
        k: int,
        mask: NDArray[np.bool_] | None,
        threads: int | None = None,
    ) -> tuple[Candidates, Cost]:
        """The k allowed rows with the highest scores."""
        found, cost = self.run_many(gallery, [query], None, k, mask, threads)
        return found[0], cost

    def run_many(
        self,
        gallery: Gallery,
        queries: Sequence[EncodedQuery],
        candidates: Sequence[Candidates] | None,  # noqa: ARG002
        k: int,
        mask: NDArray[np.bool_] | None,
        threads: int | None = None,
    ) -> tuple[list[Candidates], Cost]:
        """The same for many queries, which share the reading of the vectors."""
        vectors = gallery.signal("dense")
        stacked = np.stack([query.dense for query in queries]) if queries else np.zeros((0, vectors.shape[1]))
        plain = self.bias == "none" or not queries
        found, work = top(
            vectors,
            gallery.ids,
            stacked.astype(np.float32),
            k,
            mask,
            bias=None if plain else biases.dense_bias(gallery, queries[0], self.bias, self.bank),
            compact=gallery.compact,
            threads=threads,
        )
        return found, Cost(work.rows, work.bytes_read, work.kernel if plain else f"{work.kernel}, biased")
