"""Codes of a gallery and of queries: by the encoder's hash head, or without any training.

Where the encoder has no hash head (or none for the width), codes are the signs of a rotation after
mean-centring, fitted to the gallery's own vectors (`fit_rotation`) and kept with it. Codes are made from the
stored embeddings when they are first asked for, and kept, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Protocol
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from swath.encoders import Bank, HashHead, Modality, read_bank, read_hash_head
from swath.errors import InputError
from swath.search.codes import fit_rotation, pack
from swath.search.query import EncodedQuery
from swath.search.shards import Shards
from swath.types import Array, Encoder, Gallery

SAMPLE = 4096
"""Vectors that a rotation is fitted to, at most."""
GROWTH = 4
"""A rotation is fitted again when there are so many times the vectors."""


class Coder(Protocol):
    """Vectors to relaxed bits."""

    @property
    def name(self) -> str:
        """Distinguishes what it makes from what others make."""

    def relaxed(self, vectors: Array, modality: Modality) -> NDArray[np.float32]:
        """float[n, D] -> float32[n, bits]; the signs are the code."""


class Kept(Protocol):
    """Where derived arrays are kept; see `swath.archive.kept`."""

    def get(self, name: str) -> Array | None:
        """The array, or None."""

    def put(self, name: str, values: Array) -> None:
        """Keep an array."""


class Memory:
    """Keeps arrays for as long as the process lives."""

    def __init__(self) -> None:
        self._arrays: dict[str, Array] = {}

    def get(self, name: str) -> Array | None:
        """The array, or None."""
        return self._arrays.get(name)

    def put(self, name: str, values: Array) -> None:
        """Keep an array."""
        self._arrays[name] = values


_MEMORY: WeakKeyDictionary[Gallery, Memory] = WeakKeyDictionary()


def kept(gallery: Gallery) -> Kept:
    """Where a gallery keeps what is derived from it: its own place, or memory."""
    own: Kept | None = getattr(gallery, "kept", None)
    return _MEMORY.setdefault(gallery, Memory()) if own is None else own


def derived(gallery: Gallery, name: str, compute: Callable[[Gallery, slice], Array]) -> Array:
    """An array with one entry for each row, made once; rows that were added since are made now.

    `compute` gives the entries of some rows of a gallery. Of several galleries as one, each keeps its own.
    """
    if isinstance(gallery, Shards):
        return gallery.joined(lambda part: derived(part, name, compute))
    place, count = kept(gallery), len(gallery)
    there = place.get(name)
    if there is None or len(there) < count:
        start = 0 if there is None else len(there)
        made = compute(gallery, slice(start, count))
        there = made if there is None else np.concatenate([there, made])
        place.put(name, there)
    return there[:count]


def modality_of(gallery: Gallery) -> Modality:
    """What is searched: tiles, or the texts of an evaluation."""
    return "text" if getattr(gallery, "modality", "image") == "text" else "image"


def codes_of(gallery: Gallery, coder: Coder) -> NDArray[np.uint8]:
    """Packed codes uint8[n, bits / 8] of every row."""

    def compute(part: Gallery, rows: slice) -> Array:
        return pack(coder.relaxed(part.signal("dense")[rows], modality_of(part)))

    return derived(gallery, f"codes-{coder.name}", compute)


def coder_of(encoder: Encoder | None, gallery: Gallery, bits: int) -> Coder:
    """The hash head of the encoder where it has one for this width, else a rotation of this gallery."""
    head = hash_head(encoder)
    return (
        _Heads(head, bits) if head is not None and bits in head.widths else _rotation(encoder, gallery, bits)
    )


def relaxed_query(query: EncodedQuery, coder: Coder) -> NDArray[np.float32]:
    """Relaxed bits float32[bits] of a query."""
    modality: Modality = "text" if query.texts else "image"
    vector = query.dense
    if query.centred:
        # A mixed query has left the means behind: stand it where single ones stand.
        mean = means_of(query.encoder).get(modality, np.zeros_like(vector))
        vector = mean + vector * np.float32(np.sqrt(max(0.0, 1 - float(mean @ mean))))
    relaxed: NDArray[np.float32] = coder.relaxed(vector[None], modality)[0]
    return relaxed


_HEADS: WeakKeyDictionary[Encoder, HashHead | None] = WeakKeyDictionary()
_BANKS: WeakKeyDictionary[Encoder, Bank] = WeakKeyDictionary()


def hash_head(encoder: Encoder | None) -> HashHead | None:
    """The hash head in the encoder's folder, read once."""
    if encoder is None:
        return None
    if encoder not in _HEADS:
        heads = [head for head in getattr(encoder, "heads", {}).values() if head.card.kind == "cfitr"]
        _HEADS[encoder] = read_hash_head(heads[0]) if heads else None
    return _HEADS[encoder]


def bank_of(encoder: Encoder | None) -> Bank:
    """The encoder's bank of queries. Raises `InputError` where it has none."""
    if encoder is not None and encoder not in _BANKS:
        heads = [head for head in getattr(encoder, "heads", {}).values() if head.card.kind == "bank"]
        if heads:
            _BANKS[encoder] = read_bank(heads[0])
    if encoder is None or encoder not in _BANKS:
        name = "this gallery's encoder" if encoder is None else f"encoder {encoder.name}"
        raise InputError(
            f"{name} has no bank of queries, which a bias needs: leave the bias out, or adapt the encoder to "
            "captions of your own, which then are its bank (swath adapt)"
        )
    return _BANKS[encoder]


def means_of(encoder: Encoder | None) -> dict[str, NDArray[np.float32]]:
    """Mean embedding of each modality, where the encoder states them."""
    return getattr(encoder, "means", None) or {}


class _Heads:
    def __init__(self, head: HashHead, bits: int) -> None:
        self._head, self._bits = head, bits
        self.name = f"{bits}-{head.digest[:16]}"

    def relaxed(self, vectors: Array, modality: Modality) -> NDArray[np.float32]:
        return self._head.relaxed(vectors, modality, self._bits)


class _Rotation:
    """The sign of a rotation of the centred vectors; each modality by its own mean."""

    def __init__(
        self, table: Array, bits: int, own: Modality, means: Mapping[str, NDArray[np.float32]]
    ) -> None:
        self._matrix = table[:-1].astype(np.float64)
        self._own, self._offset = own, table[-1].astype(np.float64)
        self._means = means
        self.name = f"{bits}-{hashlib.sha256(table.tobytes()).hexdigest()[:16]}"

    def relaxed(self, vectors: Array, modality: Modality) -> NDArray[np.float32]:
        offset = self._offset
        if modality != self._own and modality in self._means:
            offset = self._means[modality].astype(np.float64) @ self._matrix
        return np.asarray(np.tanh(vectors.astype(np.float64) @ self._matrix - offset), np.float32)


def _rotation(encoder: Encoder | None, gallery: Gallery, bits: int) -> Coder:
    """Fitted to a sample that the ids choose, so that the order of rows does not matter."""
    place, count = kept(gallery), len(gallery)
    table, fitted = place.get(f"rotation{bits}"), place.get(f"rotation{bits}-fitted")
    if table is None or fitted is None or count >= GROWTH * max(1, int(fitted[0])) <= SAMPLE:
        rows = np.sort(np.argsort(gallery.ids, kind="stable")[:SAMPLE])
        vectors = gallery.signal("dense")[rows].astype(np.float32)
        mean = vectors.mean(0, dtype=np.float64) if count else np.zeros(vectors.shape[1])
        matrix = fit_rotation(vectors - mean.astype(np.float32), bits)
        table = np.concatenate([matrix, (mean @ matrix)[None].astype(np.float32)])
        place.put(f"rotation{bits}", table)
        place.put(f"rotation{bits}-fitted", np.array([count]))
    return _Rotation(table, bits, modality_of(gallery), means_of(encoder))
