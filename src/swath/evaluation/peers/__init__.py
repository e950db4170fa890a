"""Rivals of our nearest-neighbour search: one file each, imported in a process of its own (extra `bench`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Index(Protocol):
    """Something that finds the k nearest of vectors by inner product."""

    def search(self, queries: NDArray[np.float32], k: int, setting: Any, threads: int) -> NDArray[np.int64]:
        """int64[n, k] rows, -1 where there is none."""


@dataclass(frozen=True, slots=True)
class Peer:
    """How a rival is built, opened, and which of its knob's positions are tried."""

    name: str
    build: Callable[[Path, Path], None]
    """From the folder of the benchmark (see `swath.evaluation.ann`) into an empty folder of its own."""
    open: Callable[[Path, Path], Index]
    """From the same two folders."""
    settings: Sequence[Any]
    needs: str = ""
    """What it does not do without: `head`."""


PEERS = {
    "brute force": "flat",
    "faiss HNSW": "faiss_graph",
    "faiss IVF": "faiss_lists",
    "faiss IVF-PQ": "faiss_pq",
    "faiss IVF-RaBitQ": "faiss_rabitq",
    "usearch": "usearch_graph",
    "swath dense": "ours_dense",
    "swath ivf": "ours_lists",
    "swath sgpd": "ours_guided",
}
"""Name to the module here that has its `PEER`."""


BUILT_AS = {"swath ivf": "swath lists", "swath sgpd": "swath lists"}
"""Peers that share what is built, and its name."""


def peer(name: str) -> Peer:
    """One rival. Raises `ModuleNotFoundError` where its library is not installed."""
    found: Peer = import_module(f"swath.evaluation.peers.{PEERS[name]}").PEER
    return found
