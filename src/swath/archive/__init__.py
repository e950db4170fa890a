"""What is kept: tiles with their signals, in a folder that survives crashes, copies and moves.

An archive is a table of tiles (tiles.lance), columns derived from it that searches map into memory (hot/),
a copy of the encoder (encoder/) and a pointer to what was committed last (swath.json). Nothing is imported
before it is used: opening an archive and reading its gallery needs NumPy and msgspec alone.
"""

from typing import TYPE_CHECKING, Any

from swath.archive.gallery import ArchiveGallery
from swath.archive.lock import LockedError
from swath.archive.pointer import NAME as POINTER
from swath.archive.store import ArchiveInfo, EncoderInfo, Store, create, open_store

if TYPE_CHECKING:
    from swath.archive.builder import AddReport
    from swath.archive.verify import Problem

__all__ = [
    "POINTER",
    "AddReport",
    "ArchiveGallery",
    "ArchiveInfo",
    "EncoderInfo",
    "LockedError",
    "Problem",
    "Store",
    "create",
    "open_store",
]


def __getattr__(name: str) -> Any:
    # Their modules import the table.
    if name == "AddReport":
        from swath.archive.builder import AddReport

        return AddReport
    if name == "Problem":
        from swath.archive.verify import Problem

        return Problem
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
