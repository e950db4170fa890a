"""A small georeferenced aerial world, drawn by rules, with the truth about what is where.

`render` writes it as GeoTIFFs, `chips` renders single pictures with captions, `QUESTIONS` are plain queries,
one for each of the ten `KINDS`, whose right windows are known.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .questions import KINDS, QUESTIONS, Question

if TYPE_CHECKING:
    from .pictures import Chip
    from .places import Place
    from .world import World

__all__ = ["KINDS", "QUESTIONS", "Question", "chips", "places", "render"]


def render(folder: Path, seed: int = 0, *, density: float = 2.0) -> World:
    """Write the sample world to a folder; see `swath.imagery.sample.world.render`."""
    from .world import render as run

    return run(folder, seed, density=density)


def chips(n: int, seed: int = 0) -> Iterator[Chip]:
    """Render n captioned pictures of 224 x 224 pixels; see `swath.imagery.sample.pictures.chips`."""
    from .pictures import chips as run

    return run(n, seed)


def places(folder: Path) -> tuple[Place, ...]:
    """What was drawn where in a world's folder; see `swath.imagery.sample.places.places`."""
    from .places import places as run

    return run(folder)
