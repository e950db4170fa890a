"""Generators of tiny data sets that look like the published ones: same layout, flat coloured pictures.

Run as a script to look at one: `python -m tests.captions.lookalike rsicd FOLDER`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from tests.tiny import COLOURS

SPLITS = ("train", "val", "test")


def picture(path: Path, colour: str, side: int = 32) -> None:
    """One flat picture; the suffix says the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side, side), COLOURS[colour]).save(path)


def annotate(file: Path, images: Sequence[tuple[str, str, Sequence[str]]], **more: object) -> None:
    """A file in Karpathy's layout from (name, split, captions)."""
    entries: list[dict[str, object]] = []
    sentences = 0
    for number, (name, split, captions) in enumerate(images):
        said = [
            {"tokens": text.split(), "raw": text, "imgid": number, "sentid": sentences + place}
            for place, text in enumerate(captions)
        ]
        ids = [sentences + place for place in range(len(captions))]
        sentences += len(captions)
        entries.append({"filename": name, "imgid": number, "sentences": said, "split": split, "sentids": ids})
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"images": entries, "dataset": file.stem, **more}))


def five(colour: str) -> list[str]:
    """Five captions, two of them equal, all about one colour."""
    return [
        f"a {colour} field .",
        f"a {colour} field .",
        f"the land here is {colour} .",
        f"many {colour} roofs are in a {colour} area .",
        f"It is a piece of {colour} land .",
    ]


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


def karpathy(
    root: Path,
    images: Mapping[str, Sequence[str]],
    split: str = "test",
    colours: Sequence[str] = tuple(COLOURS),
) -> Path:
    """Any data set of one split: names and captions as given, each picture of the next colour."""
    for place, name in enumerate(images):
        picture(root / "imgs" / name, colours[place % len(colours)])
    annotate(root / "dataset.json", [(name, split, captions) for name, captions in images.items()])
    return root


if __name__ == "__main__":
    {"rsicd": rsicd, "ucm": ucm}[sys.argv[1]](Path(sys.argv[2]))
