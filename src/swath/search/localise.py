"""Where in a whole scene the words are: scores of its windows, refined by their tokens, and averaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swath.search.heat import TEMPERATURE
from swath.search.kernels.interaction import guided_weights
from swath.types import Array, Encoder

CELLS = 32
"""Cells of a map along its smallest windows."""
MOST_CELLS = 4096
"""Along the longer side of a map."""
REFINED = 0.3
"""What a token adds to its window, in standard deviations, for each equal share that it has beyond one."""
_EDGE = 0.05
"""What the edge of a window counts where the middle of it counts 1, so that windows show no seams."""


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Encoded windows of one scene."""

    places: Array
    """int[n, 4]: column, row, width, height in pixels of the scene."""
    dense: Array
    """float[n, D]"""
    tokens: Array | None
    """[n, 1 + G*G, d], int8 as stored or float; None: windows are not refined."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A place where a map is hottest."""

    rank: int
    score: float
    column: float
    row: float
    """In pixels of the scene."""


def map_shape(size: tuple[int, int], places: Array) -> tuple[int, int]:
    """Rows and columns of the map of a scene of `size` (width and height) with these windows."""
    cell = max(1.0, float(places[:, 2:].max(1).min()) / CELLS, max(size) / MOST_CELLS)
    return max(1, round(size[1] / cell)), max(1, round(size[0] / cell))


def scene_map(
    windows: Windows, encoder: Encoder, text: str, size: tuple[int, int], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """float32[shape] over a scene of `size` (width and height); NaN where no window lies.

    Windows of each size are compared among themselves: their scores become standard deviations from the mean
    of the scene. Parts of a window gain or lose by the share of the text's attention that their tokens get.
    Where windows overlap their mean counts, most where their middle is.
    """
    asked = encoder.encode_texts([text])
    sums, counts = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    sides = windows.places[:, 2:].max(1)
    for side in np.unique(sides).tolist():
        chosen = np.flatnonzero(sides == side)
        scores = _standard(windows.dense[chosen].astype(np.float32) @ asked.embedding[0])
        cells = scores[:, None, None]
        if windows.tokens is not None and asked.guide is not None:
            tokens = windows.tokens[chosen]
            weights = guided_weights(tokens, asked.guide[0], _temperature(encoder))
            grid = round(weights.shape[1] ** 0.5)
            shares = weights * weights.shape[1]
            cells = cells + REFINED * (shares - 1).reshape(-1, grid, grid)
        _spread(windows.places[chosen], cells, size, sums, counts)
    return np.where(counts > 0, sums / np.maximum(counts, 1e-9), np.float32(np.nan)).astype(np.float32)


def hottest(heat: NDArray[np.float32], size: tuple[int, int], k: int, apart: float) -> list[Spot]:
    """The k hottest places of a map that lie `apart` pixels of the scene from each other, best first."""
    high, wide = size[1] / heat.shape[0], size[0] / heat.shape[1]
    left = np.where(np.isnan(heat), -np.inf, heat)
    rows, columns = np.ogrid[: heat.shape[0], : heat.shape[1]]
    spots: list[Spot] = []
    while len(spots) < k and np.isfinite(left).any():
        row, column = divmod(int(left.argmax()), heat.shape[1])
        score = float(left[row, column])
        spots.append(Spot(len(spots) + 1, score, (column + 0.5) * wide, (row + 0.5) * high))
        near = ((rows - row) * high) ** 2 + ((columns - column) * wide) ** 2 < apart**2
        left[near] = -np.inf
        left[row, column] = -np.inf
    return spots


def _spread(places: Array, cells: Array, size: tuple[int, int], sums: Array, counts: Array) -> None:
    from PIL import Image

    high, wide = sums.shape[0] / size[1], sums.shape[1] / size[0]
    for (column, row, width, height), values in zip(places.tolist(), cells, strict=True):
        top, left = round(row * high), round(column * wide)
        bottom = max(top + 1, round((row + height) * high))
        right = max(left + 1, round((column + width) * wide))
        part = np.s_[top:bottom, left:right]
        rows, columns = sums[part].shape
        if not rows or not columns:
            continue
        small = Image.fromarray(np.ascontiguousarray(values, np.float32))
        fine = np.asarray(small.resize((columns, rows), Image.Resampling.BILINEAR))
        share = np.outer(_taper(rows), _taper(columns))
        sums[part] += share * fine
        counts[part] += share


def _taper(length: int) -> NDArray[np.float32]:
    """1 in the middle, `_EDGE` at both ends."""
    ends = np.abs((np.arange(length) + 0.5) / length * 2 - 1)
    return (1 - ends * (1 - _EDGE)).astype(np.float32)


def _standard(values: Array) -> NDArray[np.float32]:
    spread = float(values.std()) if values.size else 0.0
    middle = values - values.mean() if values.size else values
    return np.asarray(middle / spread if spread > 0 else np.zeros_like(values), np.float32)


def _temperature(encoder: Encoder) -> float:
    preset = (getattr(encoder, "presets", None) or {}).get("ftf", {})
    return float(preset.get("temperature", TEMPERATURE))


def joined(parts: Sequence[Windows]) -> Windows:
    """Windows of several sizes as one. Tokens only where all have them."""
    tokens = [part.tokens for part in parts if part.tokens is not None]
    return Windows(
        np.concatenate([part.places for part in parts]),
        np.concatenate([part.dense for part in parts]),
        np.concatenate(tokens) if len(tokens) == len(parts) else None,
    )
