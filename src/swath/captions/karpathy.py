"""`captions`: any data set in the JSON layout that Karpathy's image-captioning splits made common.

One JSON file beside a folder `imgs/`:
`{"images": [{"filename", "split", "sentences": [{"raw", "tokens"}]}]}`.
The data sets of the field that were published in this layout are read by the same function.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from swath.captions.nouns import Annotations
from swath.captions.rows import Row, gather
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


class _File(msgspec.Struct):
    images: list[_Image]


def read(root: Path) -> Annotations:
    """Read the one JSON file in `root`, or `root` itself where it is a file; `imgs/` lies beside it.

    Raises `CaptionsError` where there is no JSON file, or several and none is called `dataset.json`.
    """
    file = root if root.is_file() else _only_json(root)
    return Annotations(file, file.parent / IMAGES, gather(rows(file)))


def rows(file: Path) -> Iterator[Row]:
    """The images of a file in Karpathy's layout.

    Raises `CaptionsError` where the file is missing, is not JSON or has another structure.
    """
    try:
        content = msgspec.json.decode(file.read_bytes(), type=_File)
    except OSError as error:
        raise CaptionsError(f"cannot read {file}: {error.strerror}; captions are looked for there") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CaptionsError(f"{file} is not an annotation file in Karpathy's JSON layout: {error}") from error
    for image in content.images:
        name = f"{image.filepath}/{image.filename}" if image.filepath else image.filename
        yield Row(name, image.split, [sentence.text for sentence in image.sentences])


def _only_json(root: Path) -> Path:
    found = sorted(root.glob("*.json"))
    if root / PREFERRED in found:
        return root / PREFERRED
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name for path in found)
        raise CaptionsError(f"{root} holds several JSON files ({names}): name one of them as the root")
    raise CaptionsError(f"no JSON file in {root}: expected {PREFERRED} (or any other name) beside {IMAGES}/")
