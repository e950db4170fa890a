"""Generators of tiny data sets that look like the published ones: same layout, flat coloured pictures.

Run as a script to look at one: `python -m tests.captions.lookalike rsicd FOLDER`.
"""

from __future__ import annotations

import csv
import io
import json
import sys
import tarfile
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


def sydney(root: Path) -> Path:
    """Sydney-Captions' layout: `N.tif` beside `dataset.json`."""
    images = [(f"{place + 1}.tif", split, five("blue")) for place, split in enumerate(SPLITS)]
    for name, _, _ in images:
        picture(root / "imgs" / name, "blue")
    annotate(root / "dataset.json", images)
    return root


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


def shard(file: Path, members: Sequence[tuple[str, bytes]]) -> Path:
    """A tar with the members given, in their order."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file


def rs5m(root: Path, shards: int = 3, samples: int = 4) -> Path:
    """RS5M's layout: webdataset shards in train/ and val/, with the member names of the published ones."""
    jpeg = io.BytesIO()
    Image.new("RGB", (8, 8), COLOURS["green"]).save(jpeg, "JPEG")
    for split, count in (("train", shards), ("val", 1)):
        for number in range(count):
            members: list[tuple[str, bytes]] = []
            for place in range(samples):
                key = f"{number:02}{place:05}"
                members += [
                    (f"{key}.caption", f"a satellite image of {split} {key}".encode()),
                    (f"{key}.img_content", jpeg.getvalue()),
                    (f"{key}.img_name", f"pub11_{split}_{key}.jpg".encode()),
                ]
            shard(root / split / f"pub11-{split}-{number:04}.tar", members)
    return root


if __name__ == "__main__":
    makers = (rsicd, ucm, sydney, rsitmd, nwpu, rs5m, precomp, pairs, tables)
    {maker.__name__: maker for maker in makers}[sys.argv[1]](Path(sys.argv[2]))
