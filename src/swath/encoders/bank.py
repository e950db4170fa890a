"""A bank of queries: training captions and pictures, which tell what is near to everything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.encoders.hashing import Modality
from swath.encoders.heads import Head
from swath.errors import EncoderError

KIND = "bank"
FILE = "bank.npz"


@dataclass(frozen=True, eq=False)
class Bank:
    """Embeddings of queries, unit rows."""

    text: NDArray[np.float32]
    """float32[m, D]: what is asked of pictures."""
    image: NDArray[np.float32]
    """float32[m, D]: what is asked of texts."""
    digest: str
    """Of the file that it was read from."""

    def of(self, modality: Modality) -> NDArray[np.float32]:
        """The queries of one modality."""
        return self.text if modality == "text" else self.image


def read_bank(head: Head) -> Bank:
    """Read a head of kind `bank`. Raises `EncoderError` where it is damaged."""
    path = head.file(FILE)
    try:
        with np.load(path) as file:
            text, image = (_unit(file[name]) for name in ("text", "image"))
    except (OSError, ValueError, KeyError) as error:
        raise EncoderError(f"{path} is not a query bank ({error}): copy the head's folder again") from error
    return Bank(text, image, head.card.files[FILE])


def write_bank(folder: Path, text: NDArray[np.int8], image: NDArray[np.int8]) -> None:
    """Write rows int8[m, D], each standing for its direction."""
    np.savez(folder / FILE, text=text, image=image)


def _unit(rows: NDArray[Any]) -> NDArray[np.float32]:
    values = rows.astype(np.float32)
    unit: NDArray[np.float32] = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    return unit
