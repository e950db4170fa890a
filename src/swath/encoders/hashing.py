"""The hash heads of CFITR as they run in a search, in NumPy (training: `swath.models.cfitr.Hasher`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from swath.encoders.heads import Head
from swath.errors import EncoderError

KIND = "cfitr"
FILE = "hash.npz"
Modality: TypeAlias = Literal["image", "text"]
_ROWS = 4096


@dataclass(frozen=True, eq=False)
class Side:
    """One modality: h = tanh(R (x - mean) + W2 relu(W1 (x - mean) + b1) + b2)."""

    mean: NDArray[np.float64]
    """float64[D]"""
    rotation: NDArray[np.float64]
    """float64[bits, D], all widths one after another."""
    inner: NDArray[np.float64]
    """float64[hidden, D], with the batch normalisation folded in."""
    inner_bias: NDArray[np.float64]
    outer: NDArray[np.float64]
    """float64[bits, hidden]"""
    outer_bias: NDArray[np.float64]

    def relaxed(self, vectors: NDArray[Any], part: slice) -> NDArray[np.float32]:
        """Bits `part` of float[n, D], float32[n, bits] in (-1, 1).

        In float64, so that no rounding that depends on the batch reaches a sign.
        """
        x = vectors.astype(np.float64) - self.mean
        hidden = np.maximum(x @ self.inner.T + self.inner_bias, 0)
        sums = x @ self.rotation[part].T + hidden @ self.outer[part].T + self.outer_bias[part]
        return np.tanh(sums).astype(np.float32)


@dataclass(frozen=True, eq=False)
class HashHead:
    """Both modalities and all widths of the codes."""

    widths: tuple[int, ...]
    image: Side
    text: Side
    digest: str
    """Of the file that it was read from."""

    def relaxed(self, vectors: NDArray[Any], modality: Modality, bits: int) -> NDArray[np.float32]:
        """float[n, D] -> float32[n, bits] in (-1, 1). Raises `EncoderError` for another D."""
        side = self.image if modality == "image" else self.text
        if vectors.shape[1] != len(side.mean):
            raise EncoderError(
                f"the hash head reads vectors of {len(side.mean)} numbers, not {vectors.shape[1]}: "
                "train it on this encoder (swath train cfitr)"
            )
        start = sum(self.widths[: self.widths.index(bits)])
        part = slice(start, start + bits)
        rows = range(0, len(vectors), _ROWS)
        parts = [side.relaxed(vectors[i : i + _ROWS], part) for i in rows]
        return np.concatenate([np.zeros((0, bits), np.float32), *parts])


def read_hash_head(head: Head) -> HashHead:
    """Read the hash head of a head of kind `cfitr`. Raises `EncoderError` where it is damaged."""
    path = head.file(FILE)
    try:
        with np.load(path) as file:
            content = {name: file[name].astype(np.float64) for name in file.files}
        image, text = (
            Side(**{name: content[f"{modality}.{name}"] for name in Side.__dataclass_fields__})
            for modality in ("image", "text")
        )
        widths = tuple(int(width) for width in head.card.settings["bits"])
    except (OSError, ValueError, KeyError) as error:
        raise EncoderError(f"{path} is not a hash head ({error}): copy the head's folder again") from error
    return HashHead(widths, image, text, head.card.files[FILE])


def write_hash_head(folder: Path, sides: Mapping[str, Mapping[str, NDArray[Any]]]) -> None:
    """Write both sides' arrays, named as in `Side`, as float16 (means as float32)."""
    content = {
        f"{modality}.{name}": values.astype(np.float32 if name == "mean" else np.float16)
        for modality, arrays in sides.items()
        for name, values in arrays.items()
    }
    np.savez(folder / FILE, **content)  # type: ignore[arg-type]
