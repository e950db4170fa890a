"""Farmland: ploughed and sown rectangles with tram lines, centre pivots, tracks, a farmstead."""

from __future__ import annotations

import numpy as np

from .buildings import house, shed
from .canvas import Colour, Pen, Ring, box_ring, oval_ring, toned
from .noise import patch
from .plants import hedge, scattered

CROPS: tuple[Colour, ...] = (
    (66, 100, 50), (88, 118, 58), (112, 130, 70), (56, 88, 48), (76, 108, 66), (134, 142, 84),
    (198, 180, 126), (184, 164, 116), (210, 194, 146), (166, 140, 104), (146, 118, 88), (176, 152, 118),
)  # fmt: skip
SOIL: Colour = (176, 150, 116)


def _crop(pen: Pen, ring: Ring, colour: Colour, rows: float, strength: float, tram: float) -> None:
    """Sow a ring: rows `rows` units apart along u, tram lines `tram` units apart (0: none)."""
    region = pen.region([ring])
    if region is None:
        return
    rng = pen.rng
    _, v = pen.grid(region)
    height, width = region.mask.shape
    drift = patch(rng, "cloud", height, width, 0.9 * pen.canvas.density / 2)
    blotch = patch(rng, "rough", height, width, pen.canvas.density)
    wave = np.sin(v * (2 * np.pi / rows) + 0.5 * blotch)
    shade = 1.0 + 0.07 * drift + 0.045 * blotch + strength * wave
    worn = 0.10 * np.clip(drift - 0.6, 0, 2)
    paint = np.asarray(colour, np.float32) * shade[..., None]
    paint += (np.asarray(SOIL, np.float32) - paint) * worn[..., None]
    pen.canvas.paint(
        region, paint.astype(np.float32), (0.25 + 0.3 * strength / 0.1 * wave).astype(np.float32), claim=True
    )
    if tram:
        points = np.asarray(ring, np.float64)
        (left, top), (right, bottom) = points.min(0), points.max(0)
        lines = []
        for y in np.arange(top + tram * 0.6, bottom - 2, tram):
            lines += [[(left + 1, y), (right - 1, y)], [(left + 1, y + 3.2), (right - 1, y + 3.2)]]
        inside = pen.region(lines, 0.9)
        pen.canvas.paint(inside, toned(SOIL, 0.82), opacity=0.45)


def field(pen: Pen, x: float, y: float, width: float, height: float, colour: Colour | None = None) -> None:
    """One rectangular field around (x, y), worked along its longer side."""
    rng = pen.rng
    across = bool(width < height)
    own = pen.moved(x, y, 90.0 if across else 0.0)
    w, h = (height, width) if across else (width, height)
    crop = CROPS[int(rng.integers(len(CROPS)))] if colour is None else colour
    ploughed = rng.random() < 0.5
    rows, strength = (
        (float(rng.uniform(3.0, 4.6)), 0.085) if ploughed else (float(rng.uniform(2.2, 3.2)), 0.03)
    )
    tram = float(rng.uniform(17, 24)) if rng.random() < 0.7 else 0.0
    _crop(own, box_ring(0, 0, w, h), crop, rows, strength, tram)
    if rng.random() < 0.8:
        for end in (-1, 1):
            turning = end * (w / 2 - 4)
            own.rect(turning, 0, 7, h - 1, toned(crop, 0.93), texture=0.05)


def fields(pen: Pen, width: float, height: float, smallest: float = 62.0, border: float = 4.0) -> None:
    """Parcel a rectangle around the origin into fields divided by tracks and hedges."""
    rng = pen.rng
    pen.record_box("farmland", "farmland", width, height)
    pen.rect(0, 0, width, height, (132, 128, 86), texture=0.07, claim=True)
    pieces = [(-width / 2, -height / 2, width / 2, height / 2)]
    parcels = []
    while pieces:
        left, top, right, bottom = pieces.pop()
        w, h = right - left, bottom - top
        longer = max(w, h)
        if longer < 2 * smallest or (longer < 3.2 * smallest and rng.random() < 0.3):
            parcels.append((left, top, right, bottom))
            continue
        cut = float(rng.uniform(0.36, 0.64))
        if w > h:
            pieces += [(left, top, left + w * cut, bottom), (left + w * cut, top, right, bottom)]
        else:
            pieces += [(left, top, right, top + h * cut), (left, top + h * cut, right, bottom)]
    edges: list[Ring] = []
    for left, top, right, bottom in parcels:
        x, y, w, h = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
        field(pen, x, y, w - border, h - border)
        pen.record_box("farmland", "field", w - border, h - border, x, y)
        if rng.random() < 0.3:
            edges.append([(left, bottom), (right, bottom)])
        if rng.random() < 0.2:
            edges.append([(right, top), (right, bottom)])
    for edge in edges:
        _unclaimed(pen, edge, border)
        hedge(pen, edge, 7.5, 3.4, 0.3)


def _unclaimed(pen: Pen, edge: Ring, width: float) -> None:
    strip = pen.region([edge], width + 3)
    if strip is not None:
        pen.canvas.free[strip.rows, strip.columns][strip.mask] = True


def pivot(pen: Pen, radius: float) -> None:
    """A field watered in circles around the origin, on dry ground, with its arm and wheel tracks."""
    rng = pen.rng
    side = 2 * radius + 18
    pen.record("farmland", "pivot", oval_ring(0, 0, radius, radius))
    pen.rect(0, 0, side, side, (178, 158, 118), texture=0.06, claim=True)
    region = pen.region([oval_ring(0, 0, radius, radius)])
    if region is None:
        return
    u, v = pen.grid(region)
    distance, angle = np.hypot(u, v), np.degrees(np.arctan2(v, u)) % 360
    height, width = region.mask.shape
    drift = patch(rng, "cloud", height, width, 0.8)
    blotch = patch(rng, "rough", height, width, pen.canvas.density)
    greens = CROPS[:6]
    base = greens[int(rng.integers(len(greens)))]
    paint = np.broadcast_to(np.asarray(base, np.float32), (height, width, 3)).copy()
    start = float(rng.uniform(0, 360))
    if rng.random() < 0.7:
        sector = (angle - start) % 360 < float(rng.choice([90.0, 120.0, 180.0]))
        paint[sector] = CROPS[int(rng.integers(3, len(CROPS)))]
    spacing = radius / 6.5
    tracks = np.abs((distance / spacing) % 1.0 - 0.5) < 0.55 / spacing
    rings = 0.035 * np.sin(distance * 2.1 + 0.6 * blotch)
    paint *= (1.0 + 0.06 * drift + 0.04 * blotch + rings)[..., None]
    paint[tracks] = paint[tracks] * 0.62 + np.asarray(SOIL, np.float32) * 0.30
    pen.canvas.paint(region, paint, (0.3 + 6 * rings).astype(np.float32), claim=True)
    arm = float(np.radians(start))
    end = (radius * float(np.cos(arm)), radius * float(np.sin(arm)))
    pen.line([(0, 0), (end[0] * 1.0, end[1] * 1.0)], 1.3, (214, 214, 208), 3.0)
    pen.line(
        [(0, 0), (-(radius + 8) * float(np.cos(arm + 0.6)), -(radius + 8) * float(np.sin(arm + 0.6)))],
        2.0,
        SOIL,
    )
    pen.disc(0, 0, 2.5, (206, 198, 180), 2.0)


def farmstead(pen: Pen) -> None:
    """House, barns, silos and trees around a yard of about 90 x 70 units."""
    rng = pen.rng
    pen.rect(0, 0, 92, 70, (104, 112, 66), texture=0.06)
    pen.rect(4, 4, 50, 38, (172, 158, 130), texture=0.05, claim=True)
    house(pen.moved(-28, -16, 4), 26, 17)
    shed(pen.moved(22, -14, 2), 40, 18, (188, 190, 188), 9)
    shed(pen.moved(26, 16, 2), 44, 16, (150, 78, 62), 8)
    for i in range(2):
        pen.disc(-6 + 11 * i, 18, 4.6, (216, 216, 210), 16.0)
    scattered(pen, box_ring(0, 0, 98, 76), int(rng.integers(12, 20)))
