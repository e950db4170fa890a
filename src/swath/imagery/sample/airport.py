"""Runways, taxiways, aprons with stands, terminals and hangars."""

from __future__ import annotations

import numpy as np

from .aircraft import light_plane, plane
from .buildings import block, hall
from .canvas import Colour, Pen, Ring, box_ring, toned
from .roads import WHITE, dashes
from .vehicles import car, lorry

TARMAC: Colour = (134, 132, 128)
SLAB: Colour = (184, 179, 168)
YELLOW: Colour = (222, 186, 74)


def runway(pen: Pen, length: float, width: float = 54.0) -> None:
    """A runway along u around the origin: shoulders, threshold bars, touchdown zones, rubber, centre line."""
    pen.record_box("airport", "runway", length, width)
    pen.rect(0, 0, length + 26, width + 16, (158, 152, 136), texture=0.05, claim=True)
    pen.rect(0, 0, length, width, TARMAC, texture=0.04, claim=True)
    joints: list[Ring] = [[(-length / 2, v), (length / 2, v)] for v in np.arange(-width / 2, width / 2, 9.0)]
    pen.lines(joints, 0.5, (112, 110, 108), opacity=0.4)
    pen.lines(
        [[(-length / 2, s * (width / 2 - 3)), (length / 2, s * (width / 2 - 3))] for s in (-1, 1)], 1.3, WHITE
    )
    pen.lines(dashes([(-length / 2 + 70, 0), (length / 2 - 70, 0)], 18, 34), 1.4, WHITE)
    for end in (-1, 1):
        bars = [
            box_ring(end * (length / 2 - 18), v, 24, 2.2)
            for v in np.linspace(-width / 2 + 7, width / 2 - 7, 10)
        ]
        bars += [box_ring(end * (length / 2 - 92), s * 9.0, 26, 5.0) for s in (-1, 1)]
        bars += [box_ring(end * (length / 2 - 142), s * v, 14, 2.0) for s in (-1, 1) for v in (8, 12)]
        bars += [box_ring(end * (length / 2 - 46), v, 9, 1.6) for v in (-4.5, -2, 2, 4.5)]
        pen.polygons(bars, WHITE, opacity=0.92)
        for _ in range(60):
            u = end * (length / 2 - float(pen.rng.normal(110, 40)))
            v = float(pen.rng.choice([-4.2, 4.2])) + float(pen.rng.normal(0, 1.6))
            pen.rect(u, v, float(pen.rng.uniform(24, 70)), 1.0, (58, 58, 60), opacity=0.22)


def taxiway(pen: Pen, line: Ring, width: float = 21.0) -> None:
    """A taxiway along a line, with its yellow centre line."""
    pen.line(line, width + 6, (156, 150, 132), texture=0.05, claim=True)
    pen.line(line, width, (148, 145, 140), texture=0.04, claim=True)
    pen.line(line, 1.1, YELLOW, opacity=0.9)


def apron(pen: Pen, width: float, height: float) -> None:
    """Concrete slabs with joints and stains around the origin."""
    pen.rect(0, 0, width, height, SLAB, texture=0.035, claim=True)
    joints: list[Ring] = [
        [(float(x), -height / 2), (float(x), height / 2)] for x in np.arange(-width / 2, width / 2, 12.5)
    ]
    joints += [
        [(-width / 2, float(y)), (width / 2, float(y))] for y in np.arange(-height / 2, height / 2, 12.5)
    ]
    pen.lines(joints, 0.5, (144, 140, 132), opacity=0.55)
    rng = pen.rng
    for _ in range(int(width * height / 900)):
        x, y = float(rng.uniform(-0.47, 0.47)) * width, float(rng.uniform(-0.45, 0.45)) * height
        if rng.random() < 0.35:
            tone = float(rng.uniform(0.86, 1.06))
            pen.rect(
                round(x / 12.5) * 12.5,
                round(y / 12.5) * 12.5,
                12,
                12,
                toned(SLAB, tone),
                opacity=0.6,
            )
        else:
            pen.disc(x, y, float(rng.uniform(1, 4)), (96, 92, 86), opacity=0.16)


def stand(pen: Pen, long: float, bridge: float, taken: bool = True) -> None:
    """A parking place whose aircraft looks along -v, with a jet bridge of `bridge` units (0: none)."""
    rng = pen.rng
    pen.line([(0, long * 0.95), (0, -long * 0.55)], 0.9, YELLOW, opacity=0.9)
    pen.line([(-long * 0.18, -long * 0.55), (long * 0.18, -long * 0.55)], 0.9, YELLOW, opacity=0.9)
    pen.rect(0, long * 0.02, long * 0.13, long * 0.55, (110, 106, 100), opacity=0.20)
    pen.lines(
        [[(s * long * 0.56, long * 0.6), (s * long * 0.56, -long * 0.6)] for s in (-1, 1)],
        0.7,
        (196, 80, 66),
        opacity=0.6,
    )
    if bridge:
        door = -long * 0.36
        pen.line(
            [(-long * 0.26, -long * 0.5 - bridge), (-long * 0.24, door - 4), (-long * 0.075, door)],
            3.4,
            (206, 206, 204),
            8.0,
        )
        pen.rect(-long * 0.24, door - 4, 5.5, 5.5, (176, 176, 176), 8.5)
    if taken:
        plane(pen.moved(float(rng.normal(0, 0.6)), 0, -90 + float(rng.normal(0, 0.8))), long)
        for _ in range(int(rng.integers(2, 5))):
            side, v = float(rng.choice([-1, 1])), float(rng.uniform(-0.45, 0.35))
            cart = pen.moved(
                side * long * float(rng.uniform(0.14, 0.42)), v * long, float(rng.uniform(0, 360))
            )
            car(cart, ((236, 232, 220), (214, 170, 60), (228, 228, 228))[int(rng.integers(3))])
    if rng.random() < 0.5:
        lorry(pen.moved(long * 0.5, -long * 0.5 + float(rng.uniform(-5, 8)), float(rng.choice([0, 90]))))


def terminal(pen: Pen, length: float, depth: float, height: float = 17.0) -> None:
    """A long building along u around the origin: rooflights, plant rooms, a canopy on each side."""
    pen.record_box("airport", "terminal", length, depth)
    pen.rect(0, depth / 2 + 2, length - 8, 5, (150, 150, 150), height * 0.55)
    pen.rect(0, -depth / 2 - 4, length * 0.8, 9, (220, 220, 216), height * 0.6, claim=True)
    block(pen, length, depth, height, (204, 204, 200))
    lights = [
        box_ring(float(u), 0, 6, depth * 0.5) for u in np.arange(-length / 2 + 12, length / 2 - 8, 19.0)
    ]
    pen.polygons(lights, (112, 128, 140), height + 0.8)
    pen.rect(0, 0, min(length * 0.24, 90), depth * 1.15, (226, 226, 222), height + 5)
    pen.rect(0, 0, min(length * 0.22, 84), depth * 0.16, (96, 116, 134), height + 7)


def airfield_hangar(pen: Pen, width: float = 58.0, depth: float = 46.0) -> None:
    """A hangar around the origin with a curved light roof, its doors at +v."""
    pen.record_box("airport", "hangar", width, depth)
    tones: tuple[Colour, ...] = ((206, 210, 212), (168, 178, 188), (220, 216, 206))
    hall(pen, width, depth, 14.0, tones[int(pen.rng.integers(3))])
    pen.rect(0, depth / 2 + 1, width * 0.86, 1.5, (120, 124, 128), 12.0)


def row_of_light_planes(pen: Pen, count: int, spacing: float = 27.0) -> None:
    """Parked propeller aircraft along u."""
    for i in range(count):
        if pen.rng.random() < 0.88:
            u = (i - (count - 1) / 2) * spacing
            light_plane(pen.moved(u, 0, -90 + float(pen.rng.normal(0, 3))), float(pen.rng.uniform(17, 22)))
