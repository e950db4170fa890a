"""The JSON layout that Karpathy's image-captioning splits made common.

One JSON file beside a folder `imgs/`:
`{"images": [{"filename", "split", "sentences": [{"raw", "tokens"}]}]}`.
The data sets of the field that were published in this layout are read by the same function, and splits that
are made here are written in it, with the class of an image as `label`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from swath.captions.nouns import Record
from swath.captions.rows import Row
from swath.decoding import NOT_JSON
from swath.errors import CaptionsError

IMAGES = "imgs"
PREFERRED = "dataset.json"


class _Sentence(msgspec.Struct):
    raw: str | None = None
    tokens: list[str] = []

    @property
    def text(self) -> str:
        return " ".join(self.tokens) if self.raw is None else self.raw


class _Image(msgspec.Struct):
    filename: str
    split: str
    sentences: list[_Sentence] = []
    filepath: str = ""
    label: str | None = None


class _File(msgspec.Struct):
    images: list[_Image]


def rows(file: Path) -> Iterator[Row]:
    """The images of a file in Karpathy's layout.

    Raises `CaptionsError` where the file is missing, is not JSON or has another structure.
    """
    try:
        content = msgspec.json.decode(file.read_bytes(), type=_File)
    except OSError as error:
        raise CaptionsError(f"cannot read {file}: {error.strerror}; captions are looked for there") from error
    except NOT_JSON as error:
        raise CaptionsError(f"{file} is not an annotation file in Karpathy's JSON layout: {error}") from error
    for image in content.images:
        name = f"{image.filepath}/{image.filename}" if image.filepath else image.filename
        yield Row(name, image.split, [sentence.text for sentence in image.sentences], image.label)


def is_layout(head: bytes) -> bool:
    """Whether a JSON file that begins like this lists its images, as this layout does."""
    return b'"images"' in head


def write(records: Iterable[Record], file: Path, name: str, facts: Mapping[str, object]) -> None:
    """Write records in this layout; `facts` stand beside them and are not read back.

    Raises `CaptionsError` where the file cannot be written.
    """
    images = [
        {
            "filename": record.name,
            "split": record.split,
            "sentences": [{"raw": text, "tokens": text.split()} for text in record.captions],
            **({} if record.label is None else {"label": record.label}),
        }
        for record in records
    ]
    try:
        file.write_text(json.dumps({"dataset": name, "images": images, **facts}), encoding="utf-8")
    except OSError as error:
        raise CaptionsError(f"cannot write the split to {file}: {error.strerror}") from error


def only_json(root: Path) -> Path:
    """The one JSON file in a folder, or `dataset.json`. Raises `CaptionsError` where it is not clear."""
    found = sorted(root.glob("*.json"))
    if root / PREFERRED in found:
        return root / PREFERRED
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name for path in found)
        raise CaptionsError(f"{root} holds several JSON files ({names}): name one of them as the root")
    raise CaptionsError(f"no JSON file in {root}: expected {PREFERRED} (or any other name) beside {IMAGES}/")
