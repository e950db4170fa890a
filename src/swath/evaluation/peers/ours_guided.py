"""SGPD: words guide to lists; the setting is the coverage that is promised."""

from __future__ import annotations

from swath.evaluation.peers import Peer
from swath.evaluation.peers.ours import GUIDE, build_partial, open_partial

PEER = Peer(
    "swath sgpd",
    build_partial,
    lambda folder, place: open_partial(folder, place, f"{GUIDE} > lists({{}}):100"),
    (0.7, 0.8, 0.9, 0.95, 0.98, 1.0),
    needs="head",
)
