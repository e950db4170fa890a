"""SGPD: words guide to lists; the setting is the coverage that is promised."""

from __future__ import annotations

from swath.evaluation.peers import Peer
from swath.evaluation.peers.ours import build_partial, open_partial
from swath.search import Step

PEER = Peer(
    "swath sgpd",
    lambda folder, place: build_partial(folder, place, Step("sparse", k=100)),
    lambda folder, place: open_partial(folder, place, "sparse:100 > lists({}):100"),
    (0.5, 0.7, 0.8, 0.9, 0.95, 0.98),
    needs="head",
)
