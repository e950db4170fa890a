"""Ranks from embeddings alone, for galleries of any size: blocks of scores, and exact ones where it matters.

A block is a product in float32, whose error has a bound. What stands further from the score of the best right
item than that bound is counted as it is; the few pairs in between are scored exactly, by the rule of search.
So the ranks are those of exact scores, ties included, at the speed of the product.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from swath.errors import InputError
from swath.evaluation.metrics import Ranks, Relevance
from swath.search import exact_scores
from swath.types import Array

_MEMORY = 1 << 28
_GALLERY_BLOCK = 4096
_MOST_QUERIES = 512
_BYTES_PER_SCORE = 8
"""A score, two comparisons, and the bits that count them."""
_PAIRS = 1 << 14
_MANY = 32
"""A block with more than one unsure pair in so many is scored exactly as a whole."""

_UNIT32 = 2.0**-24
_UNIT64 = 2.0**-53


def rank_embeddings(
    queries: NDArray[np.float32], gallery: Array, relevance: Relevance, memory: int = _MEMORY
) -> Ranks:
    """Ranks by the exact dense score of queries[q, D] against gallery[n, D].

    Gallery vectors are taken as float16, the way they are stored; scores are those of a search, so that equal
    vectors tie. For validation while training, where no archive or stage is wanted. About `memory` bytes are
    held at once beside the vectors, whatever the sizes.

    Raises `InputError` where a vector is not finite.
    """
    relevance.check(len(queries), len(gallery))
    stored = gallery.astype(np.float16, copy=False)
    if not (np.isfinite(queries).all() and np.isfinite(stored).all()):
        raise InputError("vectors that are not finite cannot be ranked: the encoder that gave them is broken")
    columns = min(len(stored), _GALLERY_BLOCK)
    block = max(1, min(_MOST_QUERIES, memory // (_BYTES_PER_SCORE * columns + 1)))
    longest = max(
        (_longest(stored[at : at + columns]) for at in range(0, len(stored), columns or 1)), default=0
    )
    ranks = Ranks.empty(len(queries))
    for start in range(0, len(queries), block):
        rows = np.arange(start, min(start + block, len(queries)))
        ranks.put(rows, _rank(queries[rows], stored, relevance.take(rows), longest))
    return ranks


def _rank(asked: NDArray[np.float32], stored: Array, relevance: Relevance, longest: float) -> Ranks:
    """Ranks of a block of queries; `longest` is the largest length of a stored vector."""
    counts = np.diff(relevance.starts)
    owner = np.repeat(np.arange(len(asked)), counts)
    of_right = _exact_pairs(stored, asked, relevance.items, owner)
    best = np.maximum.reduceat(of_right, relevance.starts[:-1])
    right = np.add.reduceat(of_right == best[owner], relevance.starts[:-1], dtype=np.int64)
    # The sum of D products, in any order and of rounded factors, is off by so much at most, and the exact
    # score was rounded once. In this unit the best right score is at 0, and the unsure are from -1 to 1.
    length = np.linalg.norm(asked.astype(np.float64), axis=1) * longest + np.abs(best)
    unit = np.maximum((asked.shape[1] + 8) * _UNIT32 * length, np.finfo(np.float32).tiny)[:, None]
    scaled = (np.concatenate([asked, -best[:, None]], axis=1) / unit).astype(np.float32)
    above, tied = np.zeros(len(asked), np.int64), np.zeros(len(asked), np.int64)
    for start in range(0, len(stored), _GALLERY_BLOCK):
        some = stored[start : start + _GALLERY_BLOCK]
        scores = scaled @ np.concatenate([some, np.ones((len(some), 1))], axis=1, dtype=np.float32).T
        over, reached = scores > 1, scores >= -1
        surely, perhaps = _counted(over), _counted(reached)
        above += surely
        open_rows = np.flatnonzero(perhaps != surely)
        if (perhaps - surely).sum() * _MANY > scores.size:
            exact = exact_scores(some, asked[open_rows]).T
            above[open_rows] += (exact > best[open_rows, None]).sum(1) - surely[open_rows]
            tied[open_rows] += (exact == best[open_rows, None]).sum(1)
            continue
        places, columns = np.nonzero(reached[open_rows] & ~over[open_rows])
        pairs = open_rows[places]
        exact = _exact_pairs(some, asked, columns, pairs)
        above += np.bincount(pairs, exact > best[pairs], len(asked)).astype(np.int64)
        tied += np.bincount(pairs, exact == best[pairs], len(asked)).astype(np.int64)
    return Ranks(above, tied, right)


def _exact_pairs(
    stored: Array, asked: NDArray[np.float32], items: NDArray[np.int64], rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """float32[p]: the exact score of stored[items[i]] and asked[rows[i]], as `exact_scores` has it."""
    scores = np.empty(len(items), np.float32)
    for start in range(0, len(items), _PAIRS):
        some = slice(start, start + _PAIRS)
        products = stored[items[some]].astype(np.float64) * asked[rows[some]].astype(np.float64)
        sums = products.sum(axis=1)
        slack = np.abs(products).sum(axis=1) * ((products.shape[1] + 4) * _UNIT64)
        unsure = (sums - slack).astype(np.float32) != (sums + slack).astype(np.float32)
        for place in np.flatnonzero(unsure):
            sums[place] = math.fsum(products[place].tolist())
        scores[some] = sums.astype(np.float32) + np.float32(0)  # one zero, not two
    return scores


def _counted(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """int64[rows]: how many are true; bits are counted faster than bytes are added."""
    counts: NDArray[np.int64] = np.bitwise_count(np.packbits(flags, axis=1)).sum(axis=1, dtype=np.int64)
    return counts


def _longest(vectors: Array) -> float:
    return float(np.linalg.norm(vectors.astype(np.float32), axis=1).max(initial=0)) * (1 + 1e-5)
