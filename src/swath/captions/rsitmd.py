"""`rsitmd`: RSITMD, 4,743 images of 256 x 256 pixels with five captions each (Yuan et al., TGRS 2022).

Published layout: `dataset_RSITMD.json` beside `images/`; also the text, JSON and CSV layouts of `layouts`.
The official split is train and test; the JSON layout divides train into train and val. Four training images
have empty captions alone, and many images and captions are RSICD's.
"""

from __future__ import annotations

from pathlib import Path

from swath.captions.layouts import Published
from swath.captions.nouns import Annotations
from swath.captions.rsicd import label

_PUBLISHED = Published("rsitmd", "dataset_RSITMD.json", ("images", "imgs"), label)


def read(root: Path) -> Annotations:
    """Read a published layout. Raises `CaptionsError` where the annotations cannot be used."""
    return _PUBLISHED.read(root)
