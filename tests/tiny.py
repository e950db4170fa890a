"""A tiny encoder for tests: colours and colour words, in one space, in a few lines of NumPy."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from swath.types import ImageFeatures, TextFeatures

COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 200, 30),
    "blue": (30, 30, 220),
    "yellow": (220, 220, 30),
    "white": (245, 245, 245),
    "black": (8, 8, 8),
    "grey": (128, 128, 128),
}


def _unit(x: NDArray[np.float64]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)
    return unit


class TinyEncoder:
    """Mean colours on a 2 x 2 grid, projected to `dim`; a colour word is a flat picture of that colour."""

    name = "tiny"
    image_size = 32
    dim = 32
    folder: Path | None = None

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.revision = hashlib.sha256(f"tiny{seed}".encode()).hexdigest()
        self._dense = rng.normal(size=(13, self.dim))
        self._token = rng.normal(size=(4, 8))
        self.encoded = 0

    def encode_images(self, batch: NDArray[np.uint8]) -> ImageFeatures:
        assert batch.dtype == np.uint8 and batch.shape[1:] == (32, 32, 3), (batch.dtype, batch.shape)
        n = len(batch)
        self.encoded += n
        grid = batch.reshape(n, 2, 16, 2, 16, 3).mean((2, 4), dtype=np.float64).reshape(n, 4, 3) / 127.5 - 1
        ones = np.full((n, 1), 0.1)
        dense = np.concatenate([grid.reshape(n, 12), ones], 1) @ self._dense
        cells = np.concatenate([grid.mean(1, keepdims=True), grid], 1)
        tokens = np.concatenate([cells, np.full((n, 5, 1), 0.1)], 2) @ self._token
        return ImageFeatures(_unit(dense), _unit(tokens))

    def encode_texts(self, texts: Sequence[str]) -> TextFeatures:
        flat = np.zeros((len(texts), 32, 32, 3), np.uint8)
        for i, text in enumerate(texts):
            known = [COLOURS[word] for word in text.lower().split() if word in COLOURS]
            noise = np.frombuffer(
                hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:3], np.uint8
            )
            flat[i] = np.mean(known, 0).astype(np.uint8) if known else noise
        encoded = self.encoded
        features = self.encode_images(flat)
        self.encoded = encoded
        assert features.tokens is not None
        return TextFeatures(features.embedding, features.tokens[:, 0])


def paint(folder: Path, side: int = 64) -> Path:
    """One flat picture for every colour: red.png, green.png, ..."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for name, colour in COLOURS.items():
        Image.new("RGB", (side, side), colour).save(folder / f"{name}.png")
    return folder
