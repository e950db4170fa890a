"""`nwpu`: NWPU-Captions, 31,500 images of 256 x 256 pixels with five captions each (Cheng et al., TGRS 2022).

Published layout: `dataset_nwpu.json` beside `NWPU_images/` (often `images/`), with a folder for each of the
45 classes: `{"airplane": [{"filename", "split", "raw", "raw_1", "raw_2", "raw_3", "raw_4"}]}`. Also the text
and CSV layouts of `layouts`. The pictures are those of NWPU-RESISC45.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from swath.captions.layouts import Published
from swath.captions.nouns import Annotations
from swath.captions.rows import Row
from swath.decoding import NOT_JSON
from swath.errors import CaptionsError

_CLASS = re.compile(r"([a-z_]+)_\d+\.", re.IGNORECASE)
_SENTENCE = re.compile(r"raw(_\d+)?")


class _Image(msgspec.Struct):
    filename: str
    split: str


def read(root: Path) -> Annotations:
    """Read a published layout. Raises `CaptionsError` where the annotations cannot be used."""
    return _PUBLISHED.read(root)


def label(name: str) -> str | None:
    """The class that an image's name begins with."""
    match = _CLASS.match(name)
    return match[1].lower() if match else None


def rows(file: Path) -> Iterator[Row]:
    """The images of the official file, class by class. Raises `CaptionsError` where it is not one."""
    try:
        classes = msgspec.json.decode(file.read_bytes(), type=dict[str, list[dict[str, object]]])
        for name, images in classes.items():
            for image in images:
                known = msgspec.convert(image, _Image)
                said = [text for key, text in image.items() if _SENTENCE.fullmatch(key)]
                captions = [text if isinstance(text, str) else "" for text in said]
                yield Row(known.filename, known.split, captions, name)
    except OSError as error:
        raise CaptionsError(f"cannot read {file}: {error.strerror}; captions are looked for there") from error
    except NOT_JSON as error:
        raise CaptionsError(f"{file} is not an annotation file in NWPU-Captions' layout: {error}") from error


_PUBLISHED = Published("nwpu", "dataset_nwpu.json", ("NWPU_images", "images", "imgs"), label, rows)
