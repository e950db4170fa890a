"""What an encoder gives for a captioned set, as an archive would store it; computed once, kept on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.archive import quantise
from swath.captions import CaptionedSet
from swath.encoders import LoadedEncoder, user_folder
from swath.errors import EncoderError
from swath.imagery import fit, open_picture
from swath.training.data import Corpus
from swath.types import Encoder, Progress

BLOCK = 32


@dataclass(frozen=True)
class StoredImages:
    """n pictures."""

    embedding: NDArray[np.float16]
    """float16[n, D]"""
    tokens: NDArray[np.int8]
    """int8[n, 1 + G * G, d]"""


@dataclass(frozen=True)
class StoredTexts:
    """t texts."""

    embedding: NDArray[np.float32]
    """float32[t, D]"""
    guide: NDArray[np.float32]
    """float32[t, d]"""
    words: NDArray[np.float16]
    """float16[t, L, w]"""
    lengths: NDArray[np.int64]
    """int64[t]: how many of the L places hold a word piece."""


def stored_images(
    encoder: LoadedEncoder, data: CaptionedSet, progress: Progress | None = None
) -> StoredImages:
    """Embeddings and tokens of every image of a set, in its order; kept by encoder and images.

    Raises `EncoderError` where the encoder gives no tokens, `ImageryError` where a picture cannot be decoded.
    """
    if not encoder.card.grid:
        raise EncoderError(f"encoder {encoder.name} gives no tokens: such heads cannot be trained on it")
    names = "\n".join(image.name for image in data.images)
    key = f"{encoder.revision}\n{data.name}\n{data.split_hash}\n{names}"

    def compute() -> dict[str, NDArray[Any]]:
        embeddings, tokens = [], []
        for start in range(0, len(data.images), BLOCK):
            some = data.images[start : start + BLOCK]
            pixels = np.stack([fit(open_picture(image.path), encoder.image_size) for image in some])
            features = encoder.encode_images(pixels)
            assert features.tokens is not None
            embeddings.append(features.embedding.astype(np.float16))
            tokens.append(quantise(features.tokens))
            if progress:
                progress(start + len(some), len(data.images), f"encoding {data.name}:{data.split}")
        return {"embedding": np.concatenate(embeddings), "tokens": np.concatenate(tokens)}

    kept = _kept(image_place(key), compute)
    return StoredImages(kept["embedding"], kept["tokens"])


def stored_texts(encoder: LoadedEncoder, data: Corpus, progress: Progress | None = None) -> StoredTexts:
    """Embeddings, guides and word vectors of the distinct texts of a corpus; kept by encoder and texts.

    Raises `EncoderError` where the encoder gives no word vectors or guides.
    """
    if not (encoder.card.word_dim and encoder.card.grid):
        raise EncoderError(
            f"encoder {encoder.name} gives no word vectors or guides: such heads cannot be trained on it"
        )
    key = "\n".join([encoder.revision, *data.texts])

    def compute() -> dict[str, NDArray[Any]]:
        if progress:
            progress(0, len(data.texts), "encoding texts")
        features = encoder.encode_texts(data.texts)
        assert features.words is not None and features.word_mask is not None
        assert features.guide is not None
        return {
            "embedding": features.embedding,
            "guide": features.guide,
            "words": features.words.astype(np.float16),
            "lengths": features.word_mask.sum(1),
        }

    kept = _kept(_place("texts", key), compute)
    return StoredTexts(kept["embedding"], kept["guide"], kept["words"], kept["lengths"])


def image_place(key: str) -> Path:
    """Where the images of a key are kept."""
    return _place("images", key)


def _place(kind: str, key: str) -> Path:
    folder = user_folder() / "features"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"stored-{kind}-{hashlib.sha256(key.encode()).hexdigest()[:24]}.npz"


def _kept(path: Path, compute: Callable[[], dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    if not path.is_file():
        temporary = path.with_suffix(".tmp.npz")
        np.savez(temporary, **compute())  # type: ignore[arg-type]
        temporary.replace(path)
    with np.load(path) as file:
        return dict(file)


def joined(parts: Sequence[StoredImages]) -> StoredImages:
    """Pictures of several sets, one set after the other."""
    return StoredImages(
        np.concatenate([part.embedding for part in parts]), np.concatenate([part.tokens for part in parts])
    )


def stored_embeddings(
    encoder: Encoder, data: CaptionedSet, progress: Progress | None = None
) -> NDArray[np.float16]:
    """float16[n, D] of every image of a set, from an encoder with tokens or without.

    Raises `ImageryError` where a picture cannot be decoded.
    """
    names = "\n".join(image.name for image in data.images)
    key = f"{encoder.revision}\n{data.name}\n{data.split_hash}\n{names}"

    def compute() -> dict[str, NDArray[Any]]:
        parts = [np.zeros((0, encoder.dim), np.float16)]
        for start in range(0, len(data.images), BLOCK):
            some = data.images[start : start + BLOCK]
            pixels = np.stack([fit(open_picture(image.path), encoder.image_size) for image in some])
            parts.append(encoder.encode_images(pixels).embedding.astype(np.float16))
            if progress:
                progress(start + len(some), len(data.images), f"encoding {data.name}:{data.split}")
        return {"embedding": np.concatenate(parts)}

    # What was kept with tokens holds the embeddings as well.
    whole, alone = image_place(key), image_place(f"dense\n{key}")
    return _kept(whole if whole.is_file() else alone, compute)["embedding"].astype(np.float16)


def stored_text_embeddings(
    encoder: Encoder, data: Corpus, progress: Progress | None = None
) -> NDArray[np.float32]:
    """float32[t, D] of the distinct texts of a corpus, from an encoder with word vectors or without."""

    def compute() -> dict[str, NDArray[Any]]:
        if progress:
            progress(0, len(data.texts), "encoding texts")
        return {"embedding": encoder.encode_texts(data.texts).embedding}

    key = "\n".join([encoder.revision, *data.texts])
    whole, alone = _place("texts", key), _place("texts", f"dense\n{key}")
    return _kept(whole if whole.is_file() else alone, compute)["embedding"].astype(np.float32)
