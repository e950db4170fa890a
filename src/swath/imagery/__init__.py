"""Pixels in: folders of pictures and rasters become windows, and windows become tiles with footprints.

`scan` lists the files, `windows` cuts one file by its header alone, `read` brings the pixels. Pillow and
rasterio are imported when the first file is opened, not before.
"""

from swath.imagery.cutting import is_chip
from swath.imagery.files import cut, open_picture, open_source, read, windows
from swath.imagery.footprints import bounds, from_wkb, to_wkb
from swath.imagery.places import Place, Remote, place, shown
from swath.imagery.scan import SUFFIXES, SourceFile, digest, is_catalogue, is_gone, scan, tile_id
from swath.imagery.thumbnails import fit, thumbnail
from swath.imagery.tiling import TileImage, Tiling

__all__ = [
    "SUFFIXES",
    "Place",
    "Remote",
    "SourceFile",
    "TileImage",
    "Tiling",
    "bounds",
    "cut",
    "digest",
    "fit",
    "from_wkb",
    "is_catalogue",
    "is_chip",
    "is_gone",
    "open_picture",
    "open_source",
    "place",
    "read",
    "scan",
    "shown",
    "thumbnail",
    "tile_id",
    "to_wkb",
    "windows",
]
