"""Cars, lorries, boats and ships."""

from __future__ import annotations

import numpy as np

from .canvas import Colour, Pen, Ring, box_ring, toned

CARS: tuple[Colour, ...] = (
    (236, 236, 234), (226, 226, 226), (196, 198, 200), (168, 170, 174), (64, 66, 70), (38, 40, 44),
    (40, 42, 46),
    (172, 44, 40), (150, 46, 44), (50, 70, 118), (76, 98, 138), (190, 178, 150), (88, 92, 90),
    (120, 122, 126),
    (240, 240, 240), (84, 88, 94),
)  # fmt: skip
HULLS: tuple[Colour, ...] = (
    (246, 246, 244),
    (240, 240, 236),
    (250, 250, 250),
    (232, 230, 222),
    (216, 222, 228),
)
DECKS: tuple[Colour, ...] = (
    (206, 186, 150),
    (228, 226, 220),
    (190, 196, 202),
    (70, 104, 156),
    (222, 214, 196),
)


def car(pen: Pen, colour: Colour | None = None) -> None:
    """A car around the origin that looks along u, about 8 units long."""
    rng = pen.rng
    paint = CARS[int(rng.integers(len(CARS)))] if colour is None else colour
    long = float(rng.uniform(7.4, 8.8))
    pen.rect(0, 0, long, 3.7, paint, 1.6)
    pen.rect(-0.4, 0, long * 0.56, 3.2, (52, 60, 68), 2.2)
    pen.rect(-0.6, 0, long * 0.34, 3.1, toned(paint, 1.04), 2.6)


def lorry(pen: Pen, colour: Colour | None = None) -> None:
    """A lorry around the origin that looks along u, about 22 units long."""
    rng = pen.rng
    load: tuple[Colour, ...] = (
        (238, 238, 236),
        (210, 212, 214),
        (70, 100, 160),
        (180, 70, 56),
        (226, 222, 206),
    )
    pen.rect(-2, 0, 17, 4.6, load[int(rng.integers(len(load)))] if colour is None else colour, 6.0)
    pen.rect(8.8, 0, 4.0, 4.4, CARS[int(rng.integers(len(CARS)))], 4.6)


def _hull(long: float, wide: float, stern: float = 0.8) -> Ring:
    """Outline of a hull whose bow lies at +u."""
    half = wide / 2
    shape = ((-0.5, stern), (-0.2, 1.0), (0.12, 0.96), (0.34, 0.6), (0.5, 0.0))
    port = [(u * long, -w * half) for u, w in shape]
    return port + [(u, -v) for u, v in reversed(port[:-1])]


def boat(pen: Pen, long: float, wake: bool = False, sail: bool | None = None, kind: str = "harbour") -> None:
    """A motor or sailing boat around the origin, its bow at +u."""
    rng = pen.rng
    wide = long * float(rng.uniform(0.29, 0.36))
    pen.record_box(kind, "boat", long, wide)
    if wake:
        tail: Ring = [
            (-long * 0.4, 0),
            (-long * 3.4, -long * 0.55),
            (-long * 3.0, 0),
            (-long * 3.4, long * 0.55),
        ]
        pen.polygon(tail, (206, 220, 224), opacity=0.35, texture=0.1)
        pen.lines([[(-long * 0.3, 0), (-long * 4, 0)]], long * 0.16, (226, 234, 236), opacity=0.6)
    hull = HULLS[int(rng.integers(len(HULLS)))]
    if rng.random() < 0.06:
        hull = (62, 84, 128)
    pen.polygon(_hull(long, wide), hull, 2.2)
    deck = DECKS[int(rng.integers(len(DECKS)))]
    inner = pen.moved(-long * 0.02, 0)
    inner.polygon(
        _hull(long * 0.80, wide * 0.70, 0.9),
        (0.5 * (hull[0] + deck[0]), 0.5 * (hull[1] + deck[1]), 0.5 * (hull[2] + deck[2])),
        2.0,
    )
    sails = rng.random() < 0.35 if sail is None else sail
    if sails:
        pen.rect(long * 0.02, 0, long * 0.34, wide * 0.42, (236, 234, 228), 3.2)
        pen.rect(
            -long * 0.12, 0, long * 0.46, 1.0, (66, 92, 150) if rng.random() < 0.5 else (230, 230, 226), 5.0
        )
        pen.rect(long * 0.10, 0, 0.8, 0.8, (236, 236, 236), long * 0.9)
    else:
        pen.rect(-long * 0.30, 0, long * 0.26, wide * 0.62, deck, 1.4)
        pen.rect(long * 0.02, 0, long * 0.32, wide * 0.62, (250, 250, 248), 4.4)
        pen.rect(long * 0.15, 0, long * 0.07, wide * 0.56, (58, 68, 80), 4.0)
        if rng.random() < 0.4:
            pen.rect(-long * 0.05, 0, long * 0.16, wide * 0.5, DECKS[int(rng.integers(len(DECKS)))], 6.0)


def ship(pen: Pen, long: float, cargo: str = "containers") -> None:
    """A merchant ship around the origin, its bow at +u; `cargo`: containers or liquids."""
    rng = pen.rng
    wide = long * 0.17
    pen.record_box("harbour", "ship", long, wide)
    red = cargo == "liquids"
    pen.polygon(_hull(long, wide, 0.85), (128, 58, 50) if red else (66, 74, 92), 7.0)
    pen.polygon(
        _hull(long * 0.96, wide * 0.86, 0.85), (150, 82, 66) if red else (134, 128, 122), 6.4, texture=0.04
    )
    if red:
        pen.lines(
            [[(-long * 0.28, v), (long * 0.36, v)] for v in (-1.2, 0.0, 1.2)], 0.8, (204, 200, 190), 7.6
        )
        pen.lines(
            [[(u, -wide * 0.36), (u, wide * 0.36)] for u in np.arange(-0.2, 0.34, 0.09) * long],
            0.8,
            (206, 200, 190),
            7.4,
        )
    else:
        stack(pen.moved(long * 0.08, 0), long * 0.56, wide * 0.78, 11.0)
    pen.rect(-long * 0.37, 0, long * 0.11, wide * 0.84, (240, 240, 238), 18.0)
    pen.rect(-long * 0.335, 0, long * 0.02, wide * 0.7, (70, 80, 92), 17.0)
    pen.rect(
        -long * 0.43,
        0,
        long * 0.035,
        wide * 0.24,
        (190, 84, 52) if rng.random() < 0.5 else (60, 90, 150),
        21.0,
    )


def stack(pen: Pen, width: float, depth: float, height: float = 8.0) -> None:
    """Rows of shipping containers that fill a rectangle around the origin."""
    rng = pen.rng
    colours: tuple[Colour, ...] = (
        (164, 66, 50), (56, 98, 146), (196, 196, 192), (70, 120, 92), (204, 138, 62), (126, 62, 56),
        (88, 92, 98),
    )  # fmt: skip
    rows, columns = max(1, int(depth / 4.2)), max(1, int(width / 11.5))
    for j in range(rows):
        for i in range(columns):
            if rng.random() < 0.08:
                continue
            x, y = (i + 0.5) * width / columns - width / 2, (j + 0.5) * depth / rows - depth / 2
            tall = height * float(rng.choice([0.5, 0.75, 1.0]))
            ring = box_ring(x, y, width / columns - 0.7, depth / rows - 0.4)
            pen.polygon(ring, colours[int(rng.integers(len(colours)))], tall)
