"""Vectors whose encoder is not here."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from swath.errors import EncoderError
from swath.types import ImageFeatures, TextFeatures

NO_PICTURES = 0
"""The image size of an encoder that takes no pictures."""


class Space:
    """Stands for the encoder of imported vectors: tiles can be examples, words and pictures cannot be asked.

    Spaces of one name and dimension are the same.
    """

    image_size = NO_PICTURES
    folder: Path | None = None

    def __init__(self, name: str, dim: int) -> None:
        self.name = name
        self.dim = dim
        self.revision = hashlib.sha256(f"space {dim} {name}".encode()).hexdigest()

    def __repr__(self) -> str:
        return f"Space({self.name!r}, {self.dim})"

    def encode_images(self, batch: NDArray[np.uint8]) -> ImageFeatures:
        """Nothing for nothing. Raises `EncoderError` for pictures."""
        if len(batch):
            raise self._absent("pictures")
        return ImageFeatures(np.zeros((0, self.dim), np.float32))

    def encode_texts(self, texts: Sequence[str]) -> TextFeatures:
        """Nothing for nothing. Raises `EncoderError` for words."""
        if texts:
            raise self._absent("words")
        return TextFeatures(np.zeros((0, self.dim), np.float32))

    def _absent(self, what: str) -> EncoderError:
        return EncoderError(
            f"these vectors ({self.name}, {self.dim} numbers) were imported without an encoder, so tiles can "
            f"be examples (--like ID) and {what} cannot be asked: name the encoder that made them "
            "(--encoder E)"
        )
