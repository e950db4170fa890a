"""How near each row of a gallery is to queries in general: the bias that hubness corrections subtract."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from swath.encoders import Modality
from swath.errors import InputError, SpecError
from swath.search.caret import listed, nearest
from swath.search.codes import unpack
from swath.search.coding import Coder, bank_of, codes_of, derived, modality_of
from swath.search.hubness import METHODS
from swath.search.query import EncodedQuery
from swath.types import Array, Gallery

NAMES = tuple(name for name in METHODS if name != "qbnorm")
"""Methods that correct every query alike, so that a stage can apply them while it scans."""
BANKS = ("train", "queries")
STEPS = 20
"""Parts of a bit that a bias of Hamming distances is counted in; half a mean of ten is a whole number."""
_ROWS = 8192


def check(bias: str, bank: str) -> None:
    """Raise `SpecError` for a bias or a bank that there is none of; `none` is no bias."""
    if bias not in ("none", *NAMES):
        raise SpecError(f"there is no bias '{bias}'{nearest(bias, NAMES)} There are: {listed(NAMES)}")
    if bank not in BANKS:
        raise SpecError(f"there is no bank '{bank}'. There are: {listed(BANKS)}")
    if bias == "none" and bank != "train":
        raise SpecError("a bank is for a bias: name one, as in bias=ppsr")


def dense_bias(gallery: Gallery, query: EncodedQuery, bias: str, bank: str) -> NDArray[np.float32]:
    """float32[n], to be subtracted from dot products."""
    queries, name = _queries(gallery, query, bank)

    def compute(part: Gallery, rows: slice) -> Array:
        vectors = part.signal("dense")[rows]
        parts = [np.zeros(0)]
        for start in range(0, len(vectors), _ROWS):
            some = vectors[start : start + _ROWS].astype(np.float32)
            parts.append(METHODS[bias]().fit(queries @ some.T))
        return np.concatenate(parts).astype(np.float32)

    return derived(gallery, f"bias-dense-{bias}-{name}", compute)


def hash_bias(gallery: Gallery, coder: Coder, query: EncodedQuery, bias: str, bank: str) -> NDArray[np.int32]:
    """int32[n], to be added to `STEPS` times the Hamming distance."""
    queries, name = _queries(gallery, query, bank)

    def compute(part: Gallery, rows: slice) -> Array:
        codes = codes_of(part, coder)
        bits = 8 * codes.shape[1]
        asked = np.where(coder.relaxed(queries, _asking(gallery)) >= 0, 1, -1).astype(np.float32)
        parts = [np.zeros(0)]
        for start in range(rows.start, rows.stop, _ROWS):
            some = unpack(codes[start : min(start + _ROWS, rows.stop)])
            parts.append(METHODS[bias]().fit(asked @ some.T / bits))
        # A product of codes is bits - 2 * distance: half of it counts like the distance itself.
        return np.asarray(np.rint(STEPS * bits / 2 * np.concatenate(parts)), np.int32)

    return derived(gallery, f"bias-{coder.name}-{bias}-{name}", compute)


def _queries(gallery: Gallery, query: EncodedQuery, bank: str) -> tuple[Array, str]:
    """Embeddings of the bank, float32[m, D], and a name for them."""
    if bank == "train":
        held = bank_of(query.encoder)
        return held.of(_asking(gallery)), held.digest[:16]
    asked: Array | None = getattr(gallery, "asked", None)
    if asked is None:
        raise InputError(
            "bank=queries fits a bias to all queries of an evaluation; a search has but one: leave it out"
        )
    return asked, bank


def _asking(gallery: Gallery) -> Modality:
    return "text" if modality_of(gallery) == "image" else "image"
