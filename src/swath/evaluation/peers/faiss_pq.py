"""faiss product quantisation by FastScan, refined in float16; knobs are lists and what is scored again."""

from __future__ import annotations

from swath.evaluation.peers.faiss_index import from_factory, probe_and_refine

PEER = from_factory(
    "faiss IVF-PQ",
    "IVF{lists},PQ96x4fs,Refine(SQfp16)",
    probe_and_refine,
    ((8, 10), (16, 10), (32, 20), (64, 20), (64, 50), (128, 50)),
)
