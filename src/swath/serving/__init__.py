"""What people and programs ask, and what they see of an answer: JSON, GeoJSON, contact sheets, the doctor.

A search needs little of it, so nothing is imported before it is used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swath.geojson import geometry
    from swath.serving.asking import Asked, make_query, read_queries
    from swath.serving.doctor import encoders, examine
    from swath.serving.documents import (
        features_document,
        hit_document,
        hits_document,
        info_document,
        tile_document,
        write_geojson,
    )
    from swath.serving.sheet import write_sheet
    from swath.serving.tiles import TileDetails, unchanged
    from swath.serving.writing import check_name, read_hits, write_hits

__all__ = [
    "Asked",
    "TileDetails",
    "check_name",
    "encoders",
    "examine",
    "features_document",
    "geometry",
    "hit_document",
    "hits_document",
    "info_document",
    "make_query",
    "read_hits",
    "read_queries",
    "tile_document",
    "unchanged",
    "write_geojson",
    "write_hits",
    "write_sheet",
]

_HOMES = {
    **dict.fromkeys(("Asked", "make_query", "read_queries"), "asking"),
    **dict.fromkeys(("encoders", "examine"), "doctor"),
    "write_sheet": "sheet",
    **dict.fromkeys(("check_name", "read_hits", "write_hits"), "writing"),
    **dict.fromkeys(("TileDetails", "unchanged"), "tiles"),
}


def __getattr__(name: str) -> Any:
    if name in __all__:
        from importlib import import_module

        return getattr(import_module(f"swath.serving.{_HOMES.get(name, 'documents')}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
