"""The images of the published test splits, recognised by name and words whatever their split is called.

`held.json` has a fingerprint of each, 8 bytes in base64, by data set. For the published files it is what this
prints: `python -m swath.captions.held rsicd=DIR ucm=DIR sydney=DIR rsitmd=DIR nwpu=DIR`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path, PurePosixPath

from swath.captions.nouns import CaptionedImage, Record
from swath.captions.text import normalise

_BYTES = 8


def fingerprint(image: Record | CaptionedImage) -> bytes:
    """8 bytes of an image's name, without folder and suffix, and of its normalised captions in any order."""
    words = sorted({normalise(text) for text in image.captions} - {""})
    content = "\n".join([PurePosixPath(image.name).stem.lower(), *words])
    return hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=_BYTES).digest()


@cache
def held_out() -> Mapping[bytes, str]:
    """Fingerprint of every image of the published test splits -> its data set."""
    content = json.loads(files("swath.captions").joinpath("held.json").read_bytes())
    return {
        packed[start : start + _BYTES]: name
        for name, encoded in content.items()
        for packed in [base64.b64decode(encoded)]
        for start in range(0, len(packed), _BYTES)
    }


def pack(images: Iterable[Record]) -> str:
    """Fingerprints as `held.json` has them."""
    return base64.b64encode(b"".join(sorted({fingerprint(image) for image in images}))).decode()


if __name__ == "__main__":
    from swath.captions.datasets import read

    roots = (argument.partition("=") for argument in sys.argv[1:])
    found = {name: pack(read(name, Path(root)).split("test")) for name, _, root in roots}
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
