"""Trees drawn crown by crown, hedges, woods."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .canvas import Canvas, Colour, Pen, Ring
from .noise import Floats, patch

Leaf = Literal["broad", "needle"]

GREENS: tuple[Colour, ...] = (
    (58, 84, 44),
    (72, 96, 50),
    (50, 76, 46),
    (84, 102, 56),
    (64, 86, 40),
    (92, 104, 62),
)
DARK_GREENS: tuple[Colour, ...] = (
    (44, 70, 42),
    (52, 78, 44),
    (38, 62, 42),
    (58, 84, 50),
    (48, 74, 38),
    (66, 90, 50),
)
NEEDLES: tuple[Colour, ...] = ((48, 74, 52), (56, 82, 54), (44, 70, 50), (62, 86, 58))


@cache
def _crown(radius: int, variant: int, leaf: Leaf) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """One crown of `radius` pixels: dome (0 to 1), brightness and outline, each [2r+1, 2r+1]."""
    rng = np.random.default_rng([11, radius, variant, leaf == "needle"])
    side = np.arange(-radius, radius + 1, dtype=np.float32)
    x, y = np.meshgrid(side, side)
    angle, distance = np.arctan2(y, x), np.hypot(x, y)
    lobes = sum(
        a * np.sin(k * angle + p)
        for k, a, p in zip((2, 3, 5, 8), rng.uniform(0.03, 0.10, 4), rng.uniform(0, 6.3, 4), strict=True)
    )
    d = distance / (radius * (0.86 + lobes))
    lumps = patch(rng, "rough", len(side), len(side), max(1.0, radius / 6))
    if leaf == "needle":
        dome = np.clip(1.0 - d, 0, 1) + 0.05 * np.cos(angle * 9) * d
    else:
        dome = np.sqrt(np.clip(1.0 - d**2, 0, 1)) * 0.85 + 0.11 * lumps
    bright = 0.86 + 0.16 * np.clip(dome, 0, 1) + 0.08 * lumps
    return np.clip(dome, 0.02, 1.2).astype(np.float32), bright.astype(np.float32), d < 1.0


def plant(
    canvas: Canvas, x: float, y: float, radius: float, colour: Colour, height: float, leaf: Leaf = "broad"
) -> None:
    """Let one tree stand at (x, y) units of the canvas, over what is lower than its crown."""
    r = max(2, round(radius * canvas.density))
    dome, bright, outline = _crown(r, int(canvas.rng.integers(12)), leaf)
    column, row = round(x * canvas.density), round(y * canvas.density)
    top, left = max(0, row - r), max(0, column - r)
    bottom, right = min(canvas.shape[0], row + r + 1), min(canvas.shape[1], column + r + 1)
    if top >= bottom or left >= right:
        return
    cut = (slice(top - row + r, bottom - row + r), slice(left - column + r, right - column + r))
    base = 0.15 if leaf == "needle" else 0.45
    crown = height * (base + (1.0 - base) * dome[cut])
    ground = canvas.relief[top:bottom, left:right]
    over = outline[cut] & (crown > ground)
    ground[over] = crown[over]
    shades = bright[cut][over][:, None] * np.asarray(colour, np.float32)
    canvas.albedo[top:bottom, left:right][over] = np.clip(shades, 0, 255).astype(np.uint8)


def tree(
    pen: Pen, x: float, y: float, radius: float | None = None, leaf: Leaf = "broad", always: bool = False
) -> None:
    """Plant a garden or street tree where the ground is free."""
    canvas, rng = pen.canvas, pen.rng
    ((ux, uy),) = pen.units([(x, y)])
    row, column = int(uy * canvas.density), int(ux * canvas.density)
    inside = 0 <= row < canvas.shape[0] and 0 <= column < canvas.shape[1]
    if inside and not always and not canvas.free[row, column]:
        return
    size = float(rng.uniform(3.0, 6.5)) if radius is None else radius
    greens = GREENS if leaf == "broad" else NEEDLES
    plant(
        canvas, ux, uy, size * pen.zoom, greens[int(rng.integers(len(greens)))], size * pen.zoom * 2.0, leaf
    )


def hedge(pen: Pen, line: Ring, spacing: float = 6.0, radius: float = 3.5, gap: float = 0.1) -> None:
    """A row of bushes or trees along a line of own coordinates, with gaps."""
    for (ax, ay), (bx, by) in pairwise(line):
        n = max(1, int(np.hypot(bx - ax, by - ay) / spacing))
        for t in (np.arange(n) + 0.5) / n:
            if pen.rng.random() > gap:
                jx, jy = pen.rng.normal(0, 1.2, 2)
                size = radius * float(pen.rng.uniform(0.7, 1.4))
                tree(pen, ax + (bx - ax) * t + jx, ay + (by - ay) * t + jy, size)


def wood(
    pen: Pen,
    ring: Ring,
    spacing: float = 8.0,
    radius: tuple[float, float] = (4.0, 7.5),
    needles: float = 0.15,
    thinning: float = 0.0,
    greens: tuple[Colour, ...] = DARK_GREENS,
) -> None:
    """Fill a ring with trees, crown beside crown, wherever the ground is free.

    `thinning` from 0 to 1 opens glades where a slow random field is high; needle trees stand in groups.
    """
    canvas, rng = pen.canvas, pen.rng
    region = pen.region([ring])
    if region is None:
        return
    rows, columns, mask = region
    density = canvas.density
    height, width = mask.shape
    step = spacing * pen.zoom * density
    cells_y, cells_x = int(height / step) + 1, int(width / step) + 1
    glade, stand, tone = (_levelled(patch(rng, "cloud", cells_y, cells_x, s)) for s in (0.35, 0.6, 1.2))
    sparse = mask & canvas.free[rows, columns]
    if thinning == 0:
        canvas.albedo[rows, columns][sparse] = (canvas.albedo[rows, columns][sparse] * 0.45).astype(np.uint8)
    places = [(i, j) for i in range(cells_y) for j in range(cells_x)]
    rng.shuffle(places)
    jitter = rng.uniform(-0.42, 0.42, (len(places), 2))
    sizes = rng.uniform(*radius, len(places)) * pen.zoom
    picks = rng.random((len(places), 2))
    for (i, j), (jy, jx), size, (a, b) in zip(places, jitter, sizes, picks, strict=True):
        row, column = int((i + 0.5 + jy) * step), int((j + 0.5 + jx) * step)
        if row >= height or column >= width or not sparse[row, column]:
            continue
        if thinning and glade[i, j] > 2.0 - 3.2 * thinning:
            continue
        needle = stand[i, j] + 0.8 * (a - 0.5) > 1.6 - 3.2 * needles
        kinds = NEEDLES if needle else greens
        shade = 1.0 + 0.10 * float(tone[i, j]) + 0.22 * (b - 0.5)
        colour = kinds[int(a * len(kinds))]
        tinted = (colour[0] * shade * (1 + 0.06 * float(tone[i, j])), colour[1] * shade, colour[2] * shade)
        x, y = (columns.start + column) / density, (rows.start + row) / density
        tall = float(size) * (3.0 if needle else 1.9)
        plant(
            canvas,
            x,
            y,
            float(size) * (0.72 if needle else 1.0),
            tinted,
            tall,
            "needle" if needle else "broad",
        )


def _levelled(field: Floats) -> Floats:
    """Mean 0 and deviation 1 within this cut, so that every wood has both thick and thin parts."""
    level: Floats = (field - field.mean()) / np.float32(max(float(field.std()), 1e-3))
    return level


def scattered(pen: Pen, ring: Ring, count: int, radius: tuple[float, float] = (3.0, 7.0)) -> None:
    """Single trees at random places of a ring's box."""
    points = np.asarray(ring, np.float64)
    for x, y in pen.rng.uniform(points.min(0), points.max(0), (count, 2)):
        tree(pen, float(x), float(y), float(pen.rng.uniform(*radius)))
