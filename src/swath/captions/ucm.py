"""`ucm`: UCM-Captions, 2,100 images of 256 x 256 pixels with five captions each (Qu et al., CITS 2016).

Published layout: `dataset.json` beside `imgs/`, whose pictures are `1.tif` to `2100.tif` (often kept as
`1.jpg` ...). The pictures are those of the UC Merced land use data set (Yang and Newsam, 2010).
"""

from __future__ import annotations

from pathlib import Path

from swath.captions.layouts import Published
from swath.captions.nouns import Annotations

CLASSES = (
    "agricultural",
    "airplane",
    "baseballdiamond",
    "beach",
    "buildings",
    "chaparral",
    "denseresidential",
    "forest",
    "freeway",
    "golfcourse",
    "harbor",
    "intersection",
    "mediumresidential",
    "mobilehomepark",
    "overpass",
    "parkinglot",
    "river",
    "runway",
    "sparseresidential",
    "storagetanks",
    "tenniscourt",
)
PER_CLASS = 100


def label(name: str) -> str | None:
    """The class of an image: its number runs through the sorted classes, a hundred images each."""
    number = name.partition(".")[0]
    if not number.isdecimal() or not 1 <= int(number) <= PER_CLASS * len(CLASSES):
        return None
    return CLASSES[(int(number) - 1) // PER_CLASS]


_PUBLISHED = Published("ucm", "dataset.json", ("imgs",), label)


def read(root: Path) -> Annotations:
    """Read a published layout. Raises `CaptionsError` where the annotations cannot be used."""
    return _PUBLISHED.read(root)
