from __future__ import annotations

import json
from pathlib import Path

import pytest

from swath.captions import load, read
from swath.captions.nwpu import label
from swath.errors import CaptionsError
from tests.captions import lookalike


def test_the_published_layout_is_read(tmp_path: Path) -> None:
    root = lookalike.nwpu(tmp_path)
    dataset = load("nwpu", root, "val")

    assert list(read("nwpu", root).splits) == ["train", "val", "test"]
    (image,) = dataset.images
    assert (image.name, image.label) == ("dense_residential_001.jpg", "dense_residential")
    assert image.captions == tuple(lookalike.five("red"))
    assert image.path == root / "NWPU_images" / "dense_residential" / "dense_residential_001.jpg"


def test_the_label_comes_from_the_name_where_the_file_says_none() -> None:
    assert label("dense_residential_001.jpg") == "dense_residential"
    assert label("7.jpg") is None


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"airplane": [{"filename": "a.jpg"}]}', '{"airplane": [{"split": 1}]}']
)
def test_a_file_of_another_structure_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "dataset_nwpu.json").write_text(content)
    with pytest.raises(CaptionsError):
        read("nwpu", tmp_path)


def test_a_caption_that_is_null_is_empty(tmp_path: Path) -> None:
    content = {"beach": [{"filename": "beach_1.jpg", "split": "test", "raw": "sand", "raw_1": None}]}
    (tmp_path / "dataset_nwpu.json").write_text(json.dumps(content))
    assert read("nwpu", tmp_path).records[0].captions == ("sand", "")
