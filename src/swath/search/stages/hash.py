"""Recall by binary codes: Hamming distance, exact, at the speed of memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from swath.archive.lists import Lists
from swath.errors import SpecError
from swath.search import biases
from swath.search.codes import pack, unpack
from swath.search.coding import coder_of, codes_of, relaxed_query
from swath.search.hamming import nearest
from swath.search.kernels.lists import near
from swath.search.ordering import best_first
from swath.search.query import EncodedQuery
from swath.search.stages.base import Cost, Kind, Stage
from swath.search.words import with_lists
from swath.types import Candidates, Gallery


@dataclass(frozen=True)
class Hash(Stage):
    """The nearest codes of a number of bits, less what makes hubs near to everything.

    A score is minus the distance in bits (minus the bias), plus a part of one step that the asymmetric score
    decides, the product of the query's relaxed bits with the code. So the whole tie at the cut is ordered by
    that score, then by id. `bank` says what the bias is fitted to: `train`, the encoder's bank, or `queries`,
    all queries of an evaluation, which is transductive.

    `tiles` is a share of the tiles: only those in the lists whose centroids are nearest to the query are
    looked at, and those that are in no list yet (an inverted file of codes; `swath tune` makes the lists).
    """

    name: ClassVar[str] = "hash"
    kind: ClassVar[Kind] = "recall"
    widths: ClassVar[tuple[int, ...]] = (16, 32, 64, 128, 256)

    bits: int
    bias: str = "none"
    bank: str = "train"
    tiles: float | None = None

    def __post_init__(self) -> None:
        biases.check(self.bias, self.bank)
        if self.tiles is not None and not 0 < self.tiles <= 1:
            raise SpecError("tiles of hash is a share, above 0 and at most 1")

    @property
    def signals(self) -> frozenset[str]:
        """The embeddings, which codes are made from, and the lists that a share of the tiles is chosen by."""
        return frozenset({"dense"} if self.tiles is None else {"dense", "lists"})

    def run(
        self,
        gallery: Gallery,
        query: EncodedQuery,
        candidates: Candidates | None,  # noqa: ARG002
        k: int,
        mask: NDArray[np.bool_] | None,
        threads: int | None = None,  # noqa: ARG002
    ) -> tuple[Candidates, Cost]:
        """The k allowed rows with the nearest codes."""
        coder = coder_of(query.encoder, gallery, self.bits)
        codes = codes_of(gallery, coder)
        relaxed = relaxed_query(query, coder)
        plain = self.bias == "none"
        bias = None if plain else biases.hash_bias(gallery, coder, query, self.bias, self.bank)
        steps = 1 if plain else biases.STEPS
        rows, note = None if mask is None or mask.all() else np.flatnonzero(mask), ""
        if self.tiles is not None:
            rows, note = with_lists(gallery, lambda lists: self._near(lists, query, mask, rows))
        found, far = np.zeros(0, np.int64), np.zeros(0, np.int32)
        if k:
            found, far = nearest(codes, pack(relaxed[None])[0], k, rows, bias, steps)
        scores = (_asymmetric(relaxed, codes[found]) - far) / steps
        visited = len(gallery) if rows is None else len(rows)
        read = visited * (codes.shape[1] + (0 if bias is None else bias.itemsize))
        kernel = "numpy" if codes.shape[1] % 8 else "faiss hammings"
        return best_first(found, scores.astype(np.float32), gallery.ids, k), Cost(visited, read, kernel, note)

    def _near(
        self,
        lists: Lists | None,
        query: EncodedQuery,
        mask: NDArray[np.bool_] | None,
        allowed: NDArray[np.int64] | None,
    ) -> tuple[NDArray[np.int64] | None, str]:
        """Rows of the nearest lists, rising, and what they are."""
        if lists is None:
            return allowed, "no lists that fit: run `swath tune`; all codes are looked at"
        assert self.tiles is not None, "asked for"
        sizes = lists.sizes
        if mask is not None:
            there = (lists.rows >= 0) & mask[lists.rows]
            sizes = np.bincount(lists.list_of[there], minlength=len(sizes))
        order = np.argsort(-near(lists, lists.turned(query.dense)), kind="stable")
        limit = self.tiles * sizes.sum()
        chosen = order[: max(1, int(np.searchsorted(np.cumsum(sizes[order]), limit, "right")))]
        starts = lists.ends - lists.sizes
        parts = [lists.rows[starts[one] : lists.ends[one]] for one in chosen.tolist()]
        rows = np.sort(np.concatenate([*parts, lists.tail]))
        rows = rows[rows >= 0]
        said = f"{len(chosen):,} of {len(order):,} lists"
        return rows if mask is None else rows[mask[rows]], said


def _asymmetric(relaxed: NDArray[np.float32], codes: NDArray[np.uint8]) -> NDArray[np.float64]:
    """From 0 to below 1, rising with the product of relaxed bits and code.

    In whole numbers, so that it does not depend on the order in which it is summed.
    """
    whole = np.rint(relaxed * 127.0).astype(np.int64)
    most = 127 * len(whole)
    products = unpack(codes).astype(np.int64) @ whole
    return np.asarray((products + most) / (2 * most + 1), np.float64)
