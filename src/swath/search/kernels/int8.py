"""The scan of int8 rows: half the bytes of float16, and a proof of what it may leave out.

With a row x = s c + e and a query q = u t + f, c and t int8, the score is x q = s u (c t) + s c f + e q. The
integer product c t is exact, and by Cauchy and Schwarz the rest is not above |s c| |f| + |e| |q|, whose
factors are stored with the rows (`Int8Rows`) or known of the query. So every row has an interval that its
score lies in; a row whose interval ends below k others' is not among the k best. A bias that is taken away
from the scores moves the intervals, and widens them by its rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from swath.search.kernels.rows import blocks, in_spans
from swath.types import Array, Int8Rows

if TYPE_CHECKING:
    from numkong import PackedMatrix

KERNEL = "numkong int8"

ROW_TERMS = 12
"""Bytes of a row beside its codes."""

_BLOCK = 2048
_PACKED = 8
"""Queries from which the packed product is faster than one after the other."""
_MOST = 1 << 20
"""Rows that the queries of a batch may hold together, beyond a multiple of k each; where more cannot be told
apart, int8 is too coarse."""
_ROUNDING = 2.0**-21
"""Relative, above all roundings: of products to float32, sums in float64, the exact score to float32."""
_LEAST = 1e-30
_NEVER = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True, eq=False)
class Shortlist:
    """Rows among which the k best are, whatever the exact scores are."""

    rows: NDArray[np.int64]
    rough: NDArray[np.float64]
    """Middle of the interval of the score."""
    slack: NDArray[np.float64]
    """Half its width."""


def shortlists(
    compact: Int8Rows,
    queries: NDArray[np.float32],
    k: int,
    rows: NDArray[np.int64] | None = None,
    *,
    bias: NDArray[np.float32] | None = None,
    block: int | None = None,
    threads: int | None = None,
) -> list[Shortlist | None]:
    """For each query the rows that may be among the k > 0 best of all rows, or of `rows` (rising).

    `bias`, float32[n], is taken away from the scores. None where int8 cannot tell enough rows apart. Rows
    that are not finite are always there.
    """
    count = len(compact.codes) if rows is None else len(rows)
    asked = Asked(queries)
    step = block or max(_BLOCK, 2 * k)
    parts = in_spans(
        lambda span: _scan(compact, asked, k, rows, bias, span, step),
        count,
        compact.codes.shape[1] + ROW_TERMS,
        threads,
    )
    return (parts[0] if len(parts) == 1 else _Kept.merged(parts)).shortlists()


class Asked:
    """Queries as int8, with what the error of their scores is made of."""

    def __init__(self, queries: NDArray[np.float32]) -> None:
        exact = queries.astype(np.float64)
        largest = np.abs(exact).max(1, initial=0.0)
        self.unit = np.where(largest > 0, largest / 127, 1.0)
        codes = np.rint(exact / self.unit[:, None])
        self.codes = codes.astype(np.int8)
        self.length = _length(exact) + _LEAST
        self.rest = _length(exact - self.unit[:, None] * codes) + _LEAST

    def slack(self, error: Any, norm: Any, query: int | slice | NDArray[np.int64]) -> NDArray[np.float64]:
        """Half the width of the interval of rows with that error and norm."""
        length, rest = self.length[query], self.rest[query]
        slack = error * length + norm * rest + (error + norm) * (length * _ROUNDING)
        return np.asarray(slack * (1 + 1e-9) + _LEAST)


def _length(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sqrt((x * x).sum(1)) * (1 + 1e-9))


class _Kept:
    """The rows that may still be among the k best, of all queries together."""

    def __init__(self, k: int, queries: int) -> None:
        self.k = k
        self.floors = np.full(queries, -np.inf)
        """k rows have scores that are not below it."""
        self.lost = np.zeros(queries, np.bool_)
        """Queries with more rows than may be held."""
        self._parts: list[_Pairs] = []
        self._held = 0
        self._limit = queries * max(2 * k, 64)
        self._most = 4 * k + _MOST // queries

    def add(self, pairs: _Pairs) -> None:
        self._parts.append(pairs)
        self._held += len(pairs.rows)
        if self._held > self._limit:
            self._tighten()
            self._limit = max(self._limit, 2 * self._held)

    def _tighten(self) -> _Pairs:
        """Leave out the rows whose intervals end below k others' of the same query."""
        whole = _joined(self._parts)
        least = whole.rough - whole.slack
        order = np.lexsort((-least, whole.query))
        counts = np.bincount(whole.query, minlength=len(self.floors))
        enough = np.flatnonzero(counts >= self.k)
        worst = order[(np.cumsum(counts) - counts)[enough] + self.k - 1]
        self.floors[enough] = np.maximum(self.floors[enough], least[worst])
        near = whole.rough + whole.slack >= self.floors[whole.query]
        left = np.bincount(whole.query[near], minlength=len(self.floors))
        self.lost |= left > self._most
        whole = whole.of(near & ~self.lost[whole.query])
        self._parts, self._held = [whole], len(whole.rows)
        return whole

    def shortlists(self) -> list[Shortlist | None]:
        whole = self._tighten()
        order = np.argsort(whole.query, kind="stable")
        ends = np.cumsum(np.bincount(whole.query, minlength=len(self.floors)))[:-1]
        return [
            None if lost else Shortlist(whole.rows[part], whole.rough[part], whole.slack[part])
            for lost, part in zip(self.lost.tolist(), np.split(order, ends), strict=True)
        ]

    @classmethod
    def merged(cls, parts: Sequence[_Kept]) -> _Kept:
        whole = cls(parts[0].k, len(parts[0].floors))
        whole.floors = np.max([part.floors for part in parts], axis=0)
        whole.lost = np.any([part.lost for part in parts], axis=0)
        whole._parts = [one for part in parts for one in part._parts]
        return whole


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Rows and the queries that they may belong to, with the intervals of the scores; parallel arrays."""

    rows: NDArray[np.int64]
    query: NDArray[np.int64]
    rough: NDArray[np.float64]
    slack: NDArray[np.float64]

    def of(self, chosen: NDArray[np.bool_]) -> _Pairs:
        return _Pairs(self.rows[chosen], self.query[chosen], self.rough[chosen], self.slack[chosen])


def _joined(parts: Sequence[_Pairs]) -> _Pairs:
    none = np.zeros(0, np.int64)
    return _Pairs(
        np.concatenate([none, *(part.rows for part in parts)]),
        np.concatenate([none, *(part.query for part in parts)]),
        np.concatenate([np.zeros(0), *(part.rough for part in parts)]),
        np.concatenate([np.zeros(0), *(part.slack for part in parts)]),
    )


def _scan(
    compact: Int8Rows,
    asked: Asked,
    k: int,
    rows: NDArray[np.int64] | None,
    bias: NDArray[np.float32] | None,
    span: tuple[int, int],
    step: int,
) -> _Kept:
    queries = len(asked.unit)
    unit = asked.unit if bias is None else np.ones(queries)
    kept = _Kept(k, queries)
    product = _Product(asked.codes)
    every = slice(None)
    for allowed, where, places in blocks(rows, span, step):
        scale, error, norm = compact.scale[where], compact.error[where], compact.norm[where]
        rough = product(compact.codes[where], scale)
        if places is not None:
            rough, error, norm = rough[places], error[places], norm[places]
        rounded = np.zeros(1)
        if bias is not None:
            shift = bias[allowed].astype(np.float64)
            rough = rough * asked.unit - shift[:, None]
            rounded = np.abs(shift) * _ROUNDING
        if len(allowed) >= k and kept.floors[0] == -np.inf:
            # One look at a whole block spares the sorting of most of it.
            least = rough * unit - asked.slack(error[:, None], norm[:, None], every) - rounded[:, None]
            kept.floors = np.partition(least, len(least) - k, axis=0)[len(least) - k]
        lowest = (kept.floors - asked.slack(error.max(), norm.max(), every) - rounded.max()) / unit
        lowest[kept.lost] = _NEVER
        found, query = np.divmod(np.flatnonzero(rough >= _below(lowest, rough.dtype)), queries)
        if len(found):
            middle = rough[found, query] * unit[query]
            slack = asked.slack(error[found].astype(np.float64), norm[found].astype(np.float64), query)
            slack += rounded[found] if bias is not None else 0.0
            pairs = _Pairs(allowed[found], query, middle, slack)
            kept.add(pairs.of(middle + slack >= kept.floors[query]))
    return kept


def _below(limits: NDArray[np.float64], dtype: np.dtype[Any]) -> Array:
    """The same in a type that may be narrower, not above."""
    narrow: Array = limits.astype(dtype)
    return narrow if dtype == limits.dtype else np.nextafter(narrow, dtype.type(-np.inf))


class _Product:
    """Integer products of blocks of rows with the same queries, times the scale of each row."""

    def __init__(self, codes: NDArray[np.int8]) -> None:
        import numkong  # only where rows are scanned

        self._numkong: Any = numkong
        self._codes = codes
        self._packed: PackedMatrix | None = None
        self._out: Any = None
        self._rough = np.empty((0, len(codes)), np.float32)
        if len(codes) >= _PACKED:
            self._packed = numkong.dots_pack(codes, dtype="int8")

    def __call__(self, rows: NDArray[np.int8], scale: NDArray[np.float32]) -> Array:
        """float[n, m], C order, which the next call may overwrite; float32 where there are many queries."""
        factor = scale[:, None]
        if self._packed is None:
            products = np.empty((len(rows), len(self._codes)))
            for number in range(len(self._codes)):
                one = self._numkong.cdist(self._codes[number : number + 1], rows, "dot")
                products[:, number] = np.asarray(one)[0]
            products *= factor
            return products
        if self._out is None or self._out.shape[0] != len(rows):
            self._out = self._numkong.empty((len(rows), len(self._codes)), dtype="int32")
            self._rough = np.empty((len(rows), len(self._codes)), np.float32)
        self._numkong.dots_packed(rows, self._packed, out=self._out)
        np.multiply(np.asarray(self._out), factor, out=self._rough, casting="unsafe", dtype=np.float32)
        return self._rough
