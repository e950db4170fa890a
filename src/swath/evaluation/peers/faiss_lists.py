"""faiss inverted lists over float16; the knob is how many are visited."""

from __future__ import annotations

from swath.evaluation.peers.faiss_index import from_factory, probe

PEER = from_factory("faiss IVF", "IVF{lists},SQfp16", probe, (4, 8, 16, 32, 64, 128))
