"""From surface colours and heights to a photograph: sun, cast shadows, haze, blur and grain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from .canvas import Canvas
from .noise import Floats, patch, resized


@dataclass(frozen=True, slots=True)
class Sun:
    """Where the light comes from, and how it is seen."""

    east: int = 1
    south: int = 2
    """Direction towards the sun in whole pixels, so that shadows need no interpolation."""
    elevation: float = 48.0
    """Degrees above the horizon."""
    shade: tuple[float, float, float] = (0.36, 0.40, 0.47)
    """What is left of each colour in full shadow."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """How the camera and the air between change the picture."""

    haze: float = 0.05
    blur: float = 0.55
    """Deviation of the blur in pixels of the finished picture."""
    grain: float = 2.2
    """Deviation of the noise in grey levels."""
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gamma: float = 1.0


_REACH = 128
"""Steps to look towards the sun for something that casts a shadow."""


def _shifted(field: Floats, east: int, south: int) -> Floats:
    """`field` read at (x + east, y + south); beyond the edge the edge itself."""
    rows = np.clip(np.arange(field.shape[0]) + south, 0, field.shape[0] - 1)
    columns = np.clip(np.arange(field.shape[1]) + east, 0, field.shape[1] - 1)
    return field.take(rows, axis=0).take(columns, axis=1)


def _horizon(relief: Floats, sun: Sun, density: float) -> Floats:
    """Height below which each pixel is in shadow; doubles its reach with every step."""
    fall = np.tan(np.radians(sun.elevation)) / density
    horizon = relief.copy()
    for east, south in {(sun.east // 2, sun.south // 2), ((sun.east + 1) // 2, (sun.south + 1) // 2)} - {
        (0, 0)
    }:
        np.maximum(
            horizon, _shifted(relief, east, south) - np.float32(fall * np.hypot(east, south)), out=horizon
        )
    steps = 1
    length = float(np.hypot(sun.east, sun.south))
    while steps * length < _REACH:
        seen = _shifted(horizon, sun.east * steps, sun.south * steps)
        seen -= np.float32(fall * length * steps)
        np.maximum(horizon, seen, out=horizon)
        steps *= 2
    return horizon


def lit(canvas: Canvas, rows: slice, columns: slice, sun: Sun, rng: np.random.Generator) -> Floats:
    """Sunlit colours of a part of the canvas: float32[3, h, w], 0 to 255 and beyond."""
    margin = _REACH + 16
    top, left = max(0, rows.start - margin), max(0, columns.start - margin)
    relief = canvas.relief[top : rows.stop + margin, left : columns.stop + margin]
    inner = (slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
    shadow = np.clip((_horizon(relief, sun, canvas.density) - relief)[inner] * 1.6, 0.0, 1.0)
    height, width = relief.shape
    around = resized(resized(relief, max(1, height // 14), max(1, width // 14)), height, width)
    hollow = np.exp(-0.045 * np.clip(around - relief, 0.0, 12.0))[inner]
    down = np.clip((np.roll(relief, -1, 0) - np.roll(relief, 1, 0))[inner] * (canvas.density / 2), -1.3, 1.3)
    right = np.clip((np.roll(relief, -1, 1) - np.roll(relief, 1, 1))[inner] * (canvas.density / 2), -1.3, 1.3)
    flat = 1.0 / np.tan(np.radians(sun.elevation)) / np.hypot(sun.east, sun.south)
    slope = (1.0 - (right * sun.east + down * sun.south) * flat) / np.sqrt(1.0 + right**2 + down**2)
    direct = (np.clip(slope, 0.0, 1.55) * (1.0 - shadow)).astype(np.float32)
    speckle = 1.0 + np.float32(0.022) * patch(rng, "fine", *direct.shape)
    hollow, direct = hollow * speckle, direct * speckle
    bands = np.moveaxis(canvas.albedo[rows, columns], 2, 0)
    light = (np.float32(shade) * hollow + np.float32(1.0 - shade) * direct for shade in sun.shade)
    return np.stack([band * glow for band, glow in zip(bands, light, strict=True)])


def exposed(
    colour: Floats, size: tuple[int, int], sensor: Sensor, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Reduce lit colours to a photograph of `size` (width, height): uint8[height, width, 3]."""
    pixels = np.stack([np.clip(band, 0, 255).astype(np.uint8) for band in colour], axis=2)
    picture = Image.fromarray(pixels)
    factor = colour.shape[2] / size[0]
    picture = picture.filter(ImageFilter.GaussianBlur(sensor.blur * factor))
    picture = picture.resize(size, Image.Resampling.BOX)
    values = np.asarray(picture, np.float32)
    values = 255.0 * (values / 255.0) ** sensor.gamma if sensor.gamma != 1.0 else values
    values = values * np.asarray(sensor.gain, np.float32) * (1.0 - sensor.haze)
    values = values + np.asarray((186.0, 200.0, 212.0), np.float32) * sensor.haze
    grain = sensor.grain * patch(rng, "fine", size[1], size[0])[..., None]
    grain = grain + 0.5 * sensor.grain * rng.standard_normal((size[1], size[0], 3), np.float32)
    return np.clip(values + grain + 0.5, 0, 255).astype(np.uint8)
