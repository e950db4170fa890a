"""What all look-alike data sets are made of: flat coloured pictures and five sentences about a colour."""

from __future__ import annotations

import json
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
