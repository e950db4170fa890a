"""The k best rows of a gallery, exactly: int8 rows first where there are some, then float16 for a few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.errors import EncoderError, InputError
from swath.search.kernels import compiling, half, int8
from swath.search.kernels.biased import biased
from swath.search.ordering import best_first, exact_scores, exact_sum, rounded
from swath.types import Array, Candidates, Int8Rows

_BATCH = 256
"""Queries that share one pass; bounds the scores held at a time to a few MiB."""
_FEW = 4
"""int8 pays where k is at most one in so many rows: of more, it can leave out too few."""
_FEW_ROWS = 256
"""Rows that are scored exactly without a look at which of them cannot be the best."""
_AT_ONCE = 4096
"""Rows that are scored exactly without another look in float32."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a search has read, and by what."""

    rows: int
    """Rows visited, once for each pass."""
    bytes_read: int
    kernel: str


def top(
    vectors: NDArray[np.float16],
    ids: Array,
    queries: NDArray[np.float32],
    k: int,
    mask: NDArray[np.bool_] | None = None,
    *,
    bias: NDArray[np.float32] | None = None,
    compact: Int8Rows | None = None,
    block: int | None = None,
    threads: int | None = None,
) -> tuple[list[Candidates], Work]:
    """The k best rows of float16[n, D] for each of float32[m, D], by `exact_scores` and `best_first`.

    `bias`, float32[n], is taken away from the scores first: they are float32(score - bias) then. `compact`
    (the same rows as int8), `block` (rows at a time) and `threads` change the time and nothing else. Raises
    `ArchiveError` where a stored vector is not finite, `EncoderError` where a query is of another width.
    """
    if queries.shape[1] != vectors.shape[1]:
        raise EncoderError(
            f"The query has {queries.shape[1]} numbers and the stored vectors have {vectors.shape[1]}: "
            "search with the encoder that made the archive"
        )
    if not (np.abs(queries) < 2.0**14).all():
        raise InputError("The query vector is not finite, or larger than 16384: normalise it")
    rows = None if mask is None or mask.all() else np.flatnonzero(mask)
    return _Search(vectors, ids, k, rows, bias, compact, block, threads).run(queries)


def rescored(
    short: int8.Shortlist, vectors: NDArray[np.float16], ids: Array, query: NDArray[np.float32], k: int
) -> Candidates:
    """The k best of a shortlist."""
    return _Search(vectors, ids, k).rescored(short, query)


class _Search:
    """What all queries share."""

    def __init__(
        self,
        vectors: NDArray[np.float16],
        ids: Array,
        k: int,
        rows: NDArray[np.int64] | None = None,
        bias: NDArray[np.float32] | None = None,
        compact: Int8Rows | None = None,
        block: int | None = None,
        threads: int | None = None,
    ) -> None:
        self.vectors, self.ids, self.k, self.rows, self.bias = vectors, ids, k, rows, bias
        self.block, self.threads = block, threads
        self.count = len(vectors) if rows is None else len(rows)
        self.row_bytes = vectors.shape[1] * vectors.itemsize
        self.coarse = compact if 0 < k * _FEW <= self.count else None
        self.read = 0
        self.passes = 0

    def run(self, queries: NDArray[np.float32]) -> tuple[list[Candidates], Work]:
        found: list[Candidates] = []
        for first in range(0, len(queries), _BATCH):
            batch = queries[first : first + _BATCH]
            found += self.scan(batch) if self.coarse is None else self.prove(self.coarse, batch)
        kernel = half.KERNEL if self.coarse is None else f"{int8.KERNEL}, float16 rescored exactly"
        return found, Work(self.count * self.passes, self.read, kernel)

    def prove(self, compact: Int8Rows, batch: NDArray[np.float32]) -> list[Candidates]:
        """int8 rows first."""
        self.passes += 1
        self.read += self.count * (self.vectors.shape[1] + int8.ROW_TERMS)
        lists = int8.shortlists(
            compact, batch, self.k, self.rows, bias=self.bias, block=self.block, threads=self.threads
        )
        found = []
        for query, short in zip(batch, lists, strict=True):
            if short is None:
                found += self.scan(query[None])
            else:
                self.read += len(short.rows) * self.row_bytes
                found.append(self.rescored(short, query))
        return found

    def scan(
        self, batch: NDArray[np.float32], rows: NDArray[np.int64] | None = None, *, counted: bool = True
    ) -> list[Candidates]:
        """float16 rows at once: all that are allowed, or those given."""
        among = self.rows if rows is None else rows
        count = len(self.vectors) if among is None else len(among)

        def scores(some: Sequence[int], enough: int) -> list[Candidates]:
            return half.scan(
                self.vectors,
                self.ids,
                batch[list(some)],
                enough,
                among,
                block=self.block,
                threads=self.threads,
            )

        if self.bias is None or not self.k:
            found, scans = scores(range(len(batch)), self.k), 1
        else:
            found, scans = biased(scores, len(batch), self.bias, self.ids, self.k, count)
        if counted and self.k:
            self.read += scans * count * self.row_bytes
            self.passes += 0 if self.coarse is not None else scans
        return found

    def rescored(self, short: int8.Shortlist, query: NDArray[np.float32]) -> Candidates:
        """The k best of a shortlist."""
        rows = short.rows
        fast = compiling.module()
        one = isinstance(self.vectors, np.ndarray)  # not those of several archives
        if fast is not None and one and self.bias is None and len(rows) <= _AT_ONCE:
            return best_first(*self.nearest(fast, short, query), self.ids, self.k)
        if len(rows) > self.k + _FEW_ROWS:
            order = np.argpartition(-short.rough, self.k)
            first, rest = order[: self.k], order[self.k :]
            worst = self.scores(rows[first], query).min()
            near = rest[short.rough[rest] + short.slack[rest] >= worst]
            rows = np.sort(rows[np.concatenate([first, near])])
        if len(rows) > _AT_ONCE:
            return self.scan(query[None], np.sort(rows), counted=False)[0]
        return best_first(rows, self.scores(rows, query), self.ids, self.k)

    def nearest(
        self, fast: Any, short: int8.Shortlist, query: NDArray[np.float32]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows of a shortlist that may be among the k best, compiled, with their scores."""
        near, sums, sizes = fast.sums.nearest(
            self.vectors, short.rows, short.rough, short.slack, query, self.k
        )
        rows = short.rows[near]
        if not np.isfinite(sums).all():
            half.refuse_broken(rows, self.vectors[rows], self.ids)

        def exact(row: int, _: int) -> float:
            return exact_sum(self.vectors[rows[row]], query)

        return rows, rounded(sums[:, None], sizes[:, None], exact, len(query))[:, 0]

    def scores(self, rows: NDArray[np.int64], query: NDArray[np.float32]) -> NDArray[np.float32]:
        read = self.vectors[rows]
        half.refuse_broken(rows, read, self.ids)
        exact = exact_scores(read, query[None])[:, 0]
        return exact if self.bias is None else exact - self.bias[rows]
