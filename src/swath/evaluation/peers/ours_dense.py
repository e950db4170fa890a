"""Exact search of ours."""

from __future__ import annotations

from swath.evaluation.peers import Peer
from swath.evaluation.peers.ours import build_exact, open_exact

PEER = Peer("swath dense", build_exact, open_exact, (None,))
