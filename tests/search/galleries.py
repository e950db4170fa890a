"""Small galleries, and the slow and obvious search that the fast one is compared with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from swath.search import MemoryGallery
from swath.types import Array, Footprint, Tile, Window


def ids_of(n: int, seed: int = 0) -> list[str]:
    """Ids in an order that has nothing to do with the rows."""
    return [f"{number:032x}" for number in np.random.default_rng(seed).permutation(n * 7)[:n].tolist()]


def vectors_of(n: int, dim: int, seed: int = 0, kind: str = "unit") -> NDArray[np.float16]:
    """`coarse` has few distinct values, so that scores tie; `wild` uses the whole range of float16."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, dim))
    if kind == "unit":
        x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)
    elif kind == "coarse":
        x = rng.integers(-1, 2, size=(n, dim)) / 4
    elif kind == "wild":
        x *= 2.0 ** rng.integers(-24, 12, size=(n, dim))
    return x.astype(np.float16)


def obvious(
    vectors: NDArray[np.float16], ids: Array, query: NDArray[np.float32], k: int, allowed: Sequence[int]
) -> list[tuple[int, float]]:
    """(row, score) of the k best, one row at a time."""

    def score(row: int) -> float:
        products = [float(x) * float(q) for x, q in zip(vectors[row], query, strict=True)]
        return float(np.float32(math.fsum(products)))

    scored = [(row, score(row)) for row in allowed]
    return sorted(scored, key=lambda pair: (-pair[1], bytes(ids[pair[0]])))[:k]


def box(west: float, south: float, east: float, north: float) -> Footprint:
    return Footprint(((west, north), (east, north), (east, south), (west, south)))


def places() -> MemoryGallery:
    """Six tiles with attributes of every kind, some of them missing."""
    names = ["aa0", "aa1", "ab2", "b33", "b34", "c55"]
    rows: list[tuple[Footprint | None, datetime | None, dict[str, str | int | float | bool]]] = [
        (box(0, 0, 1, 1), datetime(2021, 6, 30, 12, tzinfo=UTC), {"cloud": 5, "zone": "32", "night": True}),
        (box(1, 1, 2, 2), datetime(2021, 7, 1, tzinfo=UTC), {"cloud": 20.5, "zone": "33", "night": False}),
        (box(179, -10, -179, -9), datetime(2022, 1, 1, tzinfo=UTC), {"cloud": 0, "zone": "true"}),
        (box(178, -10, 180, -9), None, {"zone": "San José", "eo:gsd": 0.5}),
        (Footprint(((10.0, 50.0),)), datetime(1969, 12, 31, tzinfo=UTC), {"cloud": 100, "night": True}),
        (None, None, {}),
    ]
    tiles = [
        Tile(name, f"scenes/{name}.tif", Window(0, 0, 256, 128 + i), footprint, when, attributes)
        for i, (name, (footprint, when, attributes)) in enumerate(zip(names, rows, strict=True))
    ]
    return MemoryGallery(names, {"dense": vectors_of(6, 32)}, tiles)
