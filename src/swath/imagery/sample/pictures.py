"""Single pictures of places with captions, for training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .canvas import Canvas, Pen
from .light import Sensor, Sun, exposed, lit
from .vignettes import VIGNETTES, Vignette

SIDE = 224
_SUNS = ((1, 2), (-1, 2), (2, 1), (-2, 1), (0, 2), (1, 1), (-1, 1), (2, 2), (1, -2), (2, -1))


class Chip(NamedTuple):
    """One rendered picture."""

    pixels: NDArray[np.uint8]
    """uint8[224, 224, 3], RGB."""
    kind: str
    captions: tuple[str, ...]


def chips(n: int, seed: int = 0) -> Iterator[Chip]:
    """Render n independent pictures; the i-th depends on the seed and i alone, and kinds take turns."""
    for i in range(n):
        vignette = VIGNETTES[i % len(VIGNETTES)]
        yield Chip(chip(vignette, np.random.default_rng([seed, i])), vignette.kind, vignette.captions)


def chip(vignette: Vignette, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Render one place at a random scale, direction, light and haze: uint8[224, 224, 3]."""
    side = int(rng.integers(180, 300))
    canvas = Canvas(side, side, rng, density=2 * SIDE / side)
    turn = (
        float(rng.choice([0.0, 90.0, 180.0, 270.0]) + rng.normal(0, 4))
        if rng.random() < 0.5
        else float(rng.uniform(0, 360))
    )
    vignette.draw(Pen(canvas, side / 2, side / 2, turn), side / 2)
    east, south = _SUNS[int(rng.integers(len(_SUNS)))]
    sun = Sun(
        east,
        south,
        float(rng.uniform(34, 62)),
        (0.34, 0.38, 0.45) if rng.random() < 0.6 else (0.24, 0.27, 0.33),
    )
    gain = rng.normal(1.0, 0.07) * rng.normal(1.0, 0.02, 3)
    sensor = Sensor(
        haze=float(rng.uniform(0, 0.2)),
        blur=float(rng.uniform(0.3, 1.0)),
        grain=float(rng.uniform(1, 5)),
        gain=(float(gain[0]), float(gain[1]), float(gain[2])),
        gamma=float(rng.uniform(0.85, 1.35)),
    )
    everything = (slice(0, canvas.shape[0]), slice(0, canvas.shape[1]))
    return exposed(lit(canvas, *everything, sun, rng), (SIDE, SIDE), sensor, rng)
