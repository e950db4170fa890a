"""What is kept: tiles with their signals, in a folder that survives crashes, copies and moves.

An archive is a table of tiles (tiles.lance), columns derived from it that searches map into memory (hot/),
a copy of the encoder (encoder/) and a pointer to what was committed last (swath.json). Nothing is imported
before it is used: opening an archive and reading its gallery needs NumPy and msgspec alone.
"""

from typing import TYPE_CHECKING, Any

from swath.archive.alike import check_alike
from swath.archive.gallery import ArchiveGallery
from swath.archive.lock import LockedError
from swath.archive.pointer import ANSWERS_WITH
from swath.archive.pointer import NAME as POINTER
from swath.archive.rows import quantise
from swath.archive.store import ArchiveInfo, EncoderInfo, Store, create, merge, open_store

if TYPE_CHECKING:
    from swath.archive.builder import AddReport
    from swath.archive.edit import RelocateReport, RemoveReport
    from swath.archive.merging import MergeReport
    from swath.archive.reencode import ReencodeReport
    from swath.archive.units import Unit, encode_unit
    from swath.archive.upgrade import UpgradeReport
    from swath.archive.verify import Problem

__all__ = [
    "ANSWERS_WITH",
    "POINTER",
    "AddReport",
    "ArchiveGallery",
    "ArchiveInfo",
    "EncoderInfo",
    "LockedError",
    "MergeReport",
    "Problem",
    "ReencodeReport",
    "RelocateReport",
    "RemoveReport",
    "Store",
    "Unit",
    "UpgradeReport",
    "check_alike",
    "create",
    "encode_unit",
    "merge",
    "open_store",
    "quantise",
]


# Their modules import the table.
_LATER = {
    "AddReport": "builder",
    "Unit": "units",
    "encode_unit": "units",
    "MergeReport": "merging",
    "Problem": "verify",
    "ReencodeReport": "reencode",
    "RelocateReport": "edit",
    "RemoveReport": "edit",
    "UpgradeReport": "upgrade",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        from importlib import import_module

        return getattr(import_module(f"swath.archive.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
