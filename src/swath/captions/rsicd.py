"""`rsicd`: RSICD, 10,921 images of 224 x 224 pixels with five captions each (Lu et al., TGRS 2018).

Published layout: `dataset_rsicd.json` beside `RSICD_images/`; also the text, JSON and CSV layouts of
`layouts`. The "val" of the JSON layout is another one: most of its images are training images of the official
split.
"""

from __future__ import annotations

import re
from pathlib import Path

from swath.captions.layouts import Published
from swath.captions.nouns import Annotations

_CLASS = re.compile(r"([a-z]+)_\d+\.", re.IGNORECASE)


def label(name: str) -> str | None:
    """The class that an image's name begins with; None for the images that have a number alone."""
    match = _CLASS.match(name)
    return match[1].lower() if match else None


_PUBLISHED = Published("rsicd", "dataset_rsicd.json", ("RSICD_images",), label)


def read(root: Path) -> Annotations:
    """Read a published layout. Raises `CaptionsError` where the annotations cannot be used."""
    return _PUBLISHED.read(root)
