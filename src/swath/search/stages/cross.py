"""Reranking by a joint transformer: a text's words and a tile's tokens look at each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from swath.errors import InputError, SpecError
from swath.search.ordering import best_first, standardised
from swath.search.query import EncodedQuery
from swath.search.stages.base import Cost, Kind, Stage
from swath.types import Candidates, Encoder, Gallery

LENGTHS = (16, 32, 64)
"""Words are padded to the first of these that holds them, so that a score depends on its own pair alone."""
_PAIRS = 64


@dataclass(frozen=True)
class Cross(Stage):
    """The single-stream module of CFITR over stored tokens, run by ONNX Runtime in batches of pairs.

    `blend` mixes its score with that of the stage before, both standardised over the candidates; 1 is its own
    score alone, as it is. It works both ways: words look at the tokens of an archive, and where the gallery
    is of texts, their words look at the tokens of the picture that asks.
    """

    name: ClassVar[str] = "cross"
    kind: ClassVar[Kind] = "rerank"

    blend: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.blend <= 1:
            raise SpecError("blend of cross is a share, from 0 to 1")

    @property
    def signals(self) -> frozenset[str]:
        """The tokens of the tiles."""
        return frozenset({"tokens"})

    def missing(self, gallery: Gallery) -> frozenset[str]:
        """Tokens, unless the gallery is of texts and has their guides and words."""
        return frozenset() if {"guide", "words"} <= gallery.signals else super().missing(gallery)

    def lacking(self, gallery: Gallery, query: EncodedQuery) -> frozenset[str]:
        """Guide and word vectors for tiles, tokens for texts."""
        wanted = {"guide", "word vectors"} if "tokens" in gallery.signals else {"tokens"}
        return frozenset(wanted) - query.parts

    def run(
        self,
        gallery: Gallery,
        query: EncodedQuery,
        candidates: Candidates | None,
        k: int,
        mask: NDArray[np.bool_] | None,  # noqa: ARG002
        threads: int | None = None,
    ) -> tuple[Candidates, Cost]:
        """The candidates in the order of their fine, or blended, scores."""
        assert candidates is not None, "a rerank stage never stands first"
        rows = candidates.rows
        model = _session(query.encoder, threads)
        if "tokens" in gallery.signals:
            assert query.words is not None and query.guide is not None
            tokens = gallery.signal("tokens")[rows]
            guides = np.broadcast_to(query.guide, (len(rows), *query.guide.shape))
            words = np.broadcast_to(query.words, (len(rows), *query.words.shape))
            read = tokens.nbytes
        else:
            assert query.tokens is not None
            tokens = np.broadcast_to(query.tokens, (len(rows), *query.tokens.shape))
            guides, words = gallery.signal("guide")[rows], gallery.signal("words")[rows]
            read = guides.nbytes + words.nbytes
        fine = pair_scores(model, tokens, guides, words)
        scores = self.blend * standardised(fine) + (1 - self.blend) * standardised(candidates.scores)
        final = fine if self.blend == 1 else scores.astype(np.float32)
        return best_first(rows, final, gallery.ids, k), Cost(len(rows), read, "onnxruntime")


def pair_scores(
    model: Any, tokens: NDArray[np.int8], guides: NDArray[np.float32], words: NDArray[Any]
) -> NDArray[np.float32]:
    """Scores float32[n] of n pairs.

    Args:
        model: an ONNX Runtime session of `cross.onnx`.
        tokens: int8[n, 1 + G * G, d].
        guides: float32[n, d].
        words: float[n, L, w], zero where a text has ended; at most the longest of `LENGTHS` are looked at.
    """
    out = np.empty(len(tokens), np.float32)
    lengths = words.any(axis=2).sum(1)
    padded = np.array(LENGTHS)[np.minimum(np.searchsorted(LENGTHS, lengths), len(LENGTHS) - 1)]
    for length in np.unique(padded).tolist():
        among = np.flatnonzero(padded == length)
        for start in range(0, len(among), _PAIRS):
            some = among[start : start + _PAIRS]
            # One pair alone would run through other kernels, which round otherwise.
            rows = np.repeat(some, 2) if len(some) == 1 else some
            given = np.zeros((len(rows), length, words.shape[2]), np.float32)
            part = words[rows, :length]
            given[:, : part.shape[1]] = part
            valid = np.arange(length) < lengths[rows, None]
            inputs = {
                "tokens": tokens[rows].astype(np.float32),
                "guide": guides[rows].astype(np.float32),
                "words": given,
                "valid": valid,
            }
            out[some] = model.run(None, inputs)[0][: len(some)]
    return out


_SESSIONS: WeakKeyDictionary[Encoder, Any] = WeakKeyDictionary()


def _session(encoder: Encoder | None, threads: int | None) -> Any:
    """Opened once for each encoder. Raises `InputError` where it has no joint transformer."""
    if encoder is None or encoder not in _SESSIONS:
        heads = [head for head in getattr(encoder, "heads", {}).values() if head.card.kind == "cfitr"]
        if encoder is None or not heads:
            name = "this gallery's encoder" if encoder is None else f"encoder {encoder.name}"
            raise InputError(
                f"{name} has no joint transformer, which cross needs: train one on it (swath train cfitr)"
            )
        _SESSIONS[encoder] = heads[0].session("cross.onnx", threads)
    return _SESSIONS[encoder]
