"""Our own pipelines as the benchmark sees them: mapped files, one query after the other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from swath.archive.lists import Lists, build
from swath.encoders import Head, HeadCard, Terms, read_terms
from swath.int8 import quantise
from swath.search import EncodedQuery, MemoryGallery, Step, calibrate, run_many
from swath.types import Array, Int8Rows


class Ours:
    """Searches by a pipeline whose `{}` is the setting."""

    def __init__(self, gallery: MemoryGallery, spec: str, texts: dict[bytes, str]) -> None:
        self._gallery, self._spec, self._texts = gallery, spec, texts

    def search(self, queries: NDArray[np.float32], k: int, setting: Any, threads: int) -> NDArray[np.int64]:
        """See `Index`."""
        asked = [_query(query, self._texts) for query in queries]
        found, _ = run_many(self._spec.format(setting), self._gallery, asked, k, threads=threads)
        rows = np.full((len(queries), k), -1, np.int64)
        for row, one in zip(rows, found, strict=True):
            row[: len(one.rows)] = one.rows
        return rows


def exact(folder: Path) -> Ours:
    """All tiles, from int8 rows."""
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    return Ours(_gallery(vectors, None, quantise(vectors)), "dense", {})


def partial(folder: Path, spec: str, guide: Step | None) -> Ours:
    """A few lists, calibrated on the queries that are set aside for tuning."""
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    texts = json.loads((folder / "texts.json").read_text()) if (folder / "texts.json").is_file() else []
    queries = np.load(folder / "texts.npy")
    spoken = {query.tobytes(): text for query, text in zip(queries, texts, strict=False)}
    lists = build(vectors, terms=None if guide is None else _terms(folder), allocate=_mapped(folder))
    bare = _gallery(vectors, lists, None)
    tuning = [_query(query, spoken) for query in np.load(folder / "tuning.npy")]
    facts = calibrate(bare, tuning, guide)
    facts = {"guides": {"" if guide is None else str(guide): facts}}
    return Ours(_gallery(vectors, replace(lists, facts=facts), None), spec, spoken)


def _query(vector: NDArray[np.float32], texts: dict[bytes, str]) -> EncodedQuery:
    text = texts.get(vector.tobytes())
    return EncodedQuery(vector, () if text is None else (text,))


def _gallery(vectors: Array, lists: Lists | None, compact: Int8Rows | None) -> MemoryGallery:
    ids: Sequence[str] = [f"{row:032x}" for row in range(len(vectors))]
    made = MemoryGallery(ids, {"dense": vectors}, lists=lists)
    made.compact = compact
    return made


def _mapped(folder: Path) -> Any:
    place = folder / "lists"
    place.mkdir(exist_ok=True)

    def allocate(name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        if not int(np.prod(shape)):
            return np.zeros(shape, dtype)
        return np.memmap(place / name, dtype, "w+", shape=shape)

    return allocate


def _terms(folder: Path) -> Terms:
    card = msgspec.json.decode((folder / "head" / "card.json").read_bytes(), type=HeadCard)
    return read_terms(Head(folder / "head", card))
