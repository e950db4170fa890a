"""`rsicd`: RSICD, 10,921 images of 224 x 224 pixels with five captions each (Lu et al., TGRS 2018).

Published layout: `dataset_rsicd.json` beside `RSICD_images/`.
"""

from __future__ import annotations

import re
from pathlib import Path

from swath.captions.karpathy import read_json
from swath.captions.nouns import Annotations

_CLASS = re.compile(r"([a-z]+)_\d+\.", re.IGNORECASE)


def read(root: Path) -> Annotations:
    """Read the published layout. Raises `CaptionsError` where the annotation file cannot be used."""
    return read_json(root / "dataset_rsicd.json", root / "RSICD_images", label)


def label(name: str) -> str | None:
    """The class that an image's name begins with; None for the images that have a number alone."""
    match = _CLASS.match(name)
    return match[1].lower() if match else None
