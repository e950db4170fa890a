"""Plain lists of ours; the setting is the coverage that is promised."""

from __future__ import annotations

from swath.evaluation.peers import Peer
from swath.evaluation.peers.ours import partial

PEER = Peer("swath ivf", lambda folder: partial(folder, "ivf({})", None), (0.5, 0.7, 0.8, 0.9, 0.95, 0.98))
