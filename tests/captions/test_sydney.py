from __future__ import annotations

from pathlib import Path

from swath.captions import load
from tests.captions import lookalike


def test_the_published_layout_is_read(tmp_path: Path) -> None:
    dataset = load("sydney", lookalike.sydney(tmp_path), "val")

    assert [(image.name, image.label) for image in dataset.images] == [("2.tif", None)]
    assert dataset.images[0].captions == tuple(lookalike.five("blue"))
