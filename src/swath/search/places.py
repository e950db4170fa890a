"""Where tiles lie: which footprints touch an area, and which tile lies at a point.

A footprint and an area touch where they have a point in common, edges and corners included. Edges of both are
straight in longitude and latitude; longitudes lie on a circle, and a pole is one point. A footprint of a
single corner is that point; a tile without a footprint is nowhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from swath.errors import InputError
from swath.search.areas import Area, over_pole, point, unrolled
from swath.types import Gallery

_TURNS = (0.0, -360.0, 360.0)
_SLACK = 1e-9
"""Degrees by which bounds are wider than they are stored: unrolling rounds."""
_SAME_SIZE = 1.5
"""Tiles up to so many times as large as the smallest one are of the same level of a pyramid."""
_RADIUS = 6371008.8
_NEAREST = 64
"""How many tiles are looked at closely for the nearest one."""


def touching(gallery: Gallery, area: Area) -> NDArray[np.bool_]:
    """bool[n]: the tiles whose footprint has a point in common with the area."""
    import shapely

    west, south, east, north = gallery.bounds.T
    east = np.where(west > east, east + 360, east)
    left, bottom, right, top = area.bounds
    found: NDArray[np.bool_] = np.zeros(len(gallery), bool)
    if top >= 90:
        found |= north >= 90
    if bottom <= -90:
        found |= south <= -90
    level = (south <= top + _SLACK) & (north >= bottom - _SLACK)
    corners, ends = gallery.corners
    for turn in _TURNS:
        over = level & ~found & (west + turn <= right + _SLACK) & (east + turn >= left - _SLACK)
        rows = np.flatnonzero(over)
        if not len(rows):
            continue
        # One corner decides for most tiles, which is quicker than whole footprints.
        x, y = corners[np.where(rows > 0, ends[rows - 1], 0)].T
        x = np.where(x < west[rows] - _SLACK, x + 360, x) + turn
        inside = shapely.intersects_xy(area.shape, x, y)
        found[rows[inside]] = True
        reach = np.hypot(east[rows] - west[rows], north[rows] - south[rows])
        far = _far(area, x, y, reach, ~inside)
        for some, shapes in _shapes(gallery, rows[~inside & ~far], turn):
            found[some[shapely.intersects(area.shape, shapes)]] = True
    return found


def _far(
    area: Area,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    reach: NDArray[np.float64],
    outside: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """bool[n]: where the area is certainly farther from a point than `reach`, for most of those outside."""
    import shapely

    if not outside.any():
        return outside
    usual = 4 * float(np.median(reach[outside]))
    wide = shapely.buffer(area.shape, 1.05 * usual)  # round corners lie within the true ones
    shapely.prepare(wide)
    near: NDArray[np.bool_] = shapely.intersects_xy(wide, x, y)
    return outside & (reach <= usual) & ~near


def at(gallery: Gallery, longitude: float, latitude: float) -> int:
    """The row of the tile that lies at a point: of the smallest there, the one with the nearest centre.

    Tiles up to half as large again as the smallest count as of its size. Raises `InputError` for what is no
    point of the Earth, and where no footprint has it; the message names the nearest tile.
    """
    here = point(longitude, latitude)
    rows = np.flatnonzero(touching(gallery, here))
    if not len(rows):
        raise InputError(_nowhere(gallery, here))
    sizes, centres = _measures(gallery, rows, here)
    among = np.flatnonzero(sizes <= _SAME_SIZE * sizes.min())
    return int(rows[min(among.tolist(), key=lambda i: (centres[i], bytes(gallery.ids[rows[i]])))])


def ring_of(gallery: Gallery, row: int) -> NDArray[np.float64]:
    """float64[c, 2]: a footprint, longitudes without jumps, a ring round a pole led along the pole."""
    corners, ends = gallery.corners
    ring = corners[ends[row - 1] if row else 0 : ends[row]]
    x, goes_round = unrolled(ring[:, 0])
    straight = np.column_stack([x, ring[:, 1]])
    return over_pole(straight) if len(ring) > 1 and goes_round else straight


def _shapes(
    gallery: Gallery, rows: NDArray[np.int64], turn: float
) -> list[tuple[NDArray[np.int64], NDArray[np.object_]]]:
    """Footprints of several corners as polygons, a turn of the Earth away: rows of equal rings together."""
    import shapely

    corners, ends = gallery.corners
    starts = np.where(rows > 0, ends[rows - 1], 0)
    counts = ends[rows] - starts
    west = gallery.bounds[:, 0]
    shapes = []
    for count in np.unique(counts[counts > 2]).tolist():
        some, begin = rows[counts == count], starts[counts == count]
        rings = np.array(corners[begin[:, None] + np.arange(count)])
        x, goes_round = unrolled(rings[..., 0])
        # Unrolling may begin a turn away from where the bounds do.
        x += 360 * np.rint((west[some] - x.min(axis=1)) / 360)[:, None] + turn
        rings[..., 0] = x
        made = shapely.polygons(shapely.linearrings(np.concatenate([rings, rings[:, :1]], axis=1)))
        for place in np.flatnonzero(goes_round).tolist():
            made[place] = shapely.Polygon(np.add(over_pole(rings[place]), (turn, 0.0)))
        odd = ~shapely.is_valid(made)
        made[odd] = shapely.make_valid(made[odd])
        shapes.append((some, made))
    return shapes


def _measures(
    gallery: Gallery, rows: NDArray[np.int64], here: Area
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sizes of footprints (as shares of the sphere compare), and metres from a point to their centres."""
    longitude, latitude, _, _ = here.bounds
    sizes, centres = [], []
    for row in rows.tolist():
        ring = ring_of(gallery, row)
        x, y = ring[:, 0], np.sin(np.radians(ring[:, 1]))
        sizes.append(abs(float(x @ np.roll(y, -1) - np.roll(x, -1) @ y)))
        middle = ring.mean(axis=0)
        centres.append(float(_metres(longitude, latitude, middle[None])[0]))
    return np.array(sizes), np.array(centres)


def _nowhere(gallery: Gallery, here: Area) -> str:
    """What to say of a point outside of every footprint."""
    longitude, latitude, _, _ = here.bounds
    said = f"No tile lies at {longitude:g}, {latitude:g} (longitude, latitude)"
    west, south, east, north = gallery.bounds.T
    if not (west == west).any():
        return f"{said}: no tile of the archive has a footprint"
    # The nearest point of the bounds, as longitude and latitude go, leaves a few to look at closely.
    width = np.where(west > east, east + 360, east) - west
    over = (longitude - west) % 360
    x = np.where(over <= width, longitude, np.where(over - width < 360 - over, east, west))
    rough = _metres(longitude, latitude, np.column_stack([x, np.clip(latitude, south, north)]))
    best = min(
        (_reach(gallery, row, longitude, latitude), row)
        for row in np.argsort(np.where(np.isnan(rough), np.inf, rough), kind="stable")[:_NEAREST].tolist()
        if rough[row] == rough[row]
    )
    name = bytes(gallery.ids[best[1]]).decode("ascii", "replace")
    away = f"{best[0] / 1000:,.1f} km" if best[0] >= 1000 else f"{best[0]:.0f} m"
    return f"{said}; the nearest tile, {name}, is about {away} away"


def _reach(gallery: Gallery, row: int, longitude: float, latitude: float) -> float:
    """Metres from a point to the edge of a footprint, seen at a few points of each of its edges."""
    ring = ring_of(gallery, row)
    shares = np.linspace(0, 1, 33)[:, None, None]
    edges = (1 - shares) * ring + shares * np.roll(ring, -1, axis=0)
    return float(_metres(longitude, latitude, edges.reshape(-1, 2)).min())


def _metres(longitude: float, latitude: float, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """From a point to others on a sphere, for what needs no more than an order."""
    x, y = np.radians(places[:, 0] - longitude), np.radians(places[:, 1])
    own = np.radians(latitude)
    half = np.sin((y - own) / 2) ** 2 + np.cos(own) * np.cos(y) * np.sin(x / 2) ** 2
    return np.asarray(2 * _RADIUS * np.arcsin(np.sqrt(np.clip(half, 0, 1))))
