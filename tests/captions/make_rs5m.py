"""Tiny shards in the layout of RS5M.

Run as a script to look at it: `python -m tests.captions.make_rs5m FOLDER`.
"""

from __future__ import annotations

import io
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from tests.tiny import COLOURS


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
    rs5m(Path(sys.argv[1]))
