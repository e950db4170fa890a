from __future__ import annotations

from pathlib import Path

import pytest

from swath.captions import load
from swath.captions.rsicd import label
from swath.errors import CaptionsError
from tests.captions import lookalike


def test_the_published_layout_is_read(tmp_path: Path) -> None:
    dataset = load("rsicd", lookalike.rsicd(tmp_path), "val")

    assert (dataset.name, dataset.split) == ("rsicd", "val")
    assert [image.name for image in dataset.images] == ["airport_4.jpg", "airport_5.jpg", "00626.jpg"]
    assert [image.label for image in dataset.images] == ["airport", "airport", None]
    assert dataset.images[0].path == tmp_path / "RSICD_images" / "airport_4.jpg"
    assert dataset.images[0].captions == tuple(lookalike.five("red"))
    assert dataset.captions == 15
    assert dataset.skipped == ()


def test_a_folder_with_the_pictures_of_one_split_is_enough(tmp_path: Path) -> None:
    root = lookalike.rsicd(tmp_path, splits=["val"])

    assert len(load("rsicd", root, "val").images) == 3
    with pytest.raises(CaptionsError, match=r"none of the 3 train images .* pictures of val are there"):
        load("rsicd", root, "train")


def test_the_label_comes_from_the_name() -> None:
    assert label("airport_12.jpg") == "airport"
    assert label("00623.jpg") is None


def test_the_real_pictures_of_a_split_are_found(data: Path, tmp_path: Path) -> None:
    (tmp_path / "dataset_rsicd.json").symlink_to(data / "annotations" / "rsicd" / "dataset_rsicd.json")
    (tmp_path / "RSICD_images").symlink_to(data / "rsicd" / "RSICD_images")
    dataset = load("rsicd", tmp_path, "val")

    assert (len(dataset.images), dataset.captions, dataset.skipped) == (1094, 5470, ())
