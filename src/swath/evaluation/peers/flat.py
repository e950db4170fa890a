"""Brute force: all products in float32."""

from __future__ import annotations

from swath.evaluation.peers import Peer
from swath.evaluation.peers.faiss_index import made

PEER = Peer("brute force", lambda folder: made(folder, "Flat", lambda _index, _setting: None), (None,))
