"""Building takes little memory beside the arrays that it fills, which are mapped files."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np

from swath.archive.lists import BUDGET, Plan, build
from swath.encoders import Terms
from swath.types import Array

TILES, DIM, WORDS = 30_000, 64, 300


def test_memory_is_bounded(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    dense = np.memmap(tmp_path / "dense", np.float16, "w+", shape=(TILES, DIM))
    for start in range(0, TILES, 1000):
        rows = rng.normal(size=(1000, DIM))
        dense[start : start + 1000] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    terms = Terms(
        words=tuple(f"word{number}" for number in range(WORDS)),
        project=np.eye(DIM, dtype=np.float32),
        scale=np.ones(DIM, np.float32),
        shift=np.zeros(DIM, np.float32),
        embeddings=rng.normal(size=(WORDS, DIM)).astype(np.float32),
        bias=np.zeros(WORDS, np.float32),
        image_terms=16,
    )

    def mapped(name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        return np.memmap(tmp_path / name, dtype, "w+", shape=shape)

    tracemalloc.start()
    try:
        lists = build(dense, Plan(300), terms=terms, allocate=mapped)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    filled = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert lists.postings is not None and len(lists.postings.places) > 10 * TILES
    # What is held grows with lists and blocks, far more slowly than the tiles do.
    assert peak < BUDGET / 8, f"{peak:,} bytes beside {filled:,} mapped"
