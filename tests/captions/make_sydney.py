"""A tiny data set in the layout of Sydney-Captions: flat coloured pictures.

Run as a script to look at it: `python -m tests.captions.make_sydney FOLDER`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.captions.drawing import SPLITS, annotate, five, picture


def sydney(root: Path) -> Path:
    """Sydney-Captions' layout: `N.tif` beside `dataset.json`."""
    images = [(f"{place + 1}.tif", split, five("blue")) for place, split in enumerate(SPLITS)]
    for name, _, _ in images:
        picture(root / "imgs" / name, "blue")
    annotate(root / "dataset.json", images)
    return root


if __name__ == "__main__":
    sydney(Path(sys.argv[1]))
