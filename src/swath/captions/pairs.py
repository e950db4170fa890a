"""The JSON layout of the PIR and HarMA line: a list of images and captions for each split, `NAME_SPLIT.json`.

`[{"image": "train/bridge_942.tif", "caption": "..." or ["...", ...], "label_name": "bridge"}]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from swath.captions.rows import Row, file_name
from swath.decoding import NOT_JSON
from swath.errors import CaptionsError


class _Pair(msgspec.Struct):
    image: str
    caption: str | list[str]
    label_name: str | None = None


def files(folder: Path, name: str) -> list[Path]:
    """The files of one data set, sorted by name."""
    return sorted(folder.glob(f"{name}_*.json"))


def rows(file: Path) -> Iterator[Row]:
    """The pairs of one file. Raises `CaptionsError` where it cannot be read or has another structure."""
    try:
        content = msgspec.json.decode(file.read_bytes(), type=list[_Pair])
    except OSError as error:
        raise CaptionsError(f"cannot read {file}: {error.strerror}; captions are looked for there") from error
    except NOT_JSON as error:
        raise CaptionsError(f"{file} is not a list of images and captions: {error}") from error
    split = file.stem.rpartition("_")[2]
    for pair in content:
        texts = [pair.caption] if isinstance(pair.caption, str) else pair.caption
        yield Row(file_name(pair.image), split, texts, pair.label_name)
