"""The data sets that are known by name, and reading a split of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from swath.captions import generic, nwpu, rs5m, rsicd, rsitmd, sydney, ucm
from swath.captions.nouns import Annotations, CaptionedImage, CaptionedSet, StreamedImage
from swath.captions.pictures import SUFFIXES, PictureFolder, defect
from swath.captions.shards import OnSkip
from swath.errors import CaptionsError, InputError

CAPTIONS: dict[str, Callable[[Path], Annotations]] = {
    "rsicd": rsicd.read,
    "ucm": ucm.read,
    "sydney": sydney.read,
    "rsitmd": rsitmd.read,
    "nwpu": nwpu.read,
    "rs5m": rs5m.read,
    "captions": generic.read,
}
"""Name to the function that reads the annotations of a data set from its root; no pixels are touched."""

TERMS: dict[str, str] = {
    "rsicd": "research use (Lu et al., TGRS 2018)",
    "ucm": "imagery USGS, public domain; research use asked (Yang & Newsam 2010, Qu et al. 2016)",
}
"""Terms of the data sets that stated some; what is trained on a set carries them in its card."""

_STREAMED = {"rs5m": rs5m.stream}


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
    if name in _STREAMED:
        raise CaptionsError(
            f"{name} lies in tar shards that are never unpacked: stream({name!r}, ...) reads them"
        )
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


def stream(
    name: str, root: Path, split: str, *, shard: int = 0, of: int = 1, on_skip: OnSkip | None = None
) -> Iterator[StreamedImage]:
    """Read the pairs of a split from its tar shards, in a fixed order, holding one pair at a time.

    Worker `shard` of `of` (from 0) reads every `of`-th tar: together the workers read every pair once, and
    where there are fewer tars than workers some read none. `on_skip(name, reason)` hears of every sample that
    lacks its picture or its words.

    Raises `CaptionsError` where the data set is not one of shards, the split has none, or a tar is damaged,
    and `InputError` where there is no such worker.
    """
    if name not in _STREAMED:
        raise CaptionsError(f"{name!r} does not lie in tar shards; {', '.join(_STREAMED)} does")
    if not 0 <= shard < of:
        raise InputError(f"no worker {shard} of {of}: they count from 0 to {of - 1}")
    return _STREAMED[name](root, split, shard, of, on_skip)


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
