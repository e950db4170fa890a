"""Roads with markings and traffic, car parks, bridges."""

from __future__ import annotations

import numpy as np

from .buildings import ASPHALT
from .canvas import Colour, Pen, Point, Ring, along, box_ring, toned
from .plants import tree
from .vehicles import car, lorry

WHITE: Colour = (226, 226, 220)
CONCRETE: Colour = (188, 184, 174)


def beside(line: Ring, offset: float) -> list[Point]:
    """The line moved sideways by `offset` (positive: to the right when looking along it, y down)."""
    path = np.asarray(line, np.float64)
    ahead = np.gradient(path, axis=0)
    ahead /= np.hypot(ahead[:, 0], ahead[:, 1])[:, None]
    moved = path + offset * np.stack([-ahead[:, 1], ahead[:, 0]], 1)
    return [(float(x), float(y)) for x, y in moved]


def dashes(line: Ring, length: float, step: float) -> list[Ring]:
    """Short pieces along a line."""
    pieces: list[Ring] = []
    for x, y, heading in along(line, step / 2, step):
        dx, dy = np.cos(np.radians(heading)) * length / 2, np.sin(np.radians(heading)) * length / 2
        pieces.append([(x - dx, y - dy), (x + dx, y + dy)])
    return pieces


def road(
    pen: Pen, line: Ring, width: float = 16.0, *, lanes: int = 2, traffic: float = 0.2, height: float = 0.0,
    colour: Colour = ASPHALT, verge: Colour | None = (148, 142, 112),
) -> None:  # fmt: skip
    """A road along a line, with `traffic` (0 to 1) on it; four lanes and more have a double centre line."""
    rng = pen.rng
    if verge is not None:
        pen.line(line, width + 5, verge, height, texture=0.06, claim=True)
    pen.line(line, width, colour, height, texture=0.035, claim=True)
    lane = (width - 2.0) / lanes
    pen.lines([beside(line, side * (width / 2 - 1.0)) for side in (-1, 1)], 0.7, WHITE, opacity=0.75)
    for k in range(1, lanes):
        path = beside(line, k * lane - (width - 2.0) / 2)
        if lanes >= 4 and k == lanes // 2:
            pen.line(path, 1.8, (206, 190, 130), opacity=0.8)
        else:
            pen.lines(dashes(path, 5.0, 13.0), 0.7, WHITE, opacity=0.85)
    deck = pen.lifted(height)
    for k in range(lanes):
        offset = (k + 0.5) * lane - (width - 2.0) / 2
        for x, y, heading in along(beside(line, offset), float(rng.uniform(5, 30)), 25.0):
            if rng.random() < traffic:
                vehicle = deck.moved(x, y, heading if offset > 0 else heading + 180)
                (lorry if rng.random() < 0.12 and width > 14 else car)(vehicle)


def bridge(
    pen: Pen,
    length: float,
    width: float = 26.0,
    *,
    lanes: int = 4,
    traffic: float = 0.25,
    colour: Colour = ASPHALT,
) -> None:
    """A road bridge along u around the origin, its deck high above the water, with parapets and piers."""
    deck = 11.0
    pen.record_box("river and bridge", "bridge", length, width)
    ends: Ring = [(-length / 2, 0), (length / 2, 0)]
    for u in np.arange(-length / 2 + 18, length / 2 - 10, 30.0):
        pen.rect(float(u), 0, 6, width + 9, (170, 166, 156), 2.5)
    pen.line(ends, width + 4, (204, 200, 190), deck)
    road(
        pen,
        ends,
        width - 2,
        lanes=lanes,
        traffic=traffic,
        height=deck,
        verge=None,
        colour=toned(colour, 1.14),
    )
    for side in (-1, 1):
        pen.rect(0, side * (width / 2 + 1.2), length, 1.4, (224, 220, 210), deck + 2.0)
    joints = [box_ring(float(u), 0, 0.8, width - 2) for u in np.arange(-length / 2, length / 2 + 1, 30.0)]
    pen.polygons(joints, (88, 88, 88))
    _ramps(pen, length, width, deck)


def _ramps(pen: Pen, length: float, width: float, deck: float) -> None:
    """Let what was drawn on the deck sink to the ground towards both ends."""
    region = pen.region([box_ring(0, 0, length + 2, width + 12)])
    if region is None:
        return
    u, _ = pen.grid(region)
    sunk = np.clip((np.abs(u) - (length / 2 - 44)) / 44, 0.0, 1.0) * (deck * pen.zoom)
    ground = pen.canvas.relief[region.rows, region.columns]
    pen.canvas.paint(region, None, np.maximum(ground - sunk, np.minimum(ground, 0.1)).astype(np.float32))


def car_park(
    pen: Pen,
    width: float,
    height: float,
    *,
    taken: float = 0.75,
    colour: Colour = (118, 117, 116),
    trees: float = 0.4,
) -> None:
    """Double rows of stalls along u with cars, aisles, and islands with trees, around the origin."""
    rng = pen.rng
    stall, deep, aisle = 5.2, 11.0, 13.0
    pen.record_box("roads and car parks", "car park", width, height)
    pen.rect(0, 0, width + 5, height + 5, (176, 172, 162), 0.2, claim=True)
    pen.rect(0, 0, width, height, colour, 0.0, texture=0.04, claim=True)
    _cracks(pen, width, height, colour)
    module = 2 * deep + aisle
    rows = max(1, int((height - 4) / module))
    spare = (height - rows * module) / 2
    count = int((width - 26) / stall)
    start = -count * stall / 2
    marks: list[Ring] = []
    for r in range(rows):
        middle = -height / 2 + spare + r * module + aisle / 2 + deep
        for side in (-1, 1):
            y = middle + side * deep / 2
            marks += [
                [(start + i * stall, y - deep / 2), (start + i * stall, y + deep / 2)]
                for i in range(count + 1)
            ]
        marks.append([(start, middle), (start + count * stall, middle)])
    pen.lines(marks, 0.6, WHITE, opacity=0.85)
    for r in range(rows):
        middle = -height / 2 + spare + r * module + aisle / 2 + deep
        for side in (-1, 1):
            full = float(np.clip(rng.normal(taken, 0.15), 0.1, 0.97))
            for i in range(count):
                if rng.random() < full:
                    x, y = start + (i + 0.5) * stall, middle + side * (deep / 2 - 0.4)
                    jitter = rng.normal(0, 0.25, 2)
                    facing = 90 if rng.random() < 0.6 else -90
                    car(
                        pen.moved(
                            x + float(jitter[0]), y + float(jitter[1]), facing + float(rng.normal(0, 1.2))
                        )
                    )
        for end in (start - 4.2, -start + 4.2):
            island = (102, 114, 62)
            pen.rect(end, middle, 5.6, 2 * deep - 1, (196, 192, 184), 0.3)
            pen.rect(end, middle, 4.4, 2 * deep - 2.4, island, 0.3, texture=0.06)
            if rng.random() < trees:
                tree(pen, end, middle + float(rng.uniform(-6, 6)), float(rng.uniform(3.2, 5.5)), always=True)
    for _ in range(rows * 2):
        x, r = float(rng.uniform(-0.4, 0.4)) * width, int(rng.integers(rows + 1))
        y = -height / 2 + spare + r * module
        if rng.random() < 0.5:
            car(pen.moved(x, min(y, height / 2 - 6) + 2.4, 0))


def _cracks(pen: Pen, width: float, height: float, colour: Colour) -> None:
    """Repairs and oil stains on asphalt."""
    rng = pen.rng
    for _ in range(int(width * height / 2600)):
        x, y = float(rng.uniform(-0.5, 0.5)) * width, float(rng.uniform(-0.5, 0.5)) * height
        w, h = rng.uniform(3, 22), rng.uniform(2, 8)
        if abs(x) + w / 2 < width / 2 and abs(y) + h / 2 < height / 2:
            tone = float(rng.uniform(0.84, 1.08))
            pen.rect(
                x, y, float(w), float(h), (colour[0] * tone, colour[1] * tone, colour[2] * tone), opacity=0.7
            )
