"""A tiny data set in all layouts of RSITMD: its own, text files, JSON lists and CSV tables.

Run as a script to look at it: `python -m tests.captions.make_rsitmd FOLDER`.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.captions.drawing import annotate, five, picture

RSITMD = (
    ("boat_0.tif", "test", "blue"),
    ("bridge_942.tif", "train", "grey"),
    ("park_7.tif", "train", "green"),
)


def rsitmd(root: Path) -> Path:
    """RSITMD's own layout, whose test images come first."""
    for name, _, colour in RSITMD:
        picture(root / "images" / name, colour)
    annotate(root / "dataset_RSITMD.json", [(name, split, five(colour)) for name, split, colour in RSITMD])
    return root


def precomp(folder: Path, names_once: bool = False) -> Path:
    """The same in the AMFMN line's text layout, with a name for each caption, or for each image."""
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("test", "train"):
        images = [(name, five(colour)) for name, part, colour in RSITMD if part == split]
        times = 1 if names_once else 5
        names = [name for name, _ in images for _ in range(times)]
        captions = [text for _, texts in images for text in texts]
        (folder / f"{split}_filename.txt").write_text("".join(f"{name}\n" for name in names))
        (folder / f"{split}_caps.txt").write_text("".join(f"{text}\n" for text in captions))
    return folder


def pairs(folder: Path) -> Path:
    """The same in the PIR line's JSON layout: one caption an entry in train, all in test."""
    folder.mkdir(parents=True, exist_ok=True)
    train = [
        {
            "caption": text,
            "image": f"train/{name}",
            "image_id": 1,
            "label_name": name.split("_")[0],
            "label": 0,
        }
        for name, part, colour in RSITMD
        if part == "train"
        for text in five(colour)
    ]
    test = [
        {"image": f"test/{name}", "caption": five(colour)} for name, part, colour in RSITMD if part == "test"
    ]
    (folder / "rsitmd_train.json").write_text(json.dumps(train))
    (folder / "rsitmd_test.json").write_text(json.dumps(test))
    return folder


def tables(folder: Path, separator: str = ",", header: Sequence[str] = ("filename", "title")) -> Path:
    """The same as open_clip's CSV, with paths of another machine."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, place in (("train", "/home/somebody/RSITMD/images/"), ("test", "D:\\data\\images\\")):
        with (folder / f"rsitmd_{split}.csv").open("w", newline="") as stream:
            lines = csv.writer(stream, delimiter=separator)
            lines.writerow(header)
            for name, part, colour in RSITMD:
                if part == split:
                    lines.writerows((place + name, text) for text in five(colour))
    return folder


if __name__ == "__main__":
    rsitmd(Path(sys.argv[1]))
