"""A tiny data set in the layout of RSICD: flat coloured pictures.

Run as a script to look at it: `python -m tests.captions.make_rsicd FOLDER`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.captions.drawing import SPLITS, annotate, five, picture


def rsicd(root: Path, splits: Sequence[str] = SPLITS) -> Path:
    """RSICD's layout: names with and without a class; pictures of the named splits alone."""
    images = []
    for split, start in zip(SPLITS, (1, 4, 7), strict=True):
        for place, colour in enumerate(("red", "green", "blue")):
            name = f"0062{start + place}.jpg" if colour == "blue" else f"airport_{start + place}.jpg"
            images.append((name, split, five(colour)))
            if split in splits:
                picture(root / "RSICD_images" / name, colour)
    annotate(root / "dataset_rsicd.json", images)
    return root


if __name__ == "__main__":
    rsicd(Path(sys.argv[1]))
