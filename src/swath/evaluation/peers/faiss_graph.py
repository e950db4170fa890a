"""faiss HNSW over 8-bit vectors; the knob is how many are kept in view."""

from __future__ import annotations

from typing import Any

from swath.evaluation.peers.faiss_index import from_factory


def _view(index: Any, size: int) -> None:
    index.hnsw.efSearch = size


PEER = from_factory("faiss HNSW", "HNSW32,SQ8", _view, (16, 32, 64, 128, 256, 512))
