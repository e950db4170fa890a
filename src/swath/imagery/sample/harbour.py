"""Marinas with jetties and boats, quays with cranes and containers, breakwaters."""

from __future__ import annotations

import numpy as np

from .buildings import hall
from .canvas import Colour, Pen, Ring, along
from .roads import CONCRETE
from .vehicles import boat, car, lorry, stack

PLANK: Colour = (196, 184, 160)


def jetty(pen: Pen, length: float, sizes: tuple[float, float] = (17.0, 25.0), full: float = 0.85) -> None:
    """A floating pier from the origin along u, with berths of boats on both sides."""
    rng = pen.rng
    pen.rect(length / 2, 0, length, 4.6, PLANK, 1.4, texture=0.05)
    u = 8.0
    while u < length - 6:
        long = float(rng.uniform(*sizes))
        wide = long * 0.34 + 2.2
        for side in (-1, 1):
            if rng.random() < full:
                inwards = 90.0 * side if rng.random() < 0.75 else -90.0 * side
                boat(pen.moved(u + wide / 2, side * (3.2 + long / 2), inwards), long)
        pen.lines([[(u - 0.7, -long * 0.85), (u - 0.7, long * 0.85)]], 1.3, PLANK, 1.2)
        u += wide
    pen.rect(length, 0, 4.6, sizes[1] * 1.3, PLANK, 1.4)


def marina(pen: Pen, width: float, height: float, *, spacing: float = 56.0, full: float = 0.85) -> None:
    """Jetties along u from a walkway at the left edge of a rectangle around the origin."""
    pen.record_box("harbour", "marina", width, height)
    count = max(1, int((height - 12) / spacing))
    pen.rect(-width / 2 + 4, 0, 8, height, (182, 174, 156), 2.2, texture=0.05)
    for i in range(count):
        y = (i - (count - 1) / 2) * spacing
        size = float(pen.rng.uniform(0.85, 1.2)) * spacing / 56.0
        jetty(pen.moved(-width / 2 + 6, y), width - 24, (16 * size, 23 * size), full)


def moorings(pen: Pen, width: float, height: float, count: int = 16) -> None:
    """Boats at anchor, all swung to the same wind, within a rectangle around the origin."""
    rng = pen.rng
    wind = float(rng.uniform(0, 360))
    side = max(1, int(np.sqrt(count)))
    for i in range(side):
        for j in range(side):
            x = (i + float(rng.uniform(0.25, 0.75))) / side - 0.5
            y = (j + float(rng.uniform(0.25, 0.75))) / side - 0.5
            boat(pen.moved(x * width, y * height, wind + float(rng.normal(0, 8))), float(rng.uniform(13, 28)))


def breakwater(pen: Pen, line: Ring, width: float = 17.0) -> None:
    """A rubble mound with a road on its crest and a beacon at the end; each stone drawn."""
    rng = pen.rng
    pen.record("harbour", "breakwater", list(line) + [(x + 6, y + 6) for x, y in reversed(line)])
    pen.line(line, width + 7, (148, 176, 176), opacity=0.35, texture=0.12)
    pen.line(line, width, (118, 112, 102), 2.0, texture=0.12)
    for x, y, _ in along(line, 0, 1.3):
        dx, dy = rng.normal(0, width * 0.3, 2)
        tone = float(rng.uniform(0.7, 1.15))
        size = float(rng.uniform(2.0, 4.2))
        stone = (150 * tone, 144 * tone, 134 * tone)
        pen.moved(x + float(dx), y + float(dy), float(rng.uniform(0, 90))).rect(
            0, 0, size, size * 0.8, stone, float(rng.uniform(2.2, 4.2))
        )
    pen.line(line, width * 0.22, (158, 153, 142), 4.6, texture=0.07)
    pen.disc(line[-1][0], line[-1][1], width * 0.5, (170, 165, 154), 5.0)
    pen.disc(line[-1][0], line[-1][1], 2.4, (190, 58, 48), 16.0)


def quay(pen: Pen, width: float, height: float) -> None:
    """A paved quay area around the origin: edge kerb, bollards on the right side, stains."""
    pen.rect(0, 0, width, height, CONCRETE, 3.0, texture=0.05, claim=True)
    pen.rect(width / 2 - 1.2, 0, 2.4, height, (214, 210, 200), 3.6)
    for y in np.arange(-height / 2 + 8, height / 2 - 4, 18.0):
        pen.rect(width / 2 - 3.2, float(y), 1.6, 1.6, (52, 52, 52), 4.6)
    rng = pen.rng
    for _ in range(int(width * height / 1400)):
        x, y = float(rng.uniform(-0.48, 0.44)) * width, float(rng.uniform(-0.48, 0.48)) * height
        pen.disc(x, y, float(rng.uniform(1, 6)), (112, 108, 100), opacity=0.15)


def crane(pen: Pen, reach: float = 56.0) -> None:
    """A gantry crane around the origin, its boom along u."""
    paint: Colour = (58, 96, 160) if pen.rng.random() < 0.5 else (196, 88, 50)
    for v in (-5.5, 5.5):
        pen.rect(0, v, 18, 1.8, paint, 22.0)
    for u in (-8, 8):
        pen.rect(u, 0, 1.8, 12, paint, 22.0)
    pen.rect(reach * 0.22, 0, reach, 2.8, paint, 26.0)
    pen.rect(-5, 0, 7, 5, (226, 226, 222), 28.0)


def container_port(pen: Pen, width: float, height: float) -> None:
    """Quay with stacks, sheds, cranes along its right edge; `width` x `height` around the origin."""
    rng = pen.rng
    pen.record_box("harbour", "quay", width, height)
    quay(pen, width, height)
    deck = pen.lifted(3.0)
    hall(deck.moved(-width / 2 + 24, -height * 0.22, 90), height * 0.42, 34, 11, (188, 192, 194))
    hall(deck.moved(-width / 2 + 24, height * 0.26, 90), height * 0.36, 34, 11, (154, 128, 114))
    rows = int((width - 92) / 24)
    for i in range(rows):
        for side in (-1, 1):
            x = -width / 2 + 60 + i * 24
            stack(deck.moved(x, side * height * 0.24, 90), height * 0.40, 17.0)
    for y in (-height * 0.26, height * 0.2):
        crane(deck.moved(width / 2 - 12, y))
    for _ in range(14):
        x, y = float(rng.uniform(-0.35, 0.42)) * width, float(rng.choice([-0.01, 0.01, 0.47, -0.47])) * height
        (lorry if rng.random() < 0.5 else car)(deck.moved(x, y, float(rng.choice([0, 180]))))
