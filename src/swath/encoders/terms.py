"""Words that a vector stands for: the head of SGPD as it runs in a search, in NumPy."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from swath.encoders.heads import Head
from swath.errors import EncoderError

WORD_HEAD = "sgpd"
"""The kind of head that this is."""
FILE = "terms.npz"
Expansion: TypeAlias = Literal["own", "topm", "full"]

STOP_WORDS = frozenset(
    """a about above across after all along also an and another any are around as at be been being below
    beside besides between both but by can could do does each few for from had has have he her here his how i
    if in inside into is it its just lot lots many may more most much near next no not of off on one only or
    other others our out over part parts piece pieces several she side sides so some such than that the their
    them then there these they this those through to together too two under up upon very was we were what when
    where which while who whose will with within without you your""".split()  # noqa: SIM905
)
"""English words that say nothing of what is seen; lists of postings for them would hold every tile."""

_WORD = re.compile(r"[a-z0-9]+")
_EPSILON = 1e-5
"""Of the layer norm, as torch has it."""
_ROWS = 4096


def words_of(text: str) -> list[str]:
    """The distinct words of a text, lower case, in order: runs of a-z and 0-9."""
    return list(dict.fromkeys(_WORD.findall(text.lower())))


@dataclass(frozen=True, slots=True, eq=False)
class SparseRows:
    """n sparse vectors over words, one after the other."""

    ends: NDArray[np.int64]
    """int64[n]: where each row's part of the next two ends."""
    terms: NDArray[np.int32]
    """int32[z], ascending within a row."""
    weights: NDArray[np.float32]
    """float32[z], greater than 0."""

    def __len__(self) -> int:
        return len(self.ends)

    def row(self, number: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Terms and weights of one row."""
        part = slice(self.ends[number - 1] if number else 0, self.ends[number])
        return self.terms[part], self.weights[part]


@dataclass(frozen=True, eq=False)
class Terms:
    """The head: y = log1p(relu(E LN(P z) + b)), cut to a few words; `swath.models.terms` trains it.

    Pictures keep their `image_terms` heaviest words. A text keeps its own words, with `floor` at least, and
    of the others none (`own`), the `extra` heaviest (`topm`) or all (`full`).
    """

    words: tuple[str, ...]
    project: NDArray[np.float32]
    """float32[h, D]"""
    scale: NDArray[np.float32]
    """float32[h]"""
    shift: NDArray[np.float32]
    """float32[h]"""
    embeddings: NDArray[np.float32]
    """float32[V, h]"""
    bias: NDArray[np.float32]
    """float32[V]"""
    image_terms: int = 48
    expansion: Expansion = "topm"
    extra: int = 8
    floor: float = 0.05

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """Word to its number."""
        return {word: number for number, word in enumerate(self.words)}

    def weights(self, vectors: NDArray[Any]) -> NDArray[np.float32]:
        """float[n, D] unit rows -> float32[n, V], none negative. Raises `EncoderError` for another width."""
        if vectors.shape[1] != self.project.shape[1]:
            raise EncoderError(
                f"the word head reads vectors of {self.project.shape[1]} numbers, not {vectors.shape[1]}: "
                "train it on this encoder (swath train sgpd)"
            )
        hidden = vectors.astype(np.float32) @ self.project.T
        centred = hidden - hidden.mean(1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(1, keepdims=True) + np.float32(_EPSILON))
        logits = (centred / spread * self.scale + self.shift) @ self.embeddings.T + self.bias
        return np.asarray(np.log1p(np.maximum(logits, np.float32(0))), np.float32)

    def of_images(self, vectors: NDArray[Any]) -> SparseRows:
        """The words of n pictures, float[n, D] unit rows."""
        parts = []
        for start in range(0, len(vectors), _ROWS):
            weights = self.weights(vectors[start : start + _ROWS])
            parts.append(_sparse(_heaviest(weights, self.image_terms)))
        return _joined(parts)

    def of_texts(self, vectors: NDArray[Any], texts: Sequence[str]) -> SparseRows:
        """The words of n texts; those that the head does not know are not among them."""
        weights = self.weights(vectors)
        for row, text in zip(weights, texts, strict=True):
            own = [self.numbers[word] for word in words_of(text) if word in self.numbers]
            mine = np.maximum(row[own], np.float32(self.floor))
            row[own] = 0
            if self.expansion == "own":
                row[:] = 0
            elif self.expansion == "topm":
                row[:] = _heaviest(row[None], self.extra)[0]
            row[own] = mine
        return _joined([_sparse(weights)])


def _heaviest(weights: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """The `count` largest of each row, zero elsewhere; equal weights: the lower number first."""
    if count >= weights.shape[1]:
        return weights
    if count == 0:
        return np.zeros_like(weights)
    worst = -np.partition(-weights, count - 1, axis=1)[:, count - 1 : count]
    above = weights > worst
    at = (weights == worst) & (worst > 0)
    room = count - above.sum(1, keepdims=True)
    return np.where(above | (at & (np.cumsum(at, 1) <= room)), weights, np.float32(0))


def _sparse(weights: NDArray[np.float32]) -> SparseRows:
    rows, terms = np.nonzero(weights)
    return SparseRows(
        np.cumsum(np.bincount(rows, minlength=len(weights))), terms.astype(np.int32), weights[rows, terms]
    )


def _joined(parts: Sequence[SparseRows]) -> SparseRows:
    starts = np.cumsum([0, *(len(part.terms) for part in parts)])
    none: list[SparseRows] = [
        SparseRows(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))
    ]
    return SparseRows(
        np.concatenate(
            [none[0].ends, *(part.ends + start for part, start in zip(parts, starts, strict=False))]
        ),
        np.concatenate([none[0].terms, *(part.terms for part in parts)]),
        np.concatenate([none[0].weights, *(part.weights for part in parts)]),
    )


def write_terms(folder: Path, terms: Terms) -> None:
    """Write `terms.npz`: P as float16, E as int8 with a scale for each word."""
    codes, scales = quantised_rows(terms.embeddings)
    np.savez_compressed(
        folder / FILE,
        words=np.frombuffer("\n".join(terms.words).encode(), np.uint8),
        project=terms.project.astype(np.float16),
        scale=terms.scale,
        shift=terms.shift,
        codes=codes,
        scales=scales,
        bias=terms.bias,
    )


def read_terms(head: Head) -> Terms:
    """The words of a head of the kind `sgpd`.

    Raises `EncoderError` where the head is of another kind, or its file cannot be read.
    """
    if head.card.kind != WORD_HEAD:
        raise EncoderError(f"the head {head.folder} is of the kind {head.card.kind!r}, not {WORD_HEAD!r}")
    path = head.file(FILE)
    names = ("image_terms", "expansion", "extra", "floor")
    try:
        with np.load(path, allow_pickle=False) as stored:
            return Terms(
                words=tuple(stored["words"].tobytes().decode().split("\n")),
                project=stored["project"].astype(np.float32),
                scale=stored["scale"],
                shift=stored["shift"],
                embeddings=stored["codes"].astype(np.float32) * stored["scales"][:, None],
                bias=stored["bias"],
                **{name: head.card.settings[name] for name in names},
            )
    except (OSError, ValueError, KeyError) as error:
        raise EncoderError(f"{path} cannot be read ({error}): export the head again") from error


def quantised_rows(embeddings: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """float32[V, h] -> int8[V, h] and the scale of each row, float32[V]."""
    scales = (np.abs(embeddings).max(1) / 127).astype(np.float32)
    scales[scales == 0] = 1
    return np.rint(embeddings / scales[:, None]).astype(np.int8), scales
