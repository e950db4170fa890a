"""The bare ground: grass and soil, the sea with its beach and surf, rivers with sand banks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from .canvas import Canvas, Colour, Ring
from .noise import Floats, patch, resized, smooth


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of a landscape."""

    grass: Colour = (84, 98, 58)
    meadow: Colour = (116, 122, 76)
    dry: Colour = (150, 138, 100)
    sand: Colour = (222, 203, 164)
    wet_sand: Colour = (160, 140, 110)
    shallow: Colour = (92, 158, 152)
    sea: Colour = (24, 66, 88)
    river: Colour = (92, 108, 86)
    channel: Colour = (62, 84, 76)


@dataclass(frozen=True, slots=True)
class Water:
    """Where the water lies, in units of the canvas."""

    sea: Sequence[Ring] = ()
    rivers: Sequence[tuple[Ring, float]] = ()
    """Centre lines and widths."""
    calm: Sequence[Ring] = ()
    """Deep water without surf, such as a harbour basin."""
    surf: float = 1.0
    """Strength of the breakers."""
    banks: float = 1.0
    """How readily a river shows sand."""


def mixed(a: Colour, b: Colour, share: Floats) -> Floats:
    """Blend a to b by a plane of shares: float32[3, h, w]."""
    start, change = np.asarray(a, np.float32), np.subtract(b, a).astype(np.float32)
    blend: Floats = start[:, None, None] + change[:, None, None] * share
    return blend


@dataclass(slots=True)
class _Layers:
    """Planes of the ground, a cell per unit, or views of a part of them."""

    colour: Floats
    """float32[3, h, w]"""
    relief: Floats
    land: NDArray[np.bool_]
    """Where plants may grow."""
    fresh: Floats
    """Share of river water."""
    ragged: Floats
    """What makes edges uneven."""

    def part(self, rows: slice, columns: slice) -> _Layers:
        return _Layers(*(getattr(self, name)[..., rows, columns] for name in self.__slots__))


def _soft(canvas: Canvas, shapes: Sequence[tuple[Ring, float | None]], blur: float) -> Floats:
    """How much of the shapes (rings, or lines of a width) is around: 0 to 1, 0.5 at an edge."""
    pad = int(blur * 2) + 8
    sheet = Image.new("L", (canvas.width // 2 + 2 * pad, canvas.height // 2 + 2 * pad))
    draw = ImageDraw.Draw(sheet)
    for ring, width in shapes:
        points = [(x / 2 + pad, y / 2 + pad) for x, y in ring]
        if width is None:
            draw.polygon(points, fill=255)
        else:
            draw.line(points, fill=255, width=round(width / 2), joint="curve")
    sheet = sheet.filter(ImageFilter.GaussianBlur(blur / 2))
    sheet = sheet.crop((pad, pad, sheet.width - pad, sheet.height - pad))
    return resized(np.asarray(sheet, np.float32) / np.float32(255), canvas.height, canvas.width)


def _extent(field: Floats, least: float) -> tuple[slice, slice] | None:
    """The box outside which a field stays below `least`."""
    rows, columns = np.flatnonzero(field.max(1) > least), np.flatnonzero(field.max(0) > least)
    if not len(rows):
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _lay(onto: Floats, colour: Floats | Colour, share: Floats) -> None:
    """Cover float32[3, h, w] with a colour by a plane of shares, in place."""
    for band, paint in zip(onto, colour, strict=True):
        band += (np.asarray(paint, np.float32) - band) * share


def ground(canvas: Canvas, water: Water, palette: Palette | None = None) -> None:
    """Cover the whole canvas with land and water, and mark where plants may grow."""
    colours = palette or Palette()
    rng, height, width = canvas.rng, canvas.height, canvas.width
    drift = patch(rng, "cloud", height, width, 1.6)
    blotch = patch(rng, "rough", height, width, 1.3)
    picture = mixed(colours.grass, colours.meadow, smooth(-1.2, 1.2, drift + np.float32(0.35) * blotch))
    dryness = smooth(0.3, 1.9, patch(rng, "cloud", height, width, 1.1) + np.float32(0.3) * blotch)
    _lay(picture, colours.dry, dryness)
    picture *= 1.0 + 0.05 * blotch + 0.035 * patch(rng, "fine", height, width)
    ragged = np.float32(0.6) * patch(rng, "cloud", height, width, 0.25) + np.float32(0.4) * blotch
    whole = _Layers(picture, 0.15 * blotch, np.ones((height, width), np.bool_), np.zeros_like(drift), ragged)
    if water.rivers:
        _river(canvas, water, colours, whole)
    if water.sea:
        _sea(canvas, water, colours, whole)
    size = (canvas.shape[1], canvas.shape[0])
    pixels = np.stack([np.clip(band, 0, 255).astype(np.uint8) for band in picture], axis=2)
    enlarged = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)
    canvas.albedo[:] = np.asarray(enlarged)
    canvas.relief[:] = resized(whole.relief, *canvas.shape)
    canvas.free[:] = np.asarray(Image.fromarray(whole.land).resize(size, Image.Resampling.NEAREST))


def _river(canvas: Canvas, water: Water, colours: Palette, whole: _Layers) -> None:
    edge = _soft(canvas, water.rivers, 16.0)
    box = _extent(edge, 0.01)
    if box is None:
        return
    here, rng = whole.part(*box), canvas.rng
    edge = edge[box] + np.float32(0.03) * here.ragged
    height, width = edge.shape
    bank = np.clip(patch(rng, "cloud", height, width, 0.45), -0.3, 2.0)
    reach = np.clip(0.40 - 0.16 * water.banks * bank, 0.06, 0.5).astype(np.float32)
    sandy = smooth(-0.02, 0.05, edge - reach) * np.float32(water.banks > 0)
    _lay(here.colour, (58, 74, 42), np.float32(0.55) * smooth(0.05, 0.35, edge))
    sand = mixed((196, 180, 142), (150, 134, 104), smooth(0.2, 0.48, edge))
    sand *= 1.0 + 0.05 * here.ragged
    _lay(here.colour, sand, sandy)
    wet = smooth(0.475, 0.525, edge)
    streak = patch(rng, "cloud", height, width, 0.5, 2.0)
    flow = mixed(
        colours.river, colours.channel, np.clip(smooth(0.5, 0.92, edge) + np.float32(0.12) * streak, 0, 1)
    )
    _lay(here.colour, flow, wet)
    ripples = 0.09 * patch(rng, "rough", height, width, 0.8, 1.6)
    here.relief[:] = here.relief * (1 - wet) + (ripples - np.float32(0.35)) * wet
    here.land &= (edge < 0.42) & (sandy < 0.4)
    here.fresh[:] = wet


def _sea(canvas: Canvas, water: Water, colours: Palette, whole: _Layers) -> None:
    sea: list[tuple[Ring, float | None]] = [(ring, None) for ring in water.sea]
    edge = _soft(canvas, sea, 34.0)
    box = _extent(edge, 0.005)
    if box is None:
        return
    here, rng = whole.part(*box), canvas.rng
    wide = _soft(canvas, sea, 110.0)[box] + np.float32(0.03) * here.ragged
    depth = smooth(0.45, 0.98, wide)
    calm = _soft(canvas, [(ring, None) for ring in water.calm], 20.0)[box]
    depth = np.maximum(depth, np.float32(0.85) * smooth(0.2, 0.9, calm))
    edge = edge[box] + np.float32(0.018) * here.ragged
    height, width = edge.shape
    plume = smooth(0.05, 0.42, _soft(canvas, water.rivers, 70.0)[box] + np.float32(0.02) * here.ragged)
    dunes = smooth(0.03, 0.12, edge + np.float32(0.05) * patch(rng, "rough", height, width, 1.2))
    dunes *= 1 - here.fresh
    lacy = patch(rng, "rough", height, width, 0.7)
    sand = mixed(colours.sand, colours.wet_sand, smooth(0.40, 0.49, edge))
    sand *= 1.0 + 0.03 * lacy
    _lay(here.colour, sand, dunes)
    wet = smooth(0.485, 0.515, edge)
    swell = np.sin(edge * np.float32(95) + np.float32(2.2) * patch(rng, "cloud", height, width, 0.5))
    swell *= 1 - depth
    blue = mixed(colours.shallow, colours.sea, np.clip(depth + np.float32(0.05) * lacy, 0, 1))
    blue *= 1.0 + 0.03 * swell + 0.03 * lacy
    _lay(here.colour, blue, wet * (1 - plume))
    surf = (
        _surf(edge, here.ragged)
        * np.float32(water.surf)
        * (1 - smooth(0.1, 0.6, calm))
        * (1 - 0.8 * here.fresh)
    )
    foam = smooth(0.15, 0.95, surf * (0.75 + 0.42 * lacy)) * smooth(0.47, 0.51, edge)
    _lay(here.colour, (240, 243, 240), np.float32(0.92) * foam)
    waves = 0.13 * patch(rng, "rough", height, width, 0.7, 1.5) + 0.25 * foam + 0.12 * swell
    here.relief[:] = here.relief * (1 - wet) + waves * wet + 0.5 * dunes * (1 - wet) * smooth(0.45, 0.2, edge)
    here.land &= (edge < 0.30) & (dunes < 0.5)


def _surf(edge: Floats, ragged: Floats) -> Floats:
    """Strength of the white water: lines of breakers, each with its trail towards the beach."""
    surf = np.zeros_like(edge)
    bars = ((0.51, 0.016, 1.3), (0.585, 0.022, 1.0), (0.68, 0.020, 0.7), (0.77, 0.012, 0.35))
    for place, breadth, strength in bars:
        breaker = np.exp(
            -(((edge + np.float32(0.016) * ragged - np.float32(place)) / np.float32(breadth)) ** 2)
        )
        trail = (
            np.exp(-np.clip((place - edge) / np.float32(3.5 * breadth), 0, 9)) * (edge < place) * (edge > 0.5)
        )
        surf = np.maximum(surf, np.maximum(breaker, np.float32(0.55) * trail) * np.float32(strength))
    return surf
