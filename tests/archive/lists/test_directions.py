"""The directions along which a search reads first."""

from __future__ import annotations

import numpy as np

from swath.archive.lists import directions_of
from swath.archive.lists.build import leading_of

DIM = 128
LEADING = leading_of(DIM)


def rows(axes: slice, count: int, seed: int, scale: float = 1.0) -> np.ndarray[tuple[int, int], np.dtype]:
    """float32[count, DIM], all of it along some of the axes."""
    made = np.zeros((count, DIM), np.float32)
    width = axes.stop - axes.start
    made[:, axes] = scale * np.random.default_rng(seed).normal(size=(count, width))
    return made


def shares(directions: np.ndarray[tuple[int, int], np.dtype]) -> tuple[float, float]:
    """Of the first and of the second half of the axes: how much of each lies in the leading directions."""
    along = (directions[:LEADING] ** 2).sum(0)
    return float(along[: DIM // 2].mean()), float(along[DIM // 2 :].mean())


def test_they_are_orthonormal_and_lead_with_what_tiles_hold() -> None:
    tiles = rows(slice(10, 10 + LEADING), 2000, 0).astype(np.float16)
    directions = directions_of(tiles)
    assert np.abs(directions.astype(np.float64) @ directions.T - np.eye(DIM)).max() < 1e-5
    assert np.allclose((directions[:LEADING, 10 : 10 + LEADING] ** 2).sum(), LEADING, atol=1e-4)


def test_queries_have_a_say() -> None:
    """Tiles lie anywhere, a little more along the first axes; what is asked lies along the last ones."""
    tiles = rows(slice(0, DIM), 4000, 1) + rows(slice(0, DIM // 2), 4000, 2)
    asked = rows(slice(DIM - LEADING, DIM), 500, 3, 2.0)
    without, within = shares(directions_of(tiles.astype(np.float16)))
    assert without > 0.45 and within < 0.05
    first, last = shares(directions_of(tiles.astype(np.float16), asked))
    assert first < 0.01 and last > 0.49


def test_the_leading_ones_share_the_energy() -> None:
    """One strong direction would leave few steps of int8 to the others."""
    tiles = rows(slice(0, DIM), 4000, 4)
    tiles[:, 0] *= 30
    energy = ((tiles @ directions_of(tiles.astype(np.float16)).T) ** 2).mean(0)
    assert energy[:LEADING].max() < 0.5 * energy[:LEADING].sum()
