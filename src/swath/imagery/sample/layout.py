"""The plan of the sample world: where everything lies, in units from its upper left corner.

Nine by six windows of 256 units: woods and a river in the north-west, farmland in the north, a beach in the
north-east; an airport in the south-west, a town in the south, a harbour and a tank farm in the south-east.
"""

from __future__ import annotations

import numpy as np

from . import airport, farm, harbour, industry, plants, roads
from .aircraft import plane
from .buildings import TILES, block, neighbourhood, quarter
from .canvas import Canvas, Pen, Point, Ring, box_ring, curve
from .terrain import Water, ground
from .vehicles import boat, ship

WIDTH, HEIGHT = 2304, 1536

COAST: Ring = curve(
    [
        (1890, -120), (1906, 40), (1918, 150), (1965, 290), (2064, 400), (2112, 500), (2150, 580),
        (2140, 690), (2030, 740), (1850, 762), (1812, 800), (1812, 1100), (1818, 1270), (1990, 1300),
        (2040, 1400), (2050, 1700),
    ],
    16.0,
)  # fmt: skip
RIVER: Ring = curve(
    [
        (-90, 560), (60, 610), (190, 690), (330, 688), (430, 610), (560, 562), (690, 590), (800, 668),
        (920, 690), (1040, 652), (1152, 636), (1270, 634), (1390, 600), (1500, 582), (1620, 630), (1740, 690),
        (1870, 680), (1990, 634), (2140, 630), (2216, 636),
    ]
)  # fmt: skip
RIVER_WIDTH = 76.0
AVENUE = 1152.0
"""Where the main road runs from north to south, over the bridge."""
REACH: list[tuple[Ring, float]] = [
    (curve([(1000, 664), (1080, 646), (AVENUE, 640), (1230, 640), (1310, 622)]), 112.0),
    (curve([(1060, 652), (AVENUE, 642), (1250, 640)]), 146.0),
    (curve([(1800, 690), (1870, 676), (1930, 656), (2010, 636)]), 124.0),
]
"""Where the river widens towards the bridges."""
COAST_SPAN: Ring = [(1882, 742), (1944, 590)]
BASIN: Ring = [(1780, 764), (2060, 745), (2290, 760), (2290, 1290), (1780, 1300)]


def draw(canvas: Canvas) -> None:
    """Draw the whole world on a canvas of WIDTH x HEIGHT units and record what is where."""
    pen = Pen(canvas)
    sea = [*COAST, (2700, 1700), (2700, -120)]
    ground(
        canvas,
        Water(
            sea=[sea],
            rivers=[(RIVER, RIVER_WIDTH), (RIVER[-40:], RIVER_WIDTH * 1.3), *REACH],
            calm=[BASIN],
            banks=1.15,
        ),
    )
    _waters(pen)
    _farmland(pen)
    _main_roads(pen)
    _airport(pen)
    _town(pen)
    _port(pen)
    _woods(pen)


def _band(line: Ring, above: float, below: float) -> list[Point]:
    """A ring along a line, from `above` to `below` units beside it."""
    return [*roads.beside(line, above), *reversed(roads.beside(line, below))]


def _waters(pen: Pen) -> None:
    shore = [p for p in COAST if p[1] < 690]
    pen.record("coast", "beach", _band(shore, -110, 64))
    pen.record("coast", "sea", [*roads.beside(shore, -110), (WIDTH, 690), (WIDTH, 0)])
    inland = [p for p in RIVER if p[0] < 2110]
    for start in range(0, len(inland) - 1, 8):
        pen.record(
            "river and bridge", "river", _band(inland[start : start + 9], -RIVER_WIDTH / 2, RIVER_WIDTH / 2)
        )


def _farmland(pen: Pen) -> None:
    land = pen.moved(1300, 236, -3.5)
    farm.fields(land, 1130, 580, 78)
    for x, y in ((896, 132), (896, 388), (1408, 128)):
        farm.pivot(pen.moved(x, y, -3.5), 116)
    farm.farmstead(pen.moved(1648, 452, -3.5))
    lane = curve(
        [
            (742, 262),
            (896, 260),
            (1030, 262),
            (AVENUE, 256),
            (1280, 251),
            (1420, 250),
            (1640, 238),
            (1838, 226),
        ]
    )
    roads.road(pen, lane, 9.0, traffic=0.05, colour=(172, 160, 136))
    plants.hedge(pen, [(x, y - 10) for x, y in lane[::6]], 16, 3.4, 0.45)
    roads.car_park(pen.moved(1858, 214, 86), 74, 44, taken=0.7, colour=(170, 162, 146))


def _main_roads(pen: Pen) -> None:
    grey, pale = (112, 112, 112), (168, 165, 158)
    roads.road(pen, [(AVENUE, -20), (AVENUE, 1560)], 30.0, lanes=4, traffic=0.22)
    pen.record_box("roads and car parks", "road", 30, HEIGHT, AVENUE, HEIGHT / 2)
    roads.road(pen, [(AVENUE, 1280), (1500, 1280), (1830, 1280)], 30.0, lanes=4, traffic=0.25)
    pen.record_box("roads and car parks", "road", 680, 30, 1490, 1280)
    roads.road(
        pen,
        curve([(AVENUE, 1280), (1070, 1280), (1022, 1310), (1016, 1400), (1016, 1560)]),
        16.0,
        traffic=0.2,
    )
    access = curve(
        [(AVENUE, 1030), (940, 1026), (786, 1004), (716, 900), (610, 790), (420, 770), (200, 772), (-30, 778)]
    )
    roads.road(pen, access, 18.0, traffic=0.2)
    pen.disc(AVENUE, 1280, 46, grey, 0.0, texture=0.03, claim=True)
    pen.disc(AVENUE, 1280, 25, (206, 202, 192), 0.3)
    pen.disc(AVENUE, 1280, 23.5, (96, 122, 60), 0.4, texture=0.05)
    pen.disc(AVENUE, 1280, 6, (120, 186, 200), 0.6)
    for angle in np.arange(9) * 0.698:
        x, y = AVENUE + 16 * float(np.cos(angle)), 1280 + 16 * float(np.sin(angle))
        plants.tree(pen, x, y, 4.2, always=True)
    roads.bridge(pen.moved(AVENUE, 642, 90), 268, 32, traffic=0.3, colour=pale)
    beach_road = curve(
        [(1784, 1010), (1782, 800), (1830, 756), *COAST_SPAN, (1958, 540), (1910, 430), (1868, 262)]
    )
    roads.road(pen, beach_road, 13.0, traffic=0.1, colour=pale)
    (ax, ay), (bx, by) = COAST_SPAN
    heading = float(np.degrees(np.arctan2(by - ay, bx - ax)))
    roads.bridge(
        pen.moved((ax + bx) / 2, (ay + by) / 2, heading), 226, 17, lanes=2, traffic=0.15, colour=pale
    )


def _airport(pen: Pen) -> None:
    pen.record_box("airport", "airport", 1000, 510, 512, 1276)
    pen.rect(512, 1290, 1024, 500, (118, 124, 78), texture=0.07)
    pen.rect(512, 1240, 1024, 420, None, claim=True)
    airport.taxiway(pen, [(30, 1300), (1000, 1300)], 22)
    airport.apron(pen.moved(400, 1166), 760, 216)
    for x in (60, 300, 560, 800, 985):
        airport.taxiway(pen, [(x, 1300), (x + 14, 1412)] if x < 900 else [(x, 1300), (x, 1412)], 20)
    airport.taxiway(pen, [(180, 1255), (180, 1300)], 22)
    airport.taxiway(pen, [(610, 1255), (610, 1300)], 22)
    airport.runway(pen.moved(512, 1412), 980, 52)
    airport.terminal(pen.moved(384, 1032), 700, 46)
    for gate in range(62, 730, 64):
        airport.stand(
            pen.moved(gate, 1104), float(pen.rng.uniform(44, 54)), 12, bool(pen.rng.random() < 0.88)
        )
    for gate in range(60, 700, 60):
        airport.stand(pen.moved(gate, 1206, 180), 44, 0, bool(pen.rng.random() < 0.75))
    for x in (830, 900, 970):
        airport.airfield_hangar(pen.moved(x, 1070), 60, 52)
    airport.apron(pen.moved(900, 1168), 220, 150)
    for y in (1122, 1160, 1198):
        airport.row_of_light_planes(pen.moved(900, y), 7)
    plane(pen.moved(660, 1300, 180), 52)
    plane(pen.moved(330, 1300, 180), 48)
    plane(pen.moved(928, 1300, 180), 50)
    plane(pen.moved(140, 1412, 0), 54)
    roads.car_park(pen.moved(150, 884), 236, 190, taken=0.8)
    roads.car_park(pen.moved(420, 884), 250, 190, taken=0.7, colour=(146, 143, 138))
    block(pen.moved(610, 906), 70, 46, 28, (196, 190, 182))


def _town(pen: Pen) -> None:
    warm = (TILES[2], TILES[7], TILES[4], TILES[3])
    neighbourhood(pen.moved(950, 884, 4), 350, 250, lot=31, leafy=0.55)
    neighbourhood(pen.moved(1336, 892, -3), 326, 256, lot=29, leafy=0.4, palette=warm)
    neighbourhood(pen.moved(1650, 888, 5), 254, 256, lot=33, leafy=0.8)
    neighbourhood(pen.moved(1090, 1156), 86, 214, lot=29, leafy=0.5)
    quarter(pen.moved(1222, 1152), 102, 218, 30)
    quarter(pen.moved(1082, 1420), 96, 210, 22)
    plants.scattered(pen, box_ring(1222, 1152, 100, 220), 20)
    industry.around_stadium(pen.moved(1408, 1152), 240, 216)
    industry.stadium(pen.moved(1408, 1152), 204, 168)
    roads.car_park(pen.moved(1664, 1152), 232, 206, taken=0.82)
    roads.road(pen, [(1536, 1034), (1536, 1280)], 14.0, traffic=0.2)
    neighbourhood(pen.moved(1226, 1418), 112, 232, lot=30, leafy=0.6, palette=warm)
    roads.car_park(pen.moved(1408, 1420), 222, 204, taken=0.7, colour=(158, 154, 146), trees=0.8)


def _port(pen: Pen) -> None:
    industry.tank_farm(pen.moved(1664, 1418), 244, 236, radius=27)
    industry.tank_farm(pen.moved(1912, 1418), 232, 236, radius=41)
    harbour.quay(pen.moved(1806, 900), 28, 280)
    harbour.marina(pen.moved(1944, 898), 250, 252, spacing=60, full=0.86)
    harbour.container_port(pen.moved(1850, 1160), 152, 228)
    ship(pen.moved(1947, 1130, 90), 168)
    ship(pen.moved(2180, 1420, -78), 190, "liquids")
    harbour.moorings(pen.moved(2160, 910), 150, 220, 25)
    harbour.moorings(pen.moved(2070, 1190), 150, 130, 16)
    harbour.moorings(pen.moved(2150, 1080), 150, 90, 9)
    mole = curve([(2110, 730), (2190, 752), (2258, 820), (2280, 930), (2262, 1040)])
    harbour.breakwater(pen, mole)
    boat(pen.moved(2236, 1140, 200), 30, wake=True)
    boat(pen.moved(2236, 330, 65), 20, sail=True, kind="coast")
    boat(pen.moved(2200, 470, 70), 18, sail=True, kind="coast")
    boat(pen.moved(2260, 560, -30), 28, wake=True, kind="coast")
    boat(pen.moved(2240, 1250, -60), 26, wake=True)
    pen.record_box("harbour", "harbour", 500, 520, 2050, 1030)


def _woods(pen: Pen) -> None:
    border = [
        (x + float(pen.rng.normal(0, 9)), y)
        for x, y in curve([(742, -20), (752, 120), (740, 260), (762, 400), (754, 540)], 24)
    ]
    north = [
        (-20, -20),
        *border,
        (690, 560),
        (560, 520),
        (430, 570),
        (330, 650),
        (190, 650),
        (60, 570),
        (-20, 520),
    ]
    pen.record("forest", "forest", [(max(0.0, x), max(0.0, y)) for x, y in north])
    track = curve([(742, 262), (690, 268), (650, 330), (640, 420), (610, 470), (600, 530)])
    pen.line(track, 17.0, (120, 112, 80), texture=0.06, claim=True)
    pen.line(track, 5.0, (190, 170, 136), texture=0.06)
    plants.wood(pen, north, 8.2, (4.2, 7.8), 0.2)
    south = [
        (-20, 640),
        (130, 720),
        (260, 745),
        (420, 730),
        (560, 620),
        (680, 640),
        (760, 720),
        (740, 770),
        (-20, 770),
    ]
    plants.wood(pen, south, 8.2, (3.8, 7.2), 0.15, 0.45)
    edge = [p for p in RIVER if 740 < p[0] < 2060]
    for a, b in ((-106, -42), (42, 108)):
        plants.wood(pen, _band(edge, a, b), 8.6, (3.2, 6.8), 0.05, 0.5, plants.GREENS)
    shore = [(1810, -20), (1900, -20), (1930, 200), (2040, 400), (2100, 560), (1860, 620), (1820, 420)]
    plants.wood(pen, shore, 9.5, (2.6, 5.6), 0.0, 0.6, plants.GREENS)
    plants.wood(
        pen, [(0, 1490), (1000, 1446), (1000, 1540), (0, 1540)], 9.5, (3, 6.5), 0.1, 0.6, plants.GREENS
    )
    gaps = (
        (790, 1268, 180, 900),
        (690, 850, 140, 180),
        (1490, 1290, 40, 520),
        (960, 720, 380, 70),
        (1500, 730, 640, 90),
    )
    for x, y, width, height in gaps:
        plants.scattered(pen, box_ring(x, y, width, height), int(width * height / 420), (2.8, 6.2))
    for kerb in (AVENUE - 21, AVENUE + 21):
        plants.hedge(pen, [(kerb, 770), (kerb, 1230)], 17, 4.4, 0.2)
        plants.hedge(pen, [(kerb, 0), (kerb, 520)], 26, 4.4, 0.5)
    plants.scattered(pen, box_ring(1152, 1024, 2304, 1024), 300, (2.8, 6.0))
