"""Storage tanks in bunds, pipe racks, works, and the stadium."""

from __future__ import annotations

import numpy as np

from .buildings import hall
from .canvas import Colour, Pen, Region, Ring, box_ring, oval_ring
from .noise import patch
from .plants import tree

GRAVEL: Colour = (164, 152, 132)


def tank(pen: Pen, radius: float, floating: bool | None = None) -> None:
    """A round tank: a shallow cone of welded plates, or a floating roof sunk inside the shell."""
    rng = pen.rng
    pen.record("storage tanks", "tank", oval_ring(0, 0, radius, radius))
    height = float(rng.uniform(0.45, 0.62)) * radius + 4.0
    sunk = bool(rng.random() < 0.25) if floating is None else floating
    pen.disc(0, 0, radius + 2.6, (188, 182, 170), 0.6)
    shell: Colour = (226, 226, 222)
    pen.disc(0, 0, radius, shell, height, claim=True)
    region = pen.region([oval_ring(0, 0, radius - 0.9, radius - 0.9)])
    if region is None:
        return
    u, v = pen.grid(region)
    distance, angle = np.hypot(u, v), np.arctan2(v, u)
    stain = patch(rng, "cloud", u.shape[0], u.shape[1], 0.7)
    tone: Colour = (246, 246, 242) if rng.random() < 0.8 else (214, 208, 194)
    if sunk:
        tone = (186, 184, 180)
        heights = np.full_like(u, height - float(rng.uniform(3.0, 9.0)))
    else:
        heights = (height + 0.16 * (radius - distance)).astype(np.float32)
    spokes = np.clip(np.abs(np.sin(angle * round(radius * 0.45 + 4))) * distance, 0, 1.0)
    shade = 0.955 + 0.045 * spokes + 0.015 * stain - 0.05 * (np.abs(distance - radius * 0.62) < 0.4)
    paint = (np.asarray(tone, np.float32) * shade[..., None]).astype(np.float32)
    pen.canvas.paint(region, paint, (heights * pen.zoom + pen.base).astype(np.float32))
    if sunk:
        pen.rect(radius * 0.45, 0, radius * 0.8, 1.6, (120, 118, 114), height - 1)
    else:
        pen.disc(0, 0, max(1.2, radius * 0.07), (200, 200, 198), height + 0.16 * radius + 1.2)
    stairs = np.linspace(0.3, 1.5, 12) + float(rng.uniform(0, 6))
    pen.line(
        [(float(np.cos(a)) * (radius + 0.8), float(np.sin(a)) * (radius + 0.8)) for a in stairs],
        1.3,
        (150, 148, 144),
        height * 0.6,
    )


def bund(pen: Pen, width: float, height: float) -> None:
    """An earth wall around a gravel yard."""
    pen.rect(0, 0, width, height, (140, 136, 98), 1.6, texture=0.06, claim=True)
    pen.rect(0, 0, width - 3.4, height - 3.4, (176, 166, 144), 3.4, texture=0.05)
    pen.rect(0, 0, width - 7.4, height - 7.4, GRAVEL, 0.0, texture=0.06)
    pen.rect(
        float(pen.rng.uniform(-0.2, 0.2)) * width,
        0,
        width * 0.5,
        height * 0.7,
        (146, 134, 114),
        opacity=0.35,
        texture=0.08,
    )


def tank_farm(
    pen: Pen, width: float, height: float, *, radius: float = 27.0, colour: Colour = GRAVEL
) -> None:
    """Tanks in rows, each in its bund, with pipes between, in a rectangle around the origin."""
    rng = pen.rng
    pen.record_box("storage tanks", "tank farm", width, height)
    pen.rect(0, 0, width, height, colour, 0.1, texture=0.06, claim=True)
    pitch = 2 * radius + 27
    nx, ny = max(1, int(width / pitch)), max(1, int(height / pitch))
    w, h = width / nx, height / ny
    for j in range(ny):
        y = (j + 0.5) * h - height / 2
        for i in range(nx):
            own = pen.moved((i + 0.5) * w - width / 2, y)
            bund(own, w - 8, h - 8)
            if rng.random() < 0.14:
                for dx, dy in ((-1, -1), (1, -1), (-1, 1), (1, 1)):
                    tank(own.moved(dx * w * 0.2, dy * h * 0.2), radius * 0.44, False)
            else:
                tank(
                    own.moved(float(rng.normal(0, 1)), float(rng.normal(0, 1))),
                    radius * float(rng.uniform(0.84, 1.06)),
                )
    for j in range(ny + 1):
        y = float(np.clip(j * h - height / 2, -height / 2 + 3, height / 2 - 3))
        pen.lines(
            [[(-width / 2 + 4, y + d), (width / 2 - 4, y + d)] for d in (-1.6, 0, 1.6)],
            0.9,
            (206, 204, 198),
            2.2,
        )
    feeders: list[Ring] = []
    for i in range(nx):
        for j in range(ny):
            x, y = (i + 0.5) * w - width / 2, j * h - height / 2
            feeders += [[(x + d, y), (x + d, y + 0.2 * h)] for d in (-1.4, 1.4)]
    pen.lines(feeders, 0.9, (200, 198, 192), 2.4)


def works(pen: Pen, width: float, height: float) -> None:
    """A yard of industrial halls with lorries' turning space, around the origin."""
    rng = pen.rng
    pen.rect(0, 0, width, height, (162, 156, 146), 0.05, texture=0.05, claim=True)
    roofs: tuple[Colour, ...] = (
        (198, 202, 204),
        (150, 160, 172),
        (86, 122, 168),
        (176, 142, 124),
        (226, 226, 222),
    )
    nx, ny = max(1, round(width / 86)), max(1, round(height / 64))
    w, h = width / nx, height / ny
    for i in range(nx):
        for j in range(ny):
            own = pen.moved((i + 0.5) * w - width / 2, (j + 0.5) * h - height / 2)
            size = float(rng.uniform(0.62, 0.84))
            hall(own, w * size, h * 0.62, float(rng.uniform(9, 14)), roofs[int(rng.integers(len(roofs)))])
            if rng.random() < 0.5:
                hall(own.moved(w * 0.1, h * 0.38), w * 0.4, h * 0.14, 6, roofs[int(rng.integers(len(roofs)))])


def stadium(
    pen: Pen, long: float = 212.0, wide: float = 172.0, *, track: bool = True, roof: bool = True
) -> None:
    """An oval stadium around the origin, its pitch along u: sloping stands in sectors, roof, track, pitch."""
    rng = pen.rng
    a, b = long / 2, wide / 2
    pen.record("stadium", "stadium", oval_ring(0, 0, a, b, 2.5))
    pen.polygon(oval_ring(0, 0, a + 12, b + 12, 2.5), (182, 178, 170), 0.2, texture=0.04, claim=True)
    pen.polygon(oval_ring(0, 0, a, b, 2.5), (206, 204, 200), 25.0, claim=True)
    region = pen.region([oval_ring(0, 0, a - 1.5, b - 1.5, 2.5)])
    if region is None:
        return
    u, v = pen.grid(region)
    inner_a, inner_b = a * 0.70, b * 0.62
    out = (np.abs(u / (a - 1.5)) ** 2.5 + np.abs(v / (b - 1.5)) ** 2.5) ** 0.4
    inn = (np.abs(u / inner_a) ** 2.6 + np.abs(v / inner_b) ** 2.6) ** (1 / 2.6)
    share = np.clip((inn - 1.0) / np.maximum(inn - 1.0 + (1.0 - out) * 1.9, 1e-3), 0.0, 1.0)
    seats: tuple[Colour, ...] = (
        (66, 92, 158),
        (176, 62, 56),
        (150, 152, 156),
        (206, 204, 198),
        (70, 124, 92),
    )
    first, second = rng.choice(len(seats), 2, replace=False)
    angle = np.arctan2(v / b, u / a)
    sectors = np.abs(((angle / (2 * np.pi)) * 44) % 1.0 - 0.5)
    paint = np.where(
        (share > 0.52)[..., None], np.asarray(seats[first], np.float32), np.asarray(seats[second], np.float32)
    )
    people = rng.random(u.shape, np.float32)
    paint = paint * (0.88 + 0.10 * np.sin(share * 62)[..., None] + 0.16 * (people - 0.5)[..., None])
    aisle = (sectors < 0.045) | (np.abs(share - 0.52) < 0.022) | (share > 0.965)
    paint[aisle] = (200, 198, 194)
    heights = np.where(share > 0.52, 4 + 22 * share, 1.5 + 20 * share)
    pen.canvas.paint(region, paint.astype(np.float32), (heights * pen.zoom).astype(np.float32))
    if roof:
        covered = (share > 0.55) & (np.abs(np.sin(angle)) > float(rng.uniform(0.0, 0.62)))
        panels = 0.93 + 0.07 * np.clip(np.abs(np.sin(angle * 38)) * 6, 0, 1) + 0.03 * np.sin(share * 26)
        sheet = (np.asarray((236, 238, 240), np.float32) * panels[..., None]).astype(np.float32)
        cover = Region(region.rows, region.columns, region.mask & covered)
        pen.canvas.paint(cover, sheet, ((31 - 4 * (1 - share)) * pen.zoom).astype(np.float32))
    floor = pen.region([oval_ring(0, 0, inner_a, inner_b, 2.6)])
    pen.canvas.paint(floor, (176, 92, 72) if track else (92, 124, 60), 0.0, texture=0.03)
    if track:
        for k in range(1, 5):
            edge = oval_ring(0, 0, inner_a - 2.4 * k, inner_b - 2.4 * k, 2.6)
            pen.line([*edge, edge[0]], 0.5, (226, 206, 196), opacity=0.7)
        pen.polygon(oval_ring(0, 0, inner_a - 13, inner_b - 13, 2.8), (96, 128, 62), texture=0.04)
    pitch(pen, inner_a * 1.30, inner_b * 1.18)
    for x, y in ((-1, -1), (1, -1), (-1, 1), (1, 1)):
        pen.rect(x * a * 0.80, y * b * 0.86, 5, 2.4, (240, 240, 240), 34.0)


def pitch(pen: Pen, length: float, width: float) -> None:
    """A football pitch along u: mown stripes and white lines."""
    pen.rect(0, 0, length + 5, width + 5, (84, 122, 56), texture=0.03)
    n = 14
    for i in range(n):
        tone = 1.07 if i % 2 else 0.92
        pen.rect(
            (i + 0.5) * length / n - length / 2,
            0,
            length / n,
            width,
            (78 * tone, 126 * tone, 54 * tone),
            texture=0.025,
        )
    h, w = length / 2, width / 2
    line = 0.9
    lines: list[Ring] = [[(-h, -w), (h, -w), (h, w), (-h, w), (-h, -w)], [(0, -w), (0, w)]]
    ring = oval_ring(0, 0, width * 0.135, width * 0.135)
    lines.append([*ring, ring[0]])
    for s in (-1, 1):
        for depth, half in ((0.157, 0.30), (0.052, 0.135)):
            lines.append(
                [
                    (s * h, -half * width),
                    (s * (h - depth * length), -half * width),
                    (s * (h - depth * length), half * width),
                    (s * h, half * width),
                ]
            )
    pen.lines(lines, line, (236, 240, 232), opacity=0.9)


def around_stadium(pen: Pen, width: float, height: float) -> None:
    """Forecourt and a ring of trees for a stadium that is put on it."""
    pen.rect(0, 0, width, height, (168, 164, 156), 0.1, texture=0.04)
    for x, y in box_ring(0, 0, width - 34, height - 34):
        pen.rect(x, y, 46, 46, (96, 114, 62), 0.1, texture=0.06)
        for _ in range(7):
            dx, dy = pen.rng.uniform(-19, 19, 2)
            tree(pen, x + float(dx), y + float(dy), float(pen.rng.uniform(3, 6.5)), always=True)
