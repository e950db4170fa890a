"""Hits that show the same as one hit: the best of them stands for the others.

What is known of two tiles says how they are compared. Windows of one file overlap in its pixel grid; tiles of
different files overlap by their footprints, where both have an area. Of two that overlap by more than half of
the smaller one, the better one stays, whatever they look like; and two that do not are two places, however
alike they look. Tiles of which one lies nowhere, or at a point, are compared by their embeddings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from swath.search.areas import over_pole, unrolled
from swath.types import Gallery, Tile

NEAR = 0.97
"""Cosine of the embeddings from which two tiles show the same: shifted, recompressed or copied pictures."""
_SHARE = 0.5
"""Of the smaller of two tiles: what overlaps by more shows the same place."""
_TURNS = (0.0, -360.0, 360.0)
_BLOCK = 256
_FEW = 1000
"""Rows whose files are looked up one by one; for more of them, the column of all is quicker."""

Ring: TypeAlias = list[tuple[float, float]]


def distinct(
    gallery: Gallery, rows: NDArray[np.int64], k: int, tile: Callable[[int], Tile]
) -> tuple[NDArray[np.int64], int]:
    """int64[at most k]: which of the rows, best first, show what none taken before shows; and bytes read.

    A row is compared with those that are taken, never with those that were left out, so the first k of longer
    lists are the same. `tile` gives the tile of a row. Cosines are sums in float64, row by row: the same in
    every run and layout.
    """
    taken: list[int] = []
    shapes = _Shapes(tile)
    codes: dict[str, int] = {}
    pool = _facts(gallery, rows[:0], tile, codes)
    start = read = 0
    while len(taken) < k and start < len(rows):
        end = start + min(max(k - len(taken), 16), _BLOCK)
        some = _facts(gallery, rows[start:end], tile, codes)
        every = pool.joined(some)
        repeats, unsure, size = _compared(gallery, some, every)
        read += size
        held = list(range(len(pool.rows)))
        alone = _alone(repeats | unsure)
        for i, row in enumerate(some.rows.tolist()):
            if len(taken) == k:
                break
            if not alone[i]:
                doubtful = np.flatnonzero(unsure[i, held]).tolist()
                if repeats[i, held].any() or any(
                    shapes.overlap(row, int(every.rows[held[j]])) for j in doubtful
                ):
                    continue
            taken.append(start + i)
            held.append(len(pool.rows) + i)
        pool = every.of(np.array(held, np.int64))
        start = end
    return np.array(taken, np.int64), read


def scenes(
    gallery: Gallery, rows: NDArray[np.int64], k: int, tile: Callable[[int], Tile]
) -> tuple[NDArray[np.int64], int]:
    """int64[at most k]: which of the rows, best first, are the best of their file; and bytes read, 0."""
    if len(rows) > _FEW:
        sources = gallery.attribute("source")[rows].tolist()
    else:
        sources = [tile(row).source for row in rows.tolist()]
    first: dict[str, int] = {}
    for place, source in enumerate(sources):
        first.setdefault(source, place)
    return np.array(list(first.values())[:k], np.int64), 0


@dataclass(frozen=True, slots=True, eq=False)
class _Facts:
    """What is known of some rows."""

    rows: NDArray[np.int64]
    sources: NDArray[np.int64]
    """A number for each file."""
    windows: NDArray[np.int64]
    """int64[n, 4]: column, row, width, height; a width of 0 where there is none."""
    boxes: NDArray[np.float64]
    """float64[n, 4]: west, south, east (not below west), north."""
    areal: NDArray[np.bool_]
    """Whether the footprint is more than a point."""

    def of(self, places: NDArray[np.int64]) -> _Facts:
        return _Facts(*(getattr(self, name)[places] for name in self.__slots__))

    def joined(self, other: _Facts) -> _Facts:
        names = self.__slots__
        return _Facts(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in names))


def _facts(
    gallery: Gallery, rows: NDArray[np.int64], tile: Callable[[int], Tile], codes: dict[str, int]
) -> _Facts:
    tiles = [tile(row) for row in rows.tolist()]
    sources = np.array([codes.setdefault(one.source, len(codes)) for one in tiles], np.int64)
    windows = [(w.column, w.row, w.width, w.height) for w in (one.window for one in tiles)]
    boxes = np.array(gallery.bounds[rows])
    boxes[:, 2] += 360 * (boxes[:, 0] > boxes[:, 2])
    areal = [one.footprint is not None and len(one.footprint.ring) > 2 for one in tiles]
    return _Facts(rows, sources, np.array(windows, np.int64).reshape(-1, 4), boxes, np.array(areal, bool))


def _compared(
    gallery: Gallery, some: _Facts, every: _Facts
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], int]:
    """bool[some, every]: which show the same, and of which the footprints must tell; and bytes read."""
    (x, y, width, height), (x1, y1, width1, height1) = some.windows.T[..., None], every.windows.T
    size, size1 = width * height, width1 * height1
    one_file = (some.sources[:, None] == every.sources) & (size > 0) & (size1 > 0)
    across = np.minimum(x + width, x1 + width1) - np.maximum(x, x1)
    down = np.minimum(y + height, y1 + height1) - np.maximum(y, y1)
    shared = np.maximum(across, 0) * np.maximum(down, 0)
    repeats = one_file & (shared > _SHARE * np.minimum(size, size1))
    placed = some.areal[:, None] & every.areal & ~one_file
    unsure = placed
    if placed.any():
        (west, south, east, north), (west1, south1, east1, north1) = some.boxes.T[..., None], every.boxes.T
        touching = [np.minimum(east, east1 + turn) > np.maximum(west, west1 + turn) for turn in _TURNS]
        level = np.minimum(north, north1) > np.maximum(south, south1)
        unsure = placed & level & np.logical_or.reduce(touching)
    nowhere = ~one_file & ~placed
    if not nowhere.any():
        return repeats, unsure, 0
    stored = gallery.signal("dense")[every.rows]
    unit = stored.astype(np.float64)
    lengths = np.sqrt(np.vecdot(unit, unit))
    unit /= np.where(lengths > 0, lengths, 1.0)[:, None]
    own = unit[len(unit) - len(some.rows) :]
    repeats |= nowhere & (np.vecdot(own[:, None], unit) >= NEAR)
    return repeats, unsure, stored.nbytes


def _alone(clashes: NDArray[np.bool_]) -> list[bool]:
    """Which of the last rows of all, bool[some, every], may clash with no other one; most do not."""
    own = np.arange(len(clashes))
    clashes[own, clashes.shape[1] - len(clashes) + own] = False
    alone: NDArray[np.bool_] = ~np.asarray(clashes.any(axis=1))
    return [bool(one) for one in alone]


class _Shapes:
    """Footprints where areas are true: longitude, and the sine of latitude (Lambert's cylinder)."""

    def __init__(self, tile: Callable[[int], Tile]) -> None:
        self._tile = tile
        self._rings: dict[int, tuple[Ring, float]] = {}

    def overlap(self, row: int, other: int) -> bool:
        """Whether two footprints share more than half of the smaller one."""
        (ring, size), (ring1, size1) = self._ring(row), self._ring(other)
        shared = sum(abs(_shared(ring, [(x + turn, y) for x, y in ring1])) for turn in _TURNS)
        return shared > _SHARE * min(size, size1)

    def _ring(self, row: int) -> tuple[Ring, float]:
        """The ring of a row, and its area."""
        if row not in self._rings:
            footprint = self._tile(row).footprint
            assert footprint is not None
            corners = np.array(footprint.ring)
            corners[:, 0], goes_round = unrolled(corners[:, 0])
            corners = over_pole(corners) if goes_round else corners
            sines = np.sin(np.radians(corners[:, 1])).tolist()
            # Unrolled longitudes may begin anywhere: the middle of them is brought into one turn.
            away = 360 * round(float(corners[:, 0].mean()) / 360)
            ring = list(zip((corners[:, 0] - away).tolist(), sines, strict=True))
            self._rings[row] = ring, abs(_area(ring))
        return self._rings[row]


def _area(ring: Ring) -> float:
    """Positive where the ring goes round counter-clockwise."""
    if not ring:
        return 0.0
    x, y = ring[0]  # small tiles far from 0 would lose their digits
    return sum((x0 - x) * (y1 - y) - (x1 - x) * (y0 - y) for (x0, y0), (x1, y1) in pairwise(ring)) / 2


def _shared(first: Ring, second: Ring) -> float:
    """The area that two rings share, up to its sign: `first` cut to each triangle of a fan over `second`.

    Triangles that turn the other way count against the others, so neither ring has to be convex.
    """
    if max(x for x, _ in first) <= min(x for x, _ in second) or max(x for x, _ in second) <= min(
        x for x, _ in first
    ):
        return 0.0
    total, apex = 0.0, second[0]
    for left, right in pairwise(second[1:]):
        turn = _area([apex, left, right])
        if turn:
            triangle = [apex, left, right] if turn > 0 else [apex, right, left]
            total += (1 if turn > 0 else -1) * _area(_cut(first, triangle))
    return total


def _cut(ring: Ring, triangle: Ring) -> Ring:
    """The part of a ring in a counter-clockwise triangle (Sutherland and Hodgman)."""
    for (x0, y0), (x1, y1) in pairwise([*triangle, triangle[0]]):
        sides = [(x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) for x, y in ring]
        kept: Ring = []
        for i, (corner, side) in enumerate(zip(ring, sides, strict=True)):
            before, side_before = ring[i - 1], sides[i - 1]
            if (side >= 0) != (side_before >= 0):
                share = side_before / (side_before - side)
                kept.append(
                    (before[0] + share * (corner[0] - before[0]), before[1] + share * (corner[1] - before[1]))
                )
            if side >= 0:
                kept.append(corner)
        ring = kept
    return ring
