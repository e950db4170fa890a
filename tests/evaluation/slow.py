"""The slow, obvious truth about hit@k: look at every order of the tied items."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise, permutations
from math import comb

import numpy as np


def hit_by_orders(scores: Sequence[float], right: set[int], k: int) -> Fraction:
    """Share of all orders of the items, sorted by score, in which a right one is among the first k."""
    orders = list(permutations(range(len(scores))))
    sorted_orders = [order for order in orders if all(scores[a] >= scores[b] for a, b in pairwise(order))]
    hits = sum(any(item in right for item in order[:k]) for order in sorted_orders)
    return Fraction(hits, len(sorted_orders))


def hit_by_formula(scores: Sequence[float], right: set[int], k: int) -> Fraction:
    best = max(scores[item] for item in right)
    above = sum(score > best for score in scores)
    tied = sum(score == best for score in scores)
    among = sum(scores[item] == best for item in right)
    drawn = min(max(k - above, 0), tied)
    return 1 - Fraction(comb(tied - among, drawn), comb(tied, drawn))


def dense_score(query: np.ndarray, item: np.ndarray) -> np.float32:
    """One score by the rule: float16 as stored, products summed in float64, rounded to float32."""
    stored = item.astype(np.float16)
    return np.float32(sum(float(a) * float(b) for a, b in zip(query, stored, strict=True)))
