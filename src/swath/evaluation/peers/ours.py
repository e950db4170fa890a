"""Our own pipelines as the benchmark sees them: mapped files, compiled kernels, one query after the other."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from swath.archive.lists import Lists, Postings, build, directions_of
from swath.encoders import Head, HeadCard, Terms, read_terms
from swath.int8 import quantise
from swath.search import EncodedQuery, MemoryGallery, Step, calibrate, parse, run_many
from swath.types import Array, Int8Rows, StageTrace

_COMPACT = ("codes", "scale", "error", "norm")
_FACTS = "facts.json"
GUIDE = Step("sparse", k=100)


class Ours:
    """Searches by a pipeline whose `{}` is the setting."""

    def __init__(self, gallery: MemoryGallery, spec: str, texts: dict[bytes, str]) -> None:
        self._gallery, self._spec, self._texts = gallery, spec, texts
        self.trace: tuple[StageTrace, ...] = ()
        """Of the last search."""

    def search(self, queries: NDArray[np.float32], k: int, setting: Any, threads: int) -> NDArray[np.int64]:
        """See `Index`."""
        asked = [_query(query, self._texts) for query in queries]
        pipeline = _parsed(self._spec.format(setting))
        found, self.trace = run_many(pipeline, self._gallery, asked, k, threads=threads)
        rows = np.full((len(queries), k), -1, np.int64)
        for row, one in zip(rows, found, strict=True):
            row[: len(one.rows)] = one.rows
        return rows


_parsed = cache(parse)
"""Whoever asks often reads a pipeline once."""


class _Mapped(MemoryGallery):
    """Vectors and what is derived from them, all on disk; the tiles are nothing but rows."""

    def __init__(self, vectors: Array, lists: Lists | None, compact: Int8Rows | None) -> None:
        super().__init__([], {"dense": vectors[:0]}, lists=lists)
        self._signals["dense"] = vectors
        self.ids = np.char.zfill(np.arange(len(vectors)).astype("S12"), 12)
        self.compact = compact


def build_exact(folder: Path, place: Path) -> None:
    """int8 rows of all tiles."""
    compact = quantise(np.load(folder / "vectors.npy", mmap_mode="r"))
    for name in _COMPACT:
        np.save(place / f"{name}.npy", getattr(compact, name))


def open_exact(folder: Path, place: Path) -> Ours:
    """All tiles, from int8 rows."""
    vectors = _array(folder, "vectors")
    return Ours(_Mapped(vectors, None, _rows(place)), "dense", {})


def build_partial(folder: Path, place: Path) -> None:
    """Lists, calibrated on the queries that are set aside for tuning; words where the folder has a head."""
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    terms = _terms(folder) if (folder / "head").is_dir() else None

    def allocate(name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        if not int(np.prod(shape)):
            np.save(place / f"{name}.npy", np.zeros(shape, dtype))
            return np.zeros(shape, dtype)
        return np.lib.format.open_memmap(place / f"{name}.npy", "w+", dtype, shape)

    asked = np.load(folder / "tuning.npy")
    lists = build(vectors, terms=terms, allocate=allocate, directions=directions_of(vectors, asked))
    spoken = _spoken(folder)
    tuning = [_query(query, spoken) for query in asked]
    gallery = _Mapped(vectors, lists, None)
    guides = (None,) if terms is None else (None, GUIDE)
    postings = lists.postings
    kept = {
        "facts": {"guides": {str(guide or ""): calibrate(gallery, tuning, guide) for guide in guides}},
        "delta": None if postings is None else postings.delta,
        "block": None if postings is None else postings.block,
    }
    (place / _FACTS).write_text(json.dumps(kept))


def open_partial(folder: Path, place: Path, spec: str) -> Ours:
    """A few lists."""
    vectors = _array(folder, "vectors")
    kept = json.loads((place / _FACTS).read_text())
    lists = Lists(
        name="",
        size=len(vectors),
        rows=_array(place, "rows"),
        ends=_array(place, "ends"),
        centroids=_array(place, "centroids"),
        directions=_array(place, "directions"),
        lead=_rows(place, "lead_"),
        rest=_rows(place, "rest_"),
        postings=None if kept["delta"] is None else _postings(place, kept["delta"], kept["block"]),
        terms=None if kept["delta"] is None else _terms(folder),
        facts=kept["facts"],
    )
    return Ours(_Mapped(vectors, lists, None), spec, _spoken(folder))


def _query(vector: NDArray[np.float32], texts: dict[bytes, str]) -> EncodedQuery:
    text = texts.get(vector.tobytes())
    return EncodedQuery(vector, () if text is None else (text,))


def _spoken(folder: Path) -> dict[bytes, str]:
    """The words of the queries, by their vectors."""
    file = folder / "texts.json"
    texts = json.loads(file.read_text()) if file.is_file() else []
    return {q.tobytes(): text for q, text in zip(np.load(folder / "texts.npy"), texts, strict=False)}


def _terms(folder: Path) -> Terms:
    card = msgspec.json.decode((folder / "head" / "card.json").read_bytes(), type=HeadCard)
    return read_terms(Head(folder / "head", card))


def _array(place: Path, name: str) -> Array:
    # A plain array over the mapped file, as an archive has it: parts of a memmap are slow to take.
    return np.asarray(np.load(place / f"{name}.npy", mmap_mode="r"))


def _rows(place: Path, part: str = "") -> Int8Rows:
    return Int8Rows(*(_array(place, part + name) for name in _COMPACT))


def _postings(place: Path, delta: float, block: int) -> Postings:
    names = {f.name for f in fields(Postings)} - {"delta", "block", "touch", "ends"}
    arrays: dict[str, Any] = {name: _array(place, name) for name in names}
    return Postings(**arrays, ends=_array(place, "word_ends"), delta=delta, block=block)
