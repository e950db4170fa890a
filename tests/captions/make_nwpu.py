"""A tiny data set in the layout of NWPU-Captions: flat coloured pictures.

Run as a script to look at it: `python -m tests.captions.make_nwpu FOLDER`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.captions.drawing import five, picture


def nwpu(root: Path) -> Path:
    """NWPU-Captions' layout: images by class, in a folder for each class."""
    content: dict[str, list[dict[str, object]]] = {}
    for scene, number, split, colour in (
        ("dense_residential", "001", "val", "red"),
        ("dense_residential", "002", "train", "green"),
        ("airplane", "700", "test", "grey"),
    ):
        name = f"{scene}_{number}.jpg"
        said = dict(zip(("raw", "raw_1", "raw_2", "raw_3", "raw_4"), five(colour), strict=True))
        entry = {"filename": name, "split": split, "imgid": 1, "sentid": 5, **said}
        content.setdefault(scene, []).append(entry)
        picture(root / "NWPU_images" / scene / name, colour)
    (root / "dataset_nwpu.json").write_text(json.dumps(content))
    return root


if __name__ == "__main__":
    nwpu(Path(sys.argv[1]))
