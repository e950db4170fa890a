"""`sydney`: Sydney-Captions, 613 images of 500 x 500 pixels with five captions each (Qu et al., CITS 2016).

Published layout: `dataset.json` beside `imgs/`, whose pictures are `1.tif` to `613.tif`.
"""

from __future__ import annotations

from pathlib import Path

from swath.captions.layouts import Published
from swath.captions.nouns import Annotations

_PUBLISHED = Published("sydney", "dataset.json", ("imgs", "images"))


def read(root: Path) -> Annotations:
    """Read a published layout. Raises `CaptionsError` where the annotations cannot be used."""
    return _PUBLISHED.read(root)
