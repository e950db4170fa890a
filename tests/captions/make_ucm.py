"""A tiny data set in the layout of UCM-Captions: flat coloured pictures.

Run as a script to look at it: `python -m tests.captions.make_ucm FOLDER`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.captions.drawing import SPLITS, annotate, five, picture


def ucm(root: Path, suffix: str = ".jpg") -> Path:
    """UCM-Captions' layout: the annotation file says `N.tif`, the pictures are `N.jpg`."""
    images = []
    colours = ("yellow", "white", "black")
    for place, number in enumerate((1, 100, 101, 900, 2000, 2100)):
        colour = colours[place % 3]
        images.append((f"{number}.tif", SPLITS[place // 2], five(colour)))
        picture(root / "imgs" / f"{number}{suffix}", colour)
    annotate(root / "dataset.json", images, num_classes=21)
    return root


if __name__ == "__main__":
    ucm(Path(sys.argv[1]))
