"""What one request may ask for."""

from __future__ import annotations

import os
from dataclasses import dataclass, field


def _processors() -> int:
    return max(1, len(os.sched_getaffinity(0)))


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what a client may cost; whatever is beyond them is refused with a sentence."""

    k: int = 500
    """Hits of a search."""
    candidates: int = 10_000
    """Largest K of a stage."""
    parts: int = 64
    """Texts, pictures and tiles of a query together."""
    text: int = 2_000
    """Characters of a text, a filter, a pipeline or an id."""
    body: int = 16 * 1024 * 1024
    """Bytes of a request's body."""
    pixels: int = 64_000_000
    """Of one picture that is sent."""
    scenes: int = 2_000
    """Outlines in one answer; more files than that are drawn as cells."""
    tiles: int = 1_000
    """Tiles in one answer of `/tiles`."""
    seconds: float = 20.0
    """Until a search is given up."""
    receiving: float = 15.0
    """Seconds until the headers, and then the body, have arrived."""
    answering: float = 60.0
    """Seconds that a request may take in all, its answer sent."""
    searches: int = field(default_factory=_processors)
    """Searches that run at once."""
    waiting: int = 64
    """Searches that wait for their turn; beyond them the answer is 503."""
    connections: int = 512
    """Open connections."""
    header: int = 32 * 1024
    """Bytes of a request's line and headers."""
