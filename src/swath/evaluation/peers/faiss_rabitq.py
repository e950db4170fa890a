"""faiss RaBitQ with 4 bits, refined in float16; knobs are lists and what is scored again."""

from __future__ import annotations

from swath.evaluation.peers import Peer
from swath.evaluation.peers.faiss_index import made, probe_and_refine

PEER = Peer(
    "faiss IVF-RaBitQ",
    lambda folder: made(folder, "IVF{lists},RaBitQfs4,Refine(SQfp16)", probe_and_refine),
    ((8, 4), (16, 4), (32, 4), (64, 4), (64, 10), (128, 10)),
)
