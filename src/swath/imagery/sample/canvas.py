"""Where the world is drawn: a picture of surface colours and a relief, lit afterwards as a whole.

Objects are drawn through a `Pen`, in its own turned and moved coordinates. One unit is one pixel of the
finished picture at zoom 1; heights are in the same unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .noise import Floats, patch

Colour: TypeAlias = tuple[float, float, float]
Point: TypeAlias = tuple[float, float]
Ring: TypeAlias = Sequence[Point]
Paint: TypeAlias = Colour | Floats


class Record(NamedTuple):
    """One thing that was drawn, for the truth file."""

    kind: str
    thing: str
    ring: tuple[Point, ...]
    """Corners in units of the canvas."""


class Region(NamedTuple):
    """Pixels of a canvas: a box, and which pixels of the box."""

    rows: slice
    columns: slice
    mask: NDArray[np.bool_]


class How(TypedDict, total=False):
    """Options of `Canvas.paint`."""

    how: Literal["set", "max", "add"]
    opacity: float | Floats
    texture: float
    claim: bool


class Canvas:
    """Surface colours and heights of a rectangle of `width` x `height` units, `density` pixels per unit."""

    def __init__(self, width: int, height: int, rng: np.random.Generator, density: float = 2.0) -> None:
        self.width, self.height, self.density, self.rng = width, height, density, rng
        self.shape = (round(height * density), round(width * density))
        self.albedo: NDArray[np.uint8] = np.zeros((*self.shape, 3), np.uint8)
        self.relief: Floats = np.zeros(self.shape, np.float32)
        self.free: NDArray[np.bool_] = np.ones(self.shape, np.bool_)
        """Where plants may still grow."""
        self.records: list[Record] = []

    def box(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> tuple[slice, slice] | None:
        """The rows and columns between two pixel positions (x, y), cut at the canvas; None where outside."""
        left, top = (max(0, int(v)) for v in np.floor(low))
        right = min(self.shape[1], int(np.ceil(high[0])) + 1)
        bottom = min(self.shape[0], int(np.ceil(high[1])) + 1)
        if left >= right or top >= bottom:
            return None
        return slice(top, bottom), slice(left, right)

    def paint(
        self,
        region: Region | None,
        colour: Paint | None,
        relief: float | Floats | None = None,
        *,
        how: Literal["set", "max", "add"] = "set",
        opacity: float | Floats = 1.0,
        texture: float = 0.0,
        claim: bool = False,
    ) -> None:
        """Colour the pixels of a region and give them a height.

        `texture` is the deviation of a random brightness (a share of 1), `claim` keeps plants away.
        Arrays have the shape of the region's box.
        """
        if region is None:
            return
        rows, columns, mask = region
        if colour is not None:
            view = self.albedo[rows, columns]
            if isinstance(colour, tuple) and isinstance(opacity, float) and opacity == 1.0 and texture == 0.0:
                view[mask] = tuple(min(255, max(0, int(band))) for band in colour)
            else:
                view[mask] = self._mixed(view, colour, opacity, texture)[mask]
        if relief is not None:
            ground = self.relief[rows, columns]
            if how == "max":
                np.copyto(ground, np.maximum(ground, relief), where=mask)
            elif how == "add":
                np.add(ground, relief, out=ground, where=mask)
            else:
                np.copyto(ground, np.float32(relief) if isinstance(relief, float) else relief, where=mask)
        if claim:
            self.free[rows, columns][mask] = False

    def _mixed(
        self, view: NDArray[np.uint8], colour: Paint, opacity: float | Floats, texture: float
    ) -> NDArray[np.uint8]:
        factor: float | Floats = 1.0
        if texture:
            height, width = view.shape[:2]
            blotches = patch(self.rng, "rough", height, width, self.density)
            blotches += np.float32(0.35) * patch(self.rng, "fine", height, width)
            factor = 1.0 + np.float32(texture) * blotches
        out = np.empty(view.shape, np.uint8)
        bands = colour if isinstance(colour, tuple) else np.moveaxis(colour, 2, 0)
        for number, band in enumerate(bands):
            new = band * factor
            if not isinstance(opacity, float) or opacity < 1.0:
                old = view[..., number].astype(np.float32)
                new = old + (new - old) * opacity
            out[..., number] = np.clip(new, 0, 255)
        return out


@dataclass(frozen=True, slots=True)
class Pen:
    """Draws on a canvas in coordinates of its own: moved to (x, y) units, turned clockwise, enlarged."""

    canvas: Canvas
    x: float = 0.0
    y: float = 0.0
    turn: float = 0.0
    """Degrees."""
    zoom: float = 1.0
    base: float = 0.0
    """What heights are counted from, such as the deck of a bridge."""

    @property
    def rng(self) -> np.random.Generator:
        """The canvas's source of chance."""
        return self.canvas.rng

    def moved(self, x: float, y: float, turn: float = 0.0, zoom: float = 1.0) -> Pen:
        """A pen whose origin is this pen's (x, y), turned and enlarged further."""
        ((ux, uy),) = self.units([(x, y)])
        return Pen(self.canvas, ux, uy, self.turn + turn, self.zoom * zoom, self.base)

    def lifted(self, height: float) -> Pen:
        """A pen that counts heights from `height` above this one's."""
        return Pen(self.canvas, self.x, self.y, self.turn, self.zoom, self.base + height * self.zoom)

    def units(self, points: Ring) -> NDArray[np.float64]:
        """Own coordinates to units of the canvas: float64[n, 2]."""
        angle = np.deg2rad(self.turn)
        cos, sin = np.cos(angle) * self.zoom, np.sin(angle) * self.zoom
        turned: NDArray[np.float64] = np.asarray(points, np.float64) @ np.array([[cos, sin], [-sin, cos]])
        turned += (self.x, self.y)
        return turned

    def record(self, kind: str, thing: str, ring: Ring) -> None:
        """Remember for the truth file that a thing of a kind is here."""
        corners = tuple((float(x), float(y)) for x, y in self.units(ring))
        self.canvas.records.append(Record(kind, thing, corners))

    def record_box(
        self, kind: str, thing: str, width: float, height: float, x: float = 0.0, y: float = 0.0
    ) -> None:
        """Remember a thing that fills a rectangle around (x, y)."""
        self.record(kind, thing, box_ring(x, y, width, height))

    def region(self, rings: Sequence[Ring], width: float | None = None) -> Region | None:
        """The pixels inside rings, or (where `width` is given) within open lines of that width."""
        pixels = [self.units(ring) * self.canvas.density for ring in rings]
        reach = 0.0 if width is None else width * self.zoom * self.canvas.density
        every = np.concatenate(pixels)
        box = self.canvas.box(every.min(0) - reach / 2, every.max(0) + reach / 2)
        if box is None:
            return None
        rows, columns = box
        sheet = Image.new("L", (columns.stop - columns.start, rows.stop - rows.start))
        draw = ImageDraw.Draw(sheet)
        for ring in pixels:
            points = [(float(x), float(y)) for x, y in ring - (columns.start, rows.start)]
            if width is None:
                draw.polygon(points, fill=1)
            else:
                draw.line(
                    points, fill=1, width=max(1, round(reach)), joint="curve" if len(points) > 2 else None
                )
        return Region(rows, columns, np.asarray(sheet).view(np.bool_))

    def grid(self, region: Region) -> tuple[Floats, Floats]:
        """Own coordinates (u, v) of every pixel of a region's box: float32[h, w] each."""
        step = 1.0 / self.canvas.density
        x = (np.arange(region.columns.start, region.columns.stop, dtype=np.float32) + 0.5) * step - self.x
        y = (np.arange(region.rows.start, region.rows.stop, dtype=np.float32) + 0.5) * step - self.y
        angle = np.deg2rad(self.turn)
        cos, sin = np.float32(np.cos(angle) / self.zoom), np.float32(np.sin(angle) / self.zoom)
        u = (x * cos)[None, :] + (y * sin)[:, None]
        v = (y * cos)[:, None] - (x * sin)[None, :]
        return u.astype(np.float32), v.astype(np.float32)

    def polygon(
        self, ring: Ring, colour: Paint | None, relief: float | None = None, **how: Unpack[How]
    ) -> None:
        """Fill one ring."""
        self.polygons([ring], colour, relief, **how)

    def polygons(
        self, rings: Sequence[Ring], colour: Paint | None, relief: float | None = None, **how: Unpack[How]
    ) -> None:
        """Fill several rings alike."""
        if rings:
            self.canvas.paint(self.region(rings), colour, self._raised(relief), **how)

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        colour: Paint | None,
        relief: float | None = None,
        **how: Unpack[How],
    ) -> None:
        """Fill a rectangle around (x, y); an upright one needs no drawing of its outline."""
        ring = box_ring(x, y, width, height)
        if self.turn % 90.0:
            self.polygon(ring, colour, relief, **how)
            return
        corners = np.round(self.units(ring) * self.canvas.density)
        low = corners.min(0)
        box = self.canvas.box(low, np.maximum(corners.max(0) - 1, low))
        if box is not None:
            rows, columns = box
            whole = np.ones((rows.stop - rows.start, columns.stop - columns.start), np.bool_)
            self.canvas.paint(Region(rows, columns, whole), colour, self._raised(relief), **how)

    def disc(
        self,
        x: float,
        y: float,
        radius: float,
        colour: Paint | None,
        relief: float | None = None,
        **how: Unpack[How],
    ) -> None:
        """Fill a circle around (x, y)."""
        self.polygon(oval_ring(x, y, radius, radius), colour, relief, **how)

    def line(
        self,
        points: Ring,
        width: float,
        colour: Paint | None,
        relief: float | None = None,
        **how: Unpack[How],
    ) -> None:
        """Draw an open line."""
        self.lines([points], width, colour, relief, **how)

    def lines(
        self,
        lines: Sequence[Ring],
        width: float,
        colour: Paint | None,
        relief: float | None = None,
        **how: Unpack[How],
    ) -> None:
        """Draw several open lines alike."""
        if lines:
            self.canvas.paint(self.region(lines, width), colour, self._raised(relief), **how)

    def _raised(self, relief: float | None) -> float | None:
        return None if relief is None else float(relief * self.zoom + self.base)


def toned(colour: Colour, factor: float) -> Colour:
    """A colour made darker or lighter."""
    r, g, b = (min(255.0, factor * band) for band in colour)
    return r, g, b


def box_ring(x: float, y: float, width: float, height: float) -> list[Point]:
    """Corners of a rectangle around (x, y)."""
    w, h = width / 2, height / 2
    return [(x - w, y - h), (x + w, y - h), (x + w, y + h), (x - w, y + h)]


def oval_ring(x: float, y: float, a: float, b: float, power: float = 2.0) -> list[Point]:
    """Points of a (super)ellipse around (x, y) with half axes a and b."""
    angles = np.linspace(0, 2 * np.pi, int(np.clip(4 * np.sqrt(max(a, b)) + 6, 10, 96)), endpoint=False)
    cos, sin = np.cos(angles), np.sin(angles)
    xs = x + a * np.sign(cos) * np.abs(cos) ** (2 / power)
    ys = y + b * np.sign(sin) * np.abs(sin) ** (2 / power)
    return [(float(u), float(v)) for u, v in zip(xs, ys, strict=True)]


def curve(points: Ring, step: float = 6.0) -> list[Point]:
    """A smooth line through the points (Catmull-Rom), a point about every `step` units."""
    knots = np.asarray(points, np.float64)
    knots = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    line: list[Point] = []
    for a, b, c, d in zip(knots, knots[1:], knots[2:], knots[3:], strict=False):
        for t in np.arange(0, 1, step / max(step, float(np.hypot(*(c - b))))):
            p = 0.5 * (
                2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
            )
            line.append((float(p[0]), float(p[1])))
    line.append((float(knots[-2][0]), float(knots[-2][1])))
    return line


def along(points: Ring, start: float, step: float) -> list[tuple[float, float, float]]:
    """Stations (x, y, heading in degrees) on a line, the first `start` units from its beginning."""
    path = np.asarray(points, np.float64)
    leg = np.diff(path, axis=0)
    length = np.hypot(leg[:, 0], leg[:, 1])
    reached = np.concatenate([[0.0], np.cumsum(length)])
    stations = []
    for s in np.arange(start, reached[-1], step):
        i = min(int(np.searchsorted(reached, s, "right")) - 1, len(leg) - 1)
        x, y = path[i] + leg[i] * (s - reached[i]) / length[i]
        stations.append((float(x), float(y), float(np.degrees(np.arctan2(leg[i, 1], leg[i, 0])))))
    return stations
