"""`rs5m`: RS5M, five million images with one machine-written caption each (Zhang et al., TGRS 2024).

Published layout: webdataset shards `{pub11,rs3}-{train,val}-0000.tar` ..., in folders `train/` and `val/`. A
sample has the members `img_name`, `img_content` and `caption`; shards with `jpg` and `txt` (or `json` with a
caption) are read too. It is a training set: `stream` gives its pairs, and there are no pictures to find in a
folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from swath.captions.nouns import Annotations, StreamedImage
from swath.captions.rows import Row, gather
from swath.captions.shards import OnSkip, samples
from swath.decoding import NOT_JSON
from swath.errors import CaptionsError

PICTURES = ("img_content", "jpg", "jpeg", "png", "webp", "tif", "tiff")
WORDS = ("caption", "txt", "json")

_SHARD = re.compile(r"(?P<part>.*)-(?P<split>[a-z]+)-(?P<number>\d+)\.tar(\.gz)?")


class _Described(msgspec.Struct):
    caption: str


def read(root: Path) -> Annotations:
    """The captions of all shards; pictures are passed over. They are all held: for parts of the set alone.

    Raises `CaptionsError` where there is no shard, or one is damaged.
    """
    rows = (
        Row(name, split, captions)
        for split in dict.fromkeys(_parsed(path)[1] for path in _shards(root))
        for path in _shards(root, split)
        for name, _, captions in _pairs(path, pictures=False)
    )
    return Annotations(root, root, gather(rows))


def stream(root: Path, split: str, shard: int, of: int, on_skip: OnSkip | None) -> Iterator[StreamedImage]:
    """See `swath.captions.stream`."""
    for path in _shards(root, split)[shard::of]:
        for name, picture, captions in _pairs(path, pictures=True):
            if picture and captions:
                yield StreamedImage(name, picture, captions)
            elif on_skip is not None:
                lacks = "caption" if picture else "picture"
                on_skip(f"{path.name}/{name}", f"the sample has no {lacks}")


def _pairs(path: Path, pictures: bool) -> Iterator[tuple[str, bytes, tuple[str, ...]]]:
    kinds = {*WORDS, "img_name", *(PICTURES if pictures else ())}
    for key, parts in samples(path, kinds.__contains__):
        words = next((kind for kind in WORDS if kind in parts), None)
        try:
            captions = () if words is None else (_caption(words, parts[words]),)
            name = parts["img_name"].decode() if "img_name" in parts else key
        except NOT_JSON as error:
            raise CaptionsError(f"{path}: sample {key} has words that cannot be read: {error}") from error
        picture = next((parts[kind] for kind in PICTURES if kind in parts), b"")
        yield name, picture, captions


def _caption(kind: str, content: bytes) -> str:
    if kind == "json":
        return msgspec.json.decode(content, type=_Described).caption
    return content.decode().rstrip("\r\n")


def _shards(root: Path, split: str | None = None) -> list[Path]:
    """Tars of a split, or of all, in the order of their names and numbers."""
    found = [path for path in root.rglob("*.tar*") if _SHARD.fullmatch(path.name)]
    if not found:
        raise CaptionsError(f"no shards such as pub11-train-0000.tar in {root}")
    chosen = [path for path in found if split in (None, _parsed(path)[1])]
    if not chosen:
        there = ", ".join(sorted({_parsed(path)[1] for path in found}))
        raise CaptionsError(f"{root} has no shards of a split {split!r}; it has {there}")
    return sorted(chosen, key=lambda path: (_parsed(path), path.as_posix()))


def _parsed(path: Path) -> tuple[str, str, int]:
    match = _SHARD.fullmatch(path.name)
    return (match["part"], match["split"], int(match["number"])) if match else ("", "", 0)
