"""Plain lists of ours; the setting is the coverage that is promised."""

from __future__ import annotations

from swath.evaluation.peers import Peer
from swath.evaluation.peers.ours import build_partial, open_partial

PEER = Peer(
    "swath ivf",
    build_partial,
    lambda folder, place: open_partial(folder, place, "ivf({})"),
    (0.7, 0.8, 0.9, 0.95, 0.98, 1.0),
)
