"""Brute force: all products in float32."""

from __future__ import annotations

from swath.evaluation.peers.faiss_index import from_factory

PEER = from_factory("brute force", "Flat", lambda _index, _setting: None, (None,))
