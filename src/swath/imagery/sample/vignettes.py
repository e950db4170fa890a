"""Small places that fill a picture with one kind of thing, and plain sentences about each."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from . import airport, farm, harbour, industry, plants, roads
from .aircraft import plane
from .buildings import TILES, neighbourhood
from .canvas import Colour, Pen, Point, Ring, box_ring, curve
from .captions import CAPTIONS
from .terrain import Palette, Water, ground
from .vehicles import boat, ship


class Vignette(NamedTuple):
    """How to draw a place, and what to say about it."""

    kind: str
    draw: Callable[[Pen, float], None]
    """Covers the canvas; the pen stands in its middle, the picture reaches `r` units to each side."""
    captions: tuple[str, ...]


def _palette(pen: Pen) -> Palette:
    """Lusher or drier land, greener or bluer water."""
    rng = pen.rng
    tint = rng.normal(1.0, 0.025, 3)
    dry = float(rng.uniform(0, 1))

    def toned(a: Colour, b: Colour) -> Colour:
        mix = [(1 - dry) * p + dry * q for p, q in zip(a, b, strict=True)]
        return (mix[0] * tint[0], mix[1] * tint[1], mix[2] * tint[2])

    seas: tuple[tuple[Colour, Colour], ...] = (
        ((92, 158, 152), (24, 66, 88)), ((70, 118, 112), (26, 58, 62)), ((110, 176, 170), (30, 96, 128)),
        ((104, 116, 100), (52, 70, 72)),
    )  # fmt: skip
    rivers: tuple[tuple[Colour, Colour], ...] = (
        ((92, 108, 86), (62, 84, 76)), ((150, 128, 94), (134, 110, 78)), ((70, 104, 110), (44, 78, 90)),
    )  # fmt: skip
    shallow, sea = seas[int(rng.integers(len(seas)))]
    river, channel = rivers[int(rng.integers(len(rivers)))]
    return Palette(
        grass=toned((78, 98, 54), (108, 106, 72)),
        meadow=toned((112, 124, 74), (140, 128, 92)),
        dry=toned((144, 134, 96), (176, 154, 118)),
        sand=toned((224, 206, 170), (204, 178, 140)),
        shallow=shallow,
        sea=sea,
        river=river,
        channel=channel,
    )


def _land(pen: Pen) -> None:
    ground(pen.canvas, Water(), _palette(pen))


def _line(pen: Pen, points: Ring) -> list[Point]:
    return [(float(x), float(y)) for x, y in pen.units(points)]


def _everywhere(r: float) -> Ring:
    return box_ring(0, 0, 3 * r, 3 * r)


def beach(pen: Pen, r: float) -> None:
    """A waterline across the picture."""
    rng = pen.rng
    shore = float(rng.uniform(-0.25, 0.15)) * r
    bend = rng.normal(0, 0.12, 5) * r
    line = [(shore + float(b), y * r) for b, y in zip(bend, np.linspace(-2, 2, 5), strict=True)]
    ring = [*curve(line), (4 * r, 2 * r), (4 * r, -2 * r)]
    ground(pen.canvas, Water(sea=[_line(pen, ring)], surf=float(rng.uniform(0.5, 1.4))), _palette(pen))
    pen.record("coast", "beach", _everywhere(r))
    plants.wood(pen, _everywhere(r), 9.0, (2.5, 6.0), 0.0, float(rng.uniform(0.3, 0.8)), plants.GREENS)


def _all_sea(pen: Pen, r: float) -> None:
    ring = box_ring(0, 0, 14 * r, 14 * r)
    ground(pen.canvas, Water(sea=[_line(pen, ring)], surf=0.0), _palette(pen))


def marina(pen: Pen, r: float) -> None:
    """Rows of berths."""
    rng = pen.rng
    _all_sea(pen, r)
    shore = float(rng.uniform(-1.1, -0.55)) * r
    land = 2 * r + shore
    harbour.quay(pen.moved(-2 * r + land / 2, 0), land, 3.4 * r)
    wide = 1.6 * r - shore
    spacing = float(rng.uniform(48, 70))
    harbour.marina(
        pen.moved(shore + wide / 2, 0), wide, 3 * r, spacing=spacing, full=float(rng.uniform(0.6, 0.95))
    )


def port(pen: Pen, r: float) -> None:
    """Quay, cranes and ships."""
    rng = pen.rng
    _all_sea(pen, r)
    edge = float(rng.uniform(-0.3, 0.25)) * r
    wide = 1.7 * r + edge
    harbour.container_port(pen.moved(edge - wide / 2, 0), wide, 3 * r)
    for y in (-0.75, 0.6):
        kind = "containers" if rng.random() < 0.6 else "liquids"
        long = float(rng.uniform(0.9, 1.25)) * r
        ship(pen.moved(edge + 4 + long * 0.09, y * r, float(rng.choice([90, -90]))), long, kind)
    boat(pen.moved(edge + 0.6 * r, float(rng.uniform(-0.8, 0.8)) * r, 80), 26, wake=True)


def bay(pen: Pen, r: float) -> None:
    """Boats at anchor behind a breakwater."""
    rng = pen.rng
    _all_sea(pen, r)
    line = curve([(-1.6 * r, -0.8 * r), (-0.4 * r, -0.72 * r), (0.5 * r, -0.5 * r), (0.85 * r, 0.1 * r)])
    harbour.breakwater(pen, line)
    harbour.moorings(pen.moved(-0.1 * r, 0.3 * r), 1.7 * r, 1.3 * r, int(rng.integers(16, 40)))


def planes(pen: Pen, r: float) -> None:
    """Airliners at the stands of a terminal."""
    rng = pen.rng
    _land(pen)
    airport.apron(pen, 3.2 * r, 3.2 * r)
    long = float(rng.uniform(42, 66))
    top = float(rng.uniform(-1.0, -0.6)) * r
    airport.terminal(pen.moved(0, top - 14), 3 * r, 42)
    step = long * float(rng.uniform(1.12, 1.35))
    for u in np.arange(-1.4 * r + float(rng.uniform(0, step)), 1.4 * r, step):
        airport.stand(pen.moved(float(u), top + 20 + long * 0.55), long, 12.0, bool(rng.random() < 0.88))
    y = top + 40 + long * 1.6
    if rng.random() < 0.6:
        airport.taxiway(pen, [(-1.6 * r, y), (1.6 * r, y)])
        plane(pen.moved(float(rng.uniform(-0.6, 0.6)) * r, y, float(rng.choice([0, 180]))), long)
    for u in np.arange(-1.3 * r, 1.4 * r, step):
        if rng.random() < 0.8:
            airport.stand(pen.moved(float(u), y + 20 + long * 0.6, 180), long * 0.9, 0.0)


def airstrip(pen: Pen, r: float) -> None:
    """A runway with a taxiway beside it."""
    rng = pen.rng
    _land(pen)
    y = float(rng.uniform(-0.3, 0.3)) * r
    start = float(rng.uniform(-0.9, 0.2)) * r
    width = float(rng.uniform(40, 60))
    airport.runway(pen.moved(start + 500, y), 1000, width)
    beside = y + float(rng.choice([-1, 1])) * float(rng.uniform(74, 95))
    airport.taxiway(pen, [(-1.8 * r, beside), (1.8 * r, beside)])
    for u in (-0.55 * r, 0.75 * r):
        airport.taxiway(pen, [(u, y), (u + 12, beside)])
    if rng.random() < 0.75:
        plane(pen.moved(float(rng.uniform(-0.2, 0.6)) * r, y, float(rng.choice([0, 180]))), 54)
    plane(pen.moved(float(rng.uniform(-0.6, 0.6)) * r, beside, float(rng.choice([0, 180]))), 50)


def small_airfield(pen: Pen, r: float) -> None:
    """Light aircraft and hangars."""
    rng = pen.rng
    _land(pen)
    airport.apron(pen.moved(0, 0.2 * r), 2.6 * r, 1.6 * r)
    for u in (-0.9, -0.2, 0.5, 1.2):
        airport.airfield_hangar(pen.moved(u * r, -0.78 * r), 62, 48)
    for y in np.arange(-0.25 * r, 0.9 * r, 38):
        airport.row_of_light_planes(pen.moved(float(rng.normal(0, 6)), float(y)), int(1.9 * r / 27))


def tanks(pen: Pen, r: float) -> None:
    """A tank farm."""
    rng = pen.rng
    _land(pen)
    big = float(rng.uniform(17, 42))
    industry.tank_farm(pen, 3 * r, 3 * r, radius=big)


def two_tanks(pen: Pen, r: float) -> None:
    """A few large tanks on grass beside works."""
    rng = pen.rng
    _land(pen)
    industry.works(pen.moved(-1.25 * r, 0), 1.3 * r, 3 * r)
    big = float(rng.uniform(26, 44))
    for x, y in ((0.0, -0.45), (0.0, 0.5), (0.72, 0.02))[: int(rng.integers(2, 4))]:
        own = pen.moved(x * r, y * r)
        own.disc(0, 0, big + 14, (176, 170, 154), 0.2, texture=0.05, claim=True)
        industry.tank(own, big)
    roads.road(pen, [(0.42 * r, -2 * r), (0.36 * r, 2 * r)], 12.0, traffic=0.1)
    plants.scattered(pen, box_ring(0.9 * r, 0, r, 2.4 * r), 40)


def stadium(pen: Pen, r: float) -> None:
    """A stadium amid car parks and trees."""
    rng = pen.rng
    _land(pen)
    industry.around_stadium(pen, 2.1 * r, 2.0 * r)
    for side in (-1, 1):
        roads.car_park(pen.moved(0, side * 1.35 * r), 2.6 * r, 0.62 * r, taken=0.5)
    long = float(rng.uniform(1.55, 1.95)) * r
    industry.stadium(pen, long, long * float(rng.uniform(0.74, 0.9)), track=bool(rng.random() < 0.5),
                     roof=bool(rng.random() < 0.7))  # fmt: skip


def houses(pen: Pen, r: float) -> None:
    """Streets of detached houses."""
    rng = pen.rng
    _land(pen)
    shades = TILES if rng.random() < 0.6 else (TILES[2], TILES[7], TILES[4])
    lot, depth, leafy = (float(rng.uniform(*span)) for span in ((26, 36), (34, 46), (0.1, 1.0)))
    middle = pen.moved(0, float(rng.uniform(-25, 25)))
    neighbourhood(middle, 3.1 * r, 3.1 * r, lot=lot, depth=depth, leafy=leafy, palette=shades)


def forest(pen: Pen, r: float) -> None:
    """Nothing but trees."""
    rng = pen.rng
    _land(pen)
    greens = plants.DARK_GREENS if rng.random() < 0.6 else plants.GREENS
    needles = float(rng.choice([0.0, 0.15, 0.5, 1.0]))
    size = float(rng.uniform(0.75, 1.35))
    plants.wood(pen, _everywhere(r), 8.0 * size, (4.0 * size, 7.5 * size), needles,
                float(rng.choice([0.0, 0.0, 0.25])), greens)  # fmt: skip


def fields(pen: Pen, r: float) -> None:
    """A patchwork of fields."""
    rng = pen.rng
    _land(pen)
    farm.fields(pen, 3 * r, 3 * r, smallest=float(rng.uniform(45, 110)))
    if rng.random() < 0.4:
        roads.road(pen, [(-2 * r, 0.2 * r), (2 * r, 0.25 * r)], 9.0, traffic=0.05, colour=(168, 156, 134))
    if rng.random() < 0.3:
        farm.farmstead(pen.moved(0.35 * r, 0.2 * r - 44))


def pivots(pen: Pen, r: float) -> None:
    """Round irrigated fields."""
    rng = pen.rng
    _land(pen)
    radius = float(rng.uniform(0.42, 0.92)) * r
    shift = 0.0 if radius > 0.7 * r else radius + 6
    for i in range(-2, 3):
        for j in range(-2, 3):
            farm.pivot(pen.moved(i * (2 * radius + 16) + shift, j * (2 * radius + 16) + shift), radius)


def _river(pen: Pen, r: float) -> None:
    rng = pen.rng
    sway = float(rng.uniform(0.1, 0.45)) * r
    turns = [
        (u * r, sway * (-1) ** i + float(rng.normal(0, 0.08)) * r)
        for i, u in enumerate(np.linspace(-2, 2, 6))
    ]
    line = curve(turns)
    width = float(rng.uniform(56, 92))
    ground(
        pen.canvas, Water(rivers=[(_line(pen, line), width)], banks=float(rng.uniform(0, 1.8))), _palette(pen)
    )
    plants.wood(pen, _everywhere(r), 8.5, (3.5, 7.0), 0.1, float(rng.uniform(0, 0.9)), plants.DARK_GREENS)


def river(pen: Pen, r: float) -> None:
    """A winding river between trees."""
    _river(pen, r)


def bridge(pen: Pen, r: float) -> None:
    """A road bridge across a straight reach of a river."""
    rng = pen.rng
    width = float(rng.uniform(70, 130))
    line = curve([(-2 * r, float(rng.normal(0, 8))), (0, 0), (2 * r, float(rng.normal(0, 8)))])
    ground(
        pen.canvas, Water(rivers=[(_line(pen, line), width)], banks=float(rng.uniform(0, 0.8))), _palette(pen)
    )
    own = pen.moved(float(rng.uniform(-0.25, 0.25)) * r, 0, 90 + float(rng.normal(0, 10)))
    wide = float(rng.uniform(16, 34))
    lanes = 2 if wide < 22 else 4
    roads.road(own, [(-2.2 * r, 0), (2.2 * r, 0)], wide, lanes=lanes)
    plants.wood(pen, _everywhere(r), 8.5, (3.5, 7.0), 0.1, float(rng.uniform(0.2, 0.9)))
    roads.bridge(own, width + 130, wide + 2, lanes=lanes)


def highway(pen: Pen, r: float) -> None:
    """A wide road through green land."""
    rng = pen.rng
    _land(pen)
    bow = float(rng.uniform(-0.3, 0.3)) * r
    line = curve([(-2 * r, bow), (0, 0), (2 * r, bow)])
    roads.road(
        pen,
        line,
        float(rng.uniform(38, 54)),
        lanes=int(rng.choice([4, 6])),
        traffic=float(rng.uniform(0.15, 0.4)),
    )
    if rng.random() < 0.5:
        roads.road(pen, [(0, -2 * r), (0.1 * r, 2 * r)], 18.0, traffic=0.2)
    plants.wood(pen, _everywhere(r), 10, (3, 7), 0.1, float(rng.uniform(0.6, 0.9)), plants.GREENS)


def car_park(pen: Pen, r: float) -> None:
    """Rows of parked cars."""
    rng = pen.rng
    _land(pen)
    tones: tuple[Colour, ...] = ((112, 112, 112), (92, 92, 94), (150, 147, 140), (168, 162, 148))
    roads.car_park(
        pen, 3 * r, 3 * r, taken=float(rng.uniform(0.45, 0.95)), colour=tones[int(rng.integers(4))]
    )


VIGNETTES: tuple[Vignette, ...] = tuple(
    Vignette(kind, draw, CAPTIONS[draw.__name__])
    for kind, draw in (
        ("coast", beach),
        ("harbour", marina),
        ("harbour", port),
        ("harbour", bay),
        ("airport", planes),
        ("airport", airstrip),
        ("airport", small_airfield),
        ("storage tanks", tanks),
        ("storage tanks", two_tanks),
        ("stadium", stadium),
        ("residential area", houses),
        ("forest", forest),
        ("farmland", fields),
        ("farmland", pivots),
        ("river and bridge", river),
        ("river and bridge", bridge),
        ("roads and car parks", highway),
        ("roads and car parks", car_park),
    )
)
