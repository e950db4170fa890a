"""Houses with gabled and hipped roofs, sheds, halls, and the neighbourhoods they stand in."""

from __future__ import annotations

import numpy as np

from .canvas import Colour, Pen, Point, box_ring, toned
from .plants import hedge, tree
from .vehicles import car

TILES: tuple[Colour, ...] = (
    (126, 114, 104), (104, 100, 100), (146, 96, 76), (166, 150, 132), (112, 92, 80), (150, 142, 138),
    (88, 86, 90), (170, 108, 84), (138, 126, 112), (186, 178, 168),
)  # fmt: skip
LAWNS: tuple[Colour, ...] = ((92, 112, 60), (104, 122, 66), (80, 102, 56), (122, 126, 78), (140, 132, 92))
PAVING: Colour = (176, 172, 164)
ASPHALT: Colour = (112, 112, 112)
POOL: Colour = (88, 182, 202)


def _gable(
    pen: Pen, width: float, depth: float, eaves: float, pitch: float, hip: bool, colour: Colour
) -> None:
    """A pitched roof around the origin, ridge along u."""
    region = pen.region([box_ring(0, 0, width, depth)])
    if region is None:
        return
    u, v = pen.grid(region)
    inward = depth / 2 - np.abs(v)
    if hip:
        inward = np.minimum(inward, (width / 2 - np.abs(u)) * 1.1)
    inward = np.clip(inward, 0, None)
    courses = 1.0 + 0.035 * np.sin(inward * 3.1) + 0.03 * pen.rng.standard_normal(u.shape, np.float32)
    courses *= 1.0 + 0.22 * (np.abs(inward - depth / 2) < 0.5)
    paint = np.asarray(colour, np.float32) * courses[..., None].astype(np.float32)
    heights = ((eaves + pitch * inward) * pen.zoom + pen.base).astype(np.float32)
    pen.canvas.paint(region, paint.astype(np.float32), heights, how="max", claim=True)


def house(pen: Pen, width: float = 26.0, depth: float = 17.0, colour: Colour | None = None) -> None:
    """A dwelling around the origin: a main roof, often a wing, a chimney."""
    rng = pen.rng
    tiles = TILES[int(rng.integers(len(TILES)))] if colour is None else colour
    shade = float(rng.uniform(0.9, 1.08))
    roof = (tiles[0] * shade, tiles[1] * shade, tiles[2] * shade)
    hip = bool(rng.random() < 0.4)
    eaves, pitch = float(rng.uniform(5.0, 7.5)), float(rng.uniform(0.45, 0.75))
    _gable(pen, width, depth, eaves, pitch, hip, roof)
    if rng.random() < 0.6:
        side, front = float(rng.choice([-1, 1])), float(rng.choice([-1, 1]))
        wing = pen.moved(side * width * 0.24, front * depth * 0.36, 90)
        _gable(wing, depth * 0.95, width * 0.42, eaves - 0.5, pitch, hip, roof)
    if rng.random() < 0.6:
        pen.rect(float(rng.uniform(-0.3, 0.3)) * width, depth * 0.12, 1.8, 1.8, (140, 96, 84), eaves + 7)


def shed(pen: Pen, width: float, depth: float, colour: Colour, height: float = 6.0) -> None:
    """A low building with a shallow ribbed roof."""
    region = pen.region([box_ring(0, 0, width, depth)])
    if region is None:
        return
    u, v = pen.grid(region)
    ribs = 1.0 + 0.04 * np.sin(u * 2.4) + 0.015 * pen.rng.standard_normal(u.shape, np.float32)
    paint = (np.asarray(colour, np.float32) * ribs[..., None]).astype(np.float32)
    heights = ((height + 0.16 * (depth / 2 - np.abs(v))) * pen.zoom + pen.base).astype(np.float32)
    pen.canvas.paint(region, paint, heights, claim=True)


def block(pen: Pen, width: float, depth: float, height: float, colour: Colour) -> None:
    """A flat-roofed building with parapet, ventilators, skylights and stair heads."""
    rng = pen.rng
    pen.rect(0, 0, width, depth, toned(colour, 1.12), height + 1.0, claim=True)
    pen.rect(0, 0, width - 2.4, depth - 2.4, colour, height, texture=0.045)
    for _ in range(int(width * depth / 260) + 2):
        x = float(rng.uniform(-0.42, 0.42)) * width
        y = float(rng.uniform(-0.38, 0.38)) * depth
        w, h = rng.uniform(1.5, 5.0, 2)
        tone = float(rng.uniform(0.7, 1.2))
        pen.rect(x, y, w, h, (tone * 170, tone * 172, tone * 174), height + float(rng.uniform(1, 3.5)))


def hall(pen: Pen, width: float, depth: float, height: float, colour: Colour) -> None:
    """A large industrial roof: ribbed sheets, rows of skylights, some vents."""
    shed(pen, width, depth, colour, height)
    bay = 16.0
    lights = [
        box_ring(float(x), y, 2.2, depth * 0.34)
        for x in np.arange(-width / 2 + bay / 2, width / 2 - 3, bay)
        for y in (-depth * 0.25, depth * 0.25)
    ]
    pen.polygons(lights, (214, 220, 222), opacity=0.6)
    for x in pen.rng.uniform(-0.45, 0.45, max(2, int(width / 22))):
        pen.rect(float(x) * width, 0, 2.4, 2.4, (150, 150, 148), height + depth * 0.09 + 2)


def garden(pen: Pen, width: float, depth: float, palette: tuple[Colour, ...], leafy: float) -> None:
    """One lot, its house towards +v where the street lies: lawn, drive, car, trees, perhaps a pool."""
    rng = pen.rng
    lawn = LAWNS[int(rng.integers(len(LAWNS)))]
    pen.rect(0, 0, width, depth, lawn, 0.1, texture=0.06)
    side = float(rng.choice([-1.0, 1.0]))
    drive = side * (width / 2 - 4.2)
    pen.rect(drive, depth * 0.27, 6.2, depth * 0.46, PAVING, texture=0.03, claim=True)
    w = min(width - 5.5, float(rng.uniform(21, 27)))
    d = float(rng.uniform(14.5, 19.0))
    set_back = depth / 2 - d / 2 - float(rng.uniform(7.5, 11.5))
    colour = palette[int(rng.integers(len(palette)))]
    if rng.random() < 0.55:
        pen.rect(-side * w * 0.1, set_back - d / 2 - 3, w * 0.5, 6, (184, 170, 150), texture=0.03, claim=True)
    house(pen.moved(-side * 1.2, set_back, float(rng.normal(0, 1.5))), w, d, colour)
    pen.rect(-side * w * 0.15, depth / 2 - 4, 1.6, 8, PAVING)
    back = -depth / 2
    chance = rng.random()
    if chance < 0.16:
        x = float(rng.uniform(-0.2, 0.2)) * width
        pen.rect(x, back + 7, 14, 8.5, (206, 200, 190), claim=True)
        pen.rect(x, back + 7, 10.5, 5.5, POOL, 0.0, texture=0.03)
    elif chance < 0.5:
        shed(pen.moved(side * width * 0.3, back + 4.5), 7, 5.5, TILES[int(rng.integers(len(TILES)))], 4)
    if rng.random() < 0.65:
        car(pen.moved(drive, depth * float(rng.uniform(0.15, 0.38)), 90))
    for _ in range(int(rng.poisson(1.0 + 4.5 * leafy))):
        x, y = float(rng.uniform(-0.48, 0.48)) * width, float(rng.uniform(-0.5, -0.12)) * depth
        tree(pen, x, y, float(rng.uniform(2.5, 4.0 + 4.0 * leafy)))
    if rng.random() < 0.2 + 0.5 * leafy:
        tree(pen, -side * width * float(rng.uniform(0.1, 0.42)), depth * 0.42, float(rng.uniform(2.5, 5)))
    if rng.random() < 0.5:
        hedge(pen, [(-width / 2, back + 1), (-width / 2, back + depth * 0.5)], 3.2, 1.7, 0.15)


def neighbourhood(
    pen: Pen, width: float, height: float, *, lot: float = 30.0, depth: float = 40.0, leafy: float = 0.5,
    palette: tuple[Colour, ...] = TILES,
) -> None:  # fmt: skip
    """Streets of houses back to back that fill a rectangle around the origin."""
    rng = pen.rng
    pen.record_box("residential area", "residential area", width, height)
    pen.rect(0, 0, width, height, (98, 110, 64), 0.1, texture=0.06)
    street = 13.0
    pairs = max(1, round((height - street) / (2 * depth + street)))
    depth = ((height - street) / pairs - street) / 2
    columns = max(1, int((width - 2 * street) / lot))
    lot = (width - 2 * street) / columns
    lots: list[tuple[Pen, Point]] = []
    for p in range(pairs):
        top = -height / 2 + street + p * (2 * depth + street)
        for c in range(columns):
            x = -width / 2 + street + (c + 0.5) * lot
            lots.append((pen.moved(x, top + depth / 2, 180), (x, top + depth / 2)))
            lots.append((pen.moved(x, top + 1.5 * depth), (x, top + 1.5 * depth)))
    across = [-height / 2 + street / 2 + p * (2 * depth + street) for p in range(pairs + 1)]
    paved = [[(-width / 2, y), (width / 2, y)] for y in across]
    paved += [[(x, -height / 2), (x, height / 2)] for x in (-width / 2 + street / 2, width / 2 - street / 2)]
    pen.lines(paved, street, (120, 128, 80), 0.1, texture=0.05)
    pen.lines(paved, street - 3.5, (186, 182, 174), 0.1, claim=True)
    pen.lines(paved, street - 6.0, ASPHALT, 0.0, texture=0.03, claim=True)
    for own, (x, y) in lots:
        garden(own, lot - 0.6, depth - 0.4, palette, leafy)
        pen.record_box("residential area", "house", lot * 0.75, depth * 0.5, x, y)
    for y in across:
        for x in np.arange(-width / 2 + street, width / 2 - street, 11.0):
            if rng.random() < 0.22:
                lane = 2.6 * float(rng.choice([-1, 1]))
                car(pen.moved(float(x), y + lane, 0 if lane > 0 else 180))
            if rng.random() < 0.25 + 0.4 * leafy:
                kerb = (street / 2 - 0.8) * float(rng.choice([-1, 1]))
                tree(pen, float(x) + 5, y + kerb, float(rng.uniform(2.5, 3.0 + 3.5 * leafy)), always=True)


def quarter(pen: Pen, width: float, height: float, tall: float = 26.0) -> None:
    """A city block of flat-roofed buildings around yards."""
    rng = pen.rng
    pen.rect(0, 0, width, height, (158, 154, 146), 0.05, texture=0.04, claim=True)
    nx, ny = max(1, round(width / 58)), max(1, round(height / 52))
    w, h = width / nx, height / ny
    roofs: tuple[Colour, ...] = (
        (186, 182, 176),
        (150, 148, 146),
        (206, 204, 200),
        (166, 140, 122),
        (128, 126, 126),
    )
    for i in range(nx):
        for j in range(ny):
            x, y = (i + 0.5) * w - width / 2, (j + 0.5) * h - height / 2
            own = pen.moved(x, y)
            if rng.random() < 0.16:
                own.rect(0, 0, w - 8, h - 8, (98, 114, 62), texture=0.06)
                for _ in range(9):
                    a, b = rng.uniform(-0.4, 0.4, 2)
                    tree(own, float(a) * w, float(b) * h, float(rng.uniform(3, 6)), always=True)
                continue
            colour = roofs[int(rng.integers(len(roofs)))]
            floors = float(rng.uniform(0.35, 1.0)) * tall
            block(own, w - float(rng.uniform(8, 16)), h - float(rng.uniform(8, 18)), floors, colour)
            if rng.random() < 0.5:
                block(own.moved(0, h * 0.1), w * 0.4, h * 0.35, floors + 6, colour)
