"""The k best rows of a gallery, exactly: int8 rows first where there are some, then float16 for a few."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swath.errors import EncoderError, InputError
from swath.search.kernels import half, int8
from swath.search.ordering import best_first, exact_scores
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
    compact: Int8Rows | None = None,
    block: int | None = None,
    threads: int | None = None,
) -> tuple[list[Candidates], Work]:
    """The k best rows of float16[n, D] for each of float32[m, D], by `exact_scores` and `best_first`.

    `compact` (the same rows as int8), `block` (rows at a time) and `threads` change the time and nothing
    else. Raises `ArchiveError` where a stored vector is not finite, `EncoderError` where a query is of
    another width.
    """
    if queries.shape[1] != vectors.shape[1]:
        raise EncoderError(
            f"The query has {queries.shape[1]} numbers and the stored vectors have {vectors.shape[1]}: "
            "search with the encoder that made the archive"
        )
    if not (np.abs(queries) < 2.0**14).all():
        raise InputError("The query vector is not finite, or larger than 16384: normalise it")
    rows = None if mask is None or mask.all() else np.flatnonzero(mask)
    count = len(vectors) if rows is None else len(rows)
    row_bytes = vectors.shape[1] * vectors.itemsize
    coarse = compact if 0 < k * _FEW <= count else None
    batches = [queries[first : first + _BATCH] for first in range(0, len(queries), _BATCH)]
    found: list[Candidates] = []
    if coarse is None:
        for batch in batches:
            found += half.scan(vectors, ids, batch, k, rows, block=block, threads=threads)
        passes = len(batches) if k else 0
        return found, Work(count * passes, count * passes * row_bytes, half.KERNEL)
    read = 0
    for batch in batches:
        read += count * (vectors.shape[1] + int8.ROW_TERMS)
        lists = int8.shortlists(coarse, batch, k, rows, block=block, threads=threads)
        for query, short in zip(batch, lists, strict=True):
            if short is None:
                read += count * row_bytes
                found += half.scan(vectors, ids, query[None], k, rows, block=block, threads=threads)
            else:
                read += len(short.rows) * row_bytes
                found.append(rescored(short, vectors, ids, query, k))
    return found, Work(count * len(batches), read, f"{int8.KERNEL}, float16 rescored exactly")


def rescored(
    short: int8.Shortlist, vectors: NDArray[np.float16], ids: Array, query: NDArray[np.float32], k: int
) -> Candidates:
    """The k best of a shortlist."""
    rows = short.rows
    if len(rows) > k + _FEW_ROWS:
        order = np.argpartition(-short.rough, k)
        first, rest = order[:k], order[k:]
        worst = _scores(vectors, ids, rows[first], query).min()
        near = rest[short.rough[rest] + short.slack[rest] >= worst]
        rows = np.sort(rows[np.concatenate([first, near])])
    if len(rows) > _AT_ONCE:
        return half.scan(vectors, ids, query[None], k, rows)[0]
    return best_first(rows, _scores(vectors, ids, rows, query), ids, k)


def _scores(
    vectors: NDArray[np.float16], ids: Array, rows: NDArray[np.int64], query: NDArray[np.float32]
) -> NDArray[np.float32]:
    read = vectors[rows]
    half.refuse_broken(rows, read, ids)
    return exact_scores(read, query[None])[:, 0]
