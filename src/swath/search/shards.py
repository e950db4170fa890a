"""Several galleries as one: the rows that merging them would give, in its order.

Stages read it as they read any gallery, so what runs on a merged archive runs on its parts, and answers the
same: a scan goes over the parts side by side, and what it finds is put in the one order. Embeddings and
tokens stay where they are; the rows that a stage asks for are brought together when it asks. Partial searches
(`lists`, `ivf`) and words (`sparse`) read lists that are built over all tiles together, which the parts do
not have.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import cast

import numpy as np
from numpy.typing import NDArray

from swath.types import Array, Gallery, Int8Rows, Tile

_OF_ALL = frozenset({"lists", "sparse"})


class Shards:
    """One gallery of several; implements `swath.types.Gallery`.

    A tile that several of them hold is the first one's, and is there once.
    """

    def __init__(self, parts: Sequence[Gallery]) -> None:
        """One gallery at least; their attributes of one name have one kind."""
        self.parts = tuple(parts)
        self._layout = _Layout([part.ids for part in parts])

    def __len__(self) -> int:
        return len(self._layout)

    def home(self, row: int) -> tuple[Gallery, int]:
        """The gallery that holds a row, and the row there."""
        part, own = self._layout.place(row)
        return self.parts[part], own

    def tile(self, row: int) -> Tile:
        """The tile of one row."""
        gallery, own = self.home(row)
        return gallery.tile(own)

    @cached_property
    def ids(self) -> Array:
        """S32[n]"""
        return self.joined(lambda part: part.ids)

    @property
    def signals(self) -> frozenset[str]:
        """What all of them store."""
        return frozenset.intersection(*(part.signals for part in self.parts)) - _OF_ALL

    def signal(self, name: str) -> Array:
        """One signal. What comes is no array: it has a shape, and gives the rows that it is asked for."""
        if name not in self.signals:
            raise KeyError(name)
        return self._stacked(lambda part: part.signal(name))

    @cached_property
    def compact(self) -> Int8Rows | None:
        """The rows of `dense` as int8; None where one of the galleries lacks them."""
        compact = [part.compact for part in self.parts]
        if not all(compact):
            return None
        names = ("codes", "scale", "error", "norm")
        columns = [[getattr(rows, name) for rows in compact] for name in names]
        return Int8Rows(*(cast(Array, _Stacked(column, self._layout)) for column in columns))

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names that `attribute` accepts."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.attributes))

    def attribute(self, name: str) -> Array:
        """One attribute of every row; missing where a gallery does not know it. Raises `KeyError`."""
        known = [part.attribute(name) if name in part.attributes else None for part in self.parts]
        there = [values for values in known if values is not None]
        if not there:
            raise KeyError(name)
        missing = np.nan if there[0].dtype.kind == "f" else None
        columns = [
            np.full(len(part), missing, there[0].dtype) if values is None else values
            for part, values in zip(self.parts, known, strict=True)
        ]
        return np.asarray(_Stacked(columns, self._layout)[:])

    @cached_property
    def bounds(self) -> NDArray[np.float64]:
        """float64[n, 4]: west, south, east, north in degrees; NaN where a tile has no footprint."""
        return self.joined(lambda part: part.bounds)

    @cached_property
    def corners(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """float64[m, 2] and int64[n]; see `swath.types.Gallery`."""
        every, counts = [np.zeros((0, 2))], [np.zeros(0, np.int64)]
        for part, kept in zip(self.parts, self._layout.kept, strict=True):
            corners, ends = part.corners
            own = np.diff(ends, prepend=0)
            if kept is not None:
                counted = np.isin(np.arange(len(own)), kept)
                corners, own = corners[np.repeat(counted, own)], own[kept]
            every.append(corners)
            counts.append(own)
        return np.concatenate(every), np.cumsum(np.concatenate(counts))

    def joined(self, column: Callable[[Gallery], Array]) -> Array:
        """What is known of the rows of each gallery, of all rows."""
        return self._stacked(column)[:]

    def _stacked(self, column: Callable[[Gallery], Array]) -> Array:
        return cast(Array, _Stacked([column(part) for part in self.parts], self._layout))


class _Layout:
    """Which row of which part every row is."""

    def __init__(self, ids: Sequence[Array]) -> None:
        self.kept = firsts(ids)
        """Rows of each part that count; None: all."""
        counts = [len(own) if kept is None else len(kept) for own, kept in zip(ids, self.kept, strict=True)]
        self.starts = np.concatenate([[0], np.cumsum(counts)])
        self.ends: list[int] = self.starts[1:].tolist()

    def __len__(self) -> int:
        return int(self.starts[-1])

    def place(self, row: int) -> tuple[int, int]:
        if not 0 <= row < len(self):
            raise IndexError(row)
        part = int(np.searchsorted(self.starts, row, "right")) - 1
        own = row - int(self.starts[part])
        kept = self.kept[part]
        return part, own if kept is None else int(kept[own])

    def own(self, part: int, rows: slice | NDArray[np.int64]) -> slice | NDArray[np.int64]:
        """Rows of a part by their numbers among those that count."""
        kept = self.kept[part]
        return rows if kept is None else kept[rows]


class _Stacked:
    """Arrays one after the other, as stages read an array: some rows at a time."""

    def __init__(self, parts: Sequence[Array], layout: _Layout) -> None:
        self._parts, self._layout = parts, layout
        self.dtype = parts[0].dtype
        self.itemsize = self.dtype.itemsize
        self.shape = (len(layout), *parts[0].shape[1:])

    def __len__(self) -> int:
        return len(self._layout)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Array:
        return self._slice(rows) if isinstance(rows, slice) else self._gathered(rows)

    def _slice(self, rows: slice) -> Array:
        start, stop, step = rows.indices(len(self))
        if step != 1:
            raise IndexError("rows are read one after the other")
        ends = self._layout.ends
        part, pieces = bisect_right(ends, start), []
        while start < stop:
            first = ends[part - 1] if part else 0
            last = min(stop, ends[part])
            pieces.append(self._parts[part][self._layout.own(part, slice(start - first, last - first))])
            start, part = last, part + 1
        return pieces[0] if len(pieces) == 1 else np.concatenate([self._parts[0][:0], *pieces])

    def _gathered(self, rows: NDArray[np.int64]) -> Array:
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        homes = np.searchsorted(self._layout.starts, rows, "right") - 1
        for part in np.unique(homes).tolist():
            here = homes == part
            own = rows[here] - self._layout.starts[part]
            found[here] = self._parts[part][self._layout.own(part, own)]
        return found


def firsts(ids: Sequence[Array]) -> list[NDArray[np.int64] | None]:
    """For each gallery the rows whose ids no gallery before it has, rising; None where these are all.

    Ids are hashes: half of their digits tell nearly all of them apart, and only those that they do not are
    compared.
    """
    numbers = np.concatenate([_number(own) for own in ids])
    ordered = np.sort(numbers)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(twice):
        return [None] * len(ids)
    suspects = np.flatnonzero(np.isin(numbers, twice))
    starts = np.concatenate([[0], np.cumsum([len(own) for own in ids])])
    homes = np.searchsorted(starts, suspects, "right") - 1
    names = np.concatenate([own[suspects[homes == part] - starts[part]] for part, own in enumerate(ids)])
    order = np.lexsort((homes, names))
    new = np.concatenate([[True], names[order][1:] != names[order][:-1]])
    first_home = homes[order][new][np.cumsum(new) - 1]
    gone = np.zeros(len(numbers), np.bool_)
    gone[suspects[order[homes[order] > first_home]]] = True
    kept = [np.flatnonzero(~gone[first:end]) for first, end in pairwise(starts)]
    return [None if len(rows) == len(own) else rows for rows, own in zip(kept, ids, strict=True)]


def _number(ids: Array) -> NDArray[np.uint64]:
    width = -(-ids.dtype.itemsize // 16) * 16
    whole = np.ascontiguousarray(ids.astype(f"S{width}", copy=False))
    halves = whole.view(np.uint64).reshape(len(ids), width // 8)
    return np.asarray(halves[:, 0] ^ (halves[:, 1] * np.uint64(0x9E3779B97F4A7C15)))
