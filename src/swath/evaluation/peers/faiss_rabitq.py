"""faiss RaBitQ with 4 bits, refined in float16; knobs are lists and what is scored again."""

from __future__ import annotations

from swath.evaluation.peers.faiss_index import from_factory, probe_and_refine

PEER = from_factory(
    "faiss IVF-RaBitQ",
    "IVF{lists},RaBitQfs4,Refine(SQfp16)",
    probe_and_refine,
    ((8, 4), (16, 4), (32, 4), (64, 4), (64, 10), (128, 10)),
)
