"""Find places in overhead imagery by words and by example.

>>> import swath
>>> archive = swath.index("scenes", "town.swath")            # pictures and rasters, and where to keep them
>>> archive
Archive('town.swath', 7 tiles)

>>> archive = swath.open("town.swath")                       # later, and anywhere it was copied to
>>> hits = archive.search("blue", k=3)
>>> hits[0].rank, hits[0].tile.source.endswith("blue.png")
(1, True)

>>> more = archive.search(like=hits[0].tile.id, k=2)          # by example, by a picture, by all of it at once
>>> mixed = archive.search("red", image="scenes/grey.png", unlike=[hits[0].tile.id], where="width < 1000")
>>> [hit.rank for hit in mixed]
[1, 2, 3, 4, 5, 6]

>>> archive.sheet(mixed, "mixed.html", title="red, and a little grey").name
'mixed.html'

All that is public is named here; `Archive` says what it can do. Nothing is imported before it is used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swath.api import Archive, index, merge, open  # noqa: A004  reads as swath.open
    from swath.errors import SwathError
    from swath.hits import Hit, Hits
    from swath.many import Archives, open_many
    from swath.outputs import locate
    from swath.types import Footprint, Query, Tile, Window

__all__ = [
    "Archive",
    "Archives",
    "Footprint",
    "Hit",
    "Hits",
    "Query",
    "SwathError",
    "Tile",
    "Window",
    "index",
    "locate",
    "merge",
    "open",
    "open_many",
]

_HOMES = {
    "Archive": "api",
    "index": "api",
    "locate": "outputs",
    "merge": "api",
    "open": "api",
    "Archives": "many",
    "open_many": "many",
    "SwathError": "errors",
    "Hit": "hits",
    "Hits": "hits",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "__version__":
        return import_module("importlib.metadata").version("swath")
    if name in __all__:
        return getattr(import_module(f"swath.{_HOMES.get(name, 'types')}"), name)
    raise AttributeError(f"module 'swath' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
