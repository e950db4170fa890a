"""Kernels compiled by numba, cached on disk. Nothing imports this where it is not asked for.

Each gives what its slow twin in NumPy gives; `swath.search.kernels.compiling` says when it runs.
"""

from __future__ import annotations

import numpy as np

from swath.archive.lists import Lists, Postings, fixed
from swath.search.kernels.compiled import lists, sums, tokens, words
from swath.search.kernels.lists import Along
from swath.types import Int8Rows

__all__ = ["lists", "sums", "tokens", "warm", "words"]


def warm() -> None:
    """Compile, or load what an earlier process compiled."""
    tokens.fine_scores(np.ones((1, 2, 4), np.int8), np.zeros(1, np.int64), np.ones(4, np.float32), 0.5, 0.1)
    one = np.ones(1, np.float32)
    rows = Int8Rows(np.ones((1, 1), np.int8), one, one, one)
    few = Lists(
        "", 1, np.zeros(1, np.int32), np.ones(1, np.int64), one[None], one[None], rows, rows, None, None
    )
    query, none, best = (Along(one), Along(one)), np.zeros(0, np.int64), np.zeros(1)
    lists.near(fixed(rows.codes), np.ones(1), np.ones(1), np.ones(1, np.int8), 1.0)
    sums.exact_sums(np.ones((1, 1), np.float16), one)
    sums.nearest(np.ones((1, 1), np.float16), none, np.zeros(0), np.zeros(0), one, 1)
    lists.visit(few, query, np.zeros(1, np.int64), None, none, best, 0.0)
    lists.slacks(few, query, none, 0.0)
    lists.within(few, query, np.zeros(1), 0.0, 1, 1, None, none, best, 0.0)

    number, byte, place = np.ones(1, np.int64), np.ones(1, np.uint8), np.zeros(1, np.int32)
    posted = Postings(
        words=np.array(["a"], "S1"),
        ends=number,
        places=place,
        impacts=byte,
        weights=np.ones(1, np.float16),
        delta=1.0,
        block=64,
        block_ends=number,
        blocks=place,
        firsts=place,
        maxima=byte,
    )
    words.search(posted, [(0, 1.0)], 1, 1, None)
