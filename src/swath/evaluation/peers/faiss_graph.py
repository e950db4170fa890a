"""faiss HNSW over float16 (8 bits cannot reach a recall of .99); the knob is how many are kept in view."""

from __future__ import annotations

from typing import Any

from swath.evaluation.peers.faiss_index import from_factory


def _view(index: Any, size: int) -> None:
    index.hnsw.efSearch = size


PEER = from_factory("faiss HNSW", "HNSW32,SQfp16", _view, (16, 32, 64, 128, 256, 512))
