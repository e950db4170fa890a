"""The data sets that are known by name, and reading a split of one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from swath.captions import karpathy, rsicd, ucm
from swath.captions.nouns import Annotations, CaptionedImage, CaptionedSet
from swath.captions.pictures import SUFFIXES, PictureFolder, defect
from swath.errors import CaptionsError

CAPTIONS: dict[str, Callable[[Path], Annotations]] = {
    "rsicd": rsicd.read,
    "ucm": ucm.read,
    "captions": karpathy.read,
}
"""Name to the function that reads the annotations of a data set from its root; no pixels are touched."""


def read(name: str, root: Path) -> Annotations:
    """Read what a data set says about its images, all splits, without looking for the pictures.

    Raises `CaptionsError` where the name, the root or the annotation file is not usable.
    """
    if name not in CAPTIONS:
        raise CaptionsError(f"no captioned data set is called {name!r}; there are {', '.join(CAPTIONS)}")
    if not root.exists():
        raise CaptionsError(f"no such folder: {root} (the root of {name})")
    return CAPTIONS[name](root)


def load(name: str, root: Path, split: str) -> CaptionedSet:
    """Read one split of a data set, with the pictures of it that are there.

    A picture may have another suffix than in the annotation file. Pictures that are missing, or do not begin
    like one, are left out and listed; the root may well hold the pictures of this split alone.

    Raises `CaptionsError` where the name, the root, the annotation file or the split is not usable, and where
    no picture of the split is left.
    """
    annotations = read(name, root)
    records = annotations.split(split)
    if not annotations.folder.is_dir():
        raise CaptionsError(f"no folder of pictures at {annotations.folder}, where {name} keeps them")
    pictures = PictureFolder(annotations.folder)
    images: list[CaptionedImage] = []
    missing: list[str] = []
    damaged: list[tuple[str, str]] = []
    for record in records:
        path = pictures.find(record.name)
        if path is None:
            missing.append(record.name)
        elif reason := defect(path):
            damaged.append((record.name, reason))
        else:
            images.append(CaptionedImage(path, record.name, record.captions, record.label))
    if not images:
        raise CaptionsError(_nothing_left(annotations, pictures, split, missing, damaged))
    return CaptionedSet(name, split, tuple(images), tuple(missing), tuple(damaged))


def _nothing_left(
    annotations: Annotations,
    pictures: PictureFolder,
    split: str,
    missing: list[str],
    damaged: list[tuple[str, str]],
) -> str:
    total = len(missing) + len(damaged)
    message = (
        f"none of the {total:,} {split} images of {annotations.source} can be used from {annotations.folder}"
    )
    if missing:
        message += (
            f"; {len(missing):,} not found, such as {missing[0]} (with any suffix of {' '.join(SUFFIXES)})"
        )
    if damaged:
        message += f"; {len(damaged):,} damaged, such as {damaged[0][0]} ({damaged[0][1]})"
    there = {record.split for record in annotations.records if pictures.find(record.name)} - {split}
    if there:
        message += f"; pictures of {', '.join(sorted(there))} are there: ask for that split"
    return message
