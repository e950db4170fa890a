"""Recall by words: those that the word head sees in a tile, and those of its name, tags and captions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from swath.archive.lists import Lists
from swath.search.kernels import sparse
from swath.search.ordering import best_first
from swath.search.query import EncodedQuery
from swath.search.stages.base import Cost, Kind, Stage
from swath.search.words import asked, tail_postings, with_lists, words_asked
from swath.types import Candidates, Gallery

_SHOWN = 8
"""Words that the note of a trace names."""


@dataclass(frozen=True)
class Sparse(Stage):
    """Sums of products of word weights; exact. Tiles that share no word with the query are not found."""

    name: ClassVar[str] = "sparse"
    kind: ClassVar[Kind] = "recall"

    @property
    def signals(self) -> frozenset[str]:
        """The postings."""
        return frozenset({"sparse"})

    def run(
        self,
        gallery: Gallery,
        query: EncodedQuery,
        candidates: Candidates | None,  # noqa: ARG002
        k: int,
        mask: NDArray[np.bool_] | None,
        threads: int | None = None,  # noqa: ARG002
    ) -> tuple[Candidates, Cost]:
        """The k allowed rows with the highest scores; fewer where fewer share a word."""
        return with_lists(gallery, lambda lists: _run(lists, gallery, query, k, mask))


def _run(
    lists: Lists | None, gallery: Gallery, query: EncodedQuery, k: int, mask: NDArray[np.bool_] | None
) -> tuple[Candidates, Cost]:
    nothing = Candidates(np.zeros(0, np.int64), np.zeros(0, np.float32))
    if lists is None or lists.postings is None or k == 0:
        return nothing, Cost(0, 0, "", "no words are stored: run `swath tune` on the archive" if k else "")
    words = words_asked(lists, query)
    gone = len(lists.tail) or len(lists.rows) > lists.size or lists.has_gaps
    allowed = None
    if mask is not None or gone:
        allowed = lists.rows >= 0
        if mask is not None:
            allowed &= mask[lists.rows]
    found = sparse.search(lists.postings, asked(lists.postings, words), len(lists.rows), k, allowed)
    rows, scores, read = lists.rows[found.places].astype(np.int64), found.scores, found.postings
    if len(lists.tail):
        late = tail_postings(gallery, lists)
        among = None if mask is None else mask[lists.tail]
        more = sparse.search(late, asked(late, words), len(lists.tail), k, among)
        rows = np.concatenate([rows, lists.tail[more.places]])
        scores, read = np.concatenate([scores, more.scores]), read + more.postings
    cost = Cost(len(rows), read * 5, sparse.kernel(), _note(words, found.rescored))
    return best_first(rows, scores, gallery.ids, k), cost


def _note(words: dict[str, float], rescored: int) -> str:
    heaviest = sorted(words.items(), key=lambda item: (-item[1], item[0]))
    shown = " ".join(f"{word} {weight:.2f}" for word, weight in heaviest[:_SHOWN])
    more = f" and {len(heaviest) - _SHOWN} more" if len(heaviest) > _SHOWN else ""
    return f"words: {shown or 'none'}{more}; exact, {rescored} rescored"
