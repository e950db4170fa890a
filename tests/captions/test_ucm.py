from __future__ import annotations

from pathlib import Path

import pytest

from swath.captions import load
from swath.captions.ucm import CLASSES, label
from tests.captions import lookalike


@pytest.mark.parametrize("suffix", [".tif", ".jpg", ".JPG", ".png"])
def test_a_picture_is_found_under_another_suffix(tmp_path: Path, suffix: str) -> None:
    dataset = load("ucm", lookalike.ucm(tmp_path, suffix), "train")

    assert [image.name for image in dataset.images] == ["1.tif", "100.tif"]
    assert [image.path.name for image in dataset.images] == [f"1{suffix}", f"100{suffix}"]


def test_labels_run_through_the_sorted_classes(tmp_path: Path) -> None:
    root = lookalike.ucm(tmp_path)

    assert [image.label for image in load("ucm", root, "train").images] == ["agricultural", "agricultural"]
    assert [image.label for image in load("ucm", root, "val").images] == ["airplane", "freeway"]
    assert [image.label for image in load("ucm", root, "test").images] == ["storagetanks", "tenniscourt"]
    assert list(CLASSES) == sorted(CLASSES)
    assert [label(name) for name in ("0.tif", "2101.tif", "harbour.tif")] == [None, None, None]


def test_the_real_pictures_of_a_split_are_found(data: Path, tmp_path: Path) -> None:
    (tmp_path / "dataset.json").symlink_to(data / "annotations" / "ucm" / "dataset.json")
    (tmp_path / "imgs").symlink_to(data / "ucm" / "imgs")
    dataset = load("ucm", tmp_path, "val")

    assert (len(dataset.images), dataset.captions, dataset.skipped) == (210, 1050, ())
    assert {image.label for image in dataset.images} == set(CLASSES)
