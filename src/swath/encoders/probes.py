"""Fixed texts and pictures that encoders are compared on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TEXTS = (
    "boats in a harbour",
    "many planes are parked near a terminal",
    "a river",
    "some green trees and several buildings are around a playground with a football field in it",
    "a baseball diamond beside a road, seen from above; two cars",
    "dense residential area",
    "It's a storage-tank farm (round, white)!",
    "desert",
)
"""Short and long, with and without punctuation."""


def pictures(count: int, side: int) -> NDArray[np.uint8]:
    """uint8[count, side, side, 3]: coloured blobs of many sizes, the same in every call.

    Noise pixel by pixel would look alike to most models.
    """
    rng = np.random.default_rng(20260101)
    line = np.linspace(0, 1, side, dtype=np.float32)
    made = np.empty((count, side, side, 3), np.uint8)
    for i in range(count):
        field = np.zeros((side, side, 3), np.float32)
        for waves in (1, 2, 5, 11):
            phase, tilt = rng.uniform(0, 2 * np.pi, 3), rng.uniform(-1, 1, (3, 2))
            angle = 2 * np.pi * waves * (line[:, None, None] * tilt[:, 0] + line[None, :, None] * tilt[:, 1])
            field += np.sin(angle + phase).astype(np.float32)
        made[i] = np.clip(127.5 + 50 * field, 0, 255).astype(np.uint8)
    return made
