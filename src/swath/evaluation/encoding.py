"""Pictures and texts to vectors, each distinct one once, so that equal ones share a vector bit for bit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from swath.archive import quantise
from swath.encoders import Modality
from swath.errors import EncoderError, ImageryError
from swath.evaluation.environment import Stopwatch
from swath.imagery import fit, open_picture
from swath.search import EncodedQuery, MemoryGallery, text_id
from swath.types import Array, Encoder, Progress


@dataclass(frozen=True, slots=True)
class Encoded:
    """The r distinct things among n, with their vectors."""

    ids: tuple[str, ...]
    """Hashes of the content, so that neither names nor the order of a file reach a ranking."""
    embedding: NDArray[np.float32]
    """float32[r, D]"""
    rows: NDArray[np.int64]
    """int64[n]: the row of each of the n."""
    texts: tuple[str, ...] = ()
    """The r words, where they are words."""
    guide: NDArray[np.float32] | None = None
    """float32[r, d]: the words in the space of the image tokens, where the encoder gives them."""
    tokens: NDArray[np.int8] | None = None
    """int8[r, 1 + G * G, d]: the pictures' tokens as an archive stores them, where the encoder gives them."""
    words: NDArray[np.float16] | None = None
    """float16[r, L, w]: vectors of the words, where the encoder gives them; zero where a text has ended."""
    encoder: Encoder | None = None
    """What encoded them."""

    def query(self, row: int) -> EncodedQuery:
        """One of the r as a search asks it."""
        if not self.texts:
            tokens = None if self.tokens is None else self.tokens[row]
            return EncodedQuery(self.embedding[row], tokens=tokens, encoder=self.encoder)
        return EncodedQuery(
            self.embedding[row],
            (self.texts[row],),
            None if self.guide is None else self.guide[row],
            words_alone=True,
            words=None if self.words is None else _spoken(self.words[row]),
            encoder=self.encoder,
        )

    def gallery(self, asked: NDArray[np.float32] | None = None) -> MemoryGallery:
        """The r as what is searched: pictures with the signals of an archive, texts with theirs.

        `asked` are the embeddings of all queries, float32[q, D].
        """
        signals: dict[str, Array] = {"dense": self.embedding}
        if self.guide is not None:
            signals["guide"] = self.guide
        if self.tokens is not None:
            signals["tokens"] = self.tokens
        if self.words is not None:
            signals["words"] = self.words
        modality: Modality = "text" if self.texts else "image"
        return MemoryGallery(self.ids, signals, modality=modality, asked=asked)


def _spoken(words: NDArray[np.float16]) -> NDArray[np.float32]:
    return words[words.any(axis=1)].astype(np.float32)


def encode_texts(
    texts: Sequence[str], encoder: Encoder, *, batch: int, watch: Stopwatch, progress: Progress | None = None
) -> Encoded:
    """Encode n texts. Raises `EncoderError` where a vector is not finite."""
    distinct = list(dict.fromkeys(texts))
    row = {text: number for number, text in enumerate(distinct)}
    parts = [np.zeros((0, encoder.dim), np.float32)]
    guides: list[NDArray[np.float32]] = []
    words: list[NDArray[np.float16]] = []
    for start in range(0, len(distinct), batch):
        some = distinct[start : start + batch]
        with watch.part("encode_texts"):
            features = encoder.encode_texts(some)
        parts.append(_sound(features.embedding, encoder, some))
        if features.guide is not None:
            guides.append(features.guide)
        if features.words is not None:
            words.append(features.words.astype(np.float16))
        if progress is not None:
            progress(start + len(some), len(distinct), "texts")
    return Encoded(
        ids=tuple(map(text_id, distinct)),
        embedding=np.concatenate(parts),
        rows=np.array([row[text] for text in texts], np.int64),
        texts=tuple(distinct),
        guide=np.concatenate(guides) if guides else None,
        words=_side_by_side(words) if words else None,
        encoder=encoder,
    )


def encode_pictures(
    paths: Sequence[tuple[str, Path]],
    encoder: Encoder,
    *,
    batch: int,
    watch: Stopwatch,
    progress: Progress | None = None,
) -> tuple[Encoded, list[tuple[str, str]]]:
    """Encode named pictures; also gives the (name, reason) of those that cannot be decoded.

    `rows` covers the decoded ones alone, in the order given. Raises `EncoderError` where a vector is not
    finite.
    """
    side = encoder.image_size
    row: dict[str, int] = {}
    rows: list[int] = []
    damaged: list[tuple[str, str]] = []
    parts = [np.zeros((0, encoder.dim), np.float32)]
    tokens: list[NDArray[np.int8]] = []
    for start in range(0, len(paths), batch):
        some = paths[start : start + batch]
        fresh: list[NDArray[np.uint8]] = []
        names: list[str] = []
        with watch.part("decode"):
            for name, path in some:
                try:
                    pixels = fit(open_picture(path), side)
                except ImageryError as error:
                    damaged.append((name, str(error)))
                    continue
                content = hashlib.blake2b(pixels.tobytes(), digest_size=16).hexdigest()
                if content not in row:
                    row[content] = len(row)
                    fresh.append(pixels)
                    names.append(name)
                rows.append(row[content])
        if fresh:
            with watch.part("encode_images"):
                features = encoder.encode_images(np.stack(fresh))
            parts.append(_sound(features.embedding, encoder, names))
            if features.tokens is not None:
                tokens.append(quantise(features.tokens))
        if progress is not None:
            progress(start + len(some), len(paths), "images")
    encoded = Encoded(
        ids=tuple(row),
        embedding=np.concatenate(parts),
        rows=np.array(rows, np.int64),
        tokens=np.concatenate(tokens) if tokens else None,
        encoder=encoder,
    )
    return encoded, damaged


def _side_by_side(parts: Sequence[NDArray[np.float16]]) -> NDArray[np.float16]:
    """One array of all parts, each filled up with zeros to the longest."""
    longest = max(part.shape[1] for part in parts)
    return np.concatenate([np.pad(part, ((0, 0), (0, longest - part.shape[1]), (0, 0))) for part in parts])


def _sound(embedding: NDArray[np.float32], encoder: Encoder, names: Sequence[str]) -> NDArray[np.float32]:
    if embedding.shape != (len(names), encoder.dim):
        raise EncoderError(
            f"encoder {encoder.name} gave an embedding of shape {embedding.shape} for {len(names)} inputs; "
            f"expected ({len(names)}, {encoder.dim})"
        )
    broken = ~np.isfinite(embedding).all(axis=1)
    if broken.any():
        raise EncoderError(
            f"encoder {encoder.name} gave a vector that is not finite for {names[int(broken.argmax())]!r}: "
            "it cannot be evaluated"
        )
    return embedding
