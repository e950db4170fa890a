"""Exact search of ours."""

from __future__ import annotations

from swath.evaluation.peers import Peer
from swath.evaluation.peers.ours import exact

PEER = Peer("swath dense", exact, (None,))
