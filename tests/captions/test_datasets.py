from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from swath.captions import CAPTIONS, load
from swath.errors import CaptionsError
from tests.captions import lookalike


def test_missing_and_damaged_pictures_are_listed_and_the_rest_is_used(tmp_path: Path) -> None:
    root = lookalike.rsicd(tmp_path)
    folder = root / "RSICD_images"
    (folder / "airport_4.jpg").unlink()
    (folder / "airport_5.jpg").write_bytes(b"<html>404</html>")
    dataset = load("rsicd", root, "val")

    assert [image.name for image in dataset.images] == ["00626.jpg"]
    assert dataset.missing == ("airport_4.jpg",)
    assert [name for name, _ in dataset.damaged] == ["airport_5.jpg"]
    assert dataset.skipped[0] == ("airport_4.jpg", "not found")
    assert "damaged" in dataset.skipped[1][1]


def test_an_empty_picture_and_a_dead_link_are_damaged(tmp_path: Path) -> None:
    root = lookalike.rsicd(tmp_path)
    (root / "RSICD_images" / "airport_4.jpg").write_bytes(b"")
    (root / "RSICD_images" / "airport_5.jpg").unlink()
    (root / "RSICD_images" / "airport_5.jpg").symlink_to(tmp_path / "nowhere")
    reasons = dict(load("rsicd", root, "val").damaged)

    assert "does not begin like a picture" in reasons["airport_4.jpg"]
    assert "No such file" in reasons["airport_5.jpg"]


def test_where_nothing_is_left_the_message_says_what_was_looked_for(tmp_path: Path) -> None:
    root = lookalike.ucm(tmp_path)
    for path in (root / "imgs").iterdir():
        path.unlink()
    (root / "imgs" / "100.jpg").write_bytes(b"no")
    with pytest.raises(CaptionsError) as error:
        load("ucm", root, "train")

    assert str(root / "imgs") in str(error.value)
    assert "1 not found, such as 1.tif (with any suffix of .png .tif" in str(error.value)
    assert "1 damaged, such as 100.tif" in str(error.value)


def test_a_name_does_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    lookalike.picture(tmp_path / "secret.jpg", "red")
    root = lookalike.karpathy(tmp_path / "root", {"a.jpg": ["red"]})
    lookalike.annotate(
        root / "dataset.json", [("../../secret.jpg", "test", ["red"]), ("a.jpg", "test", ["red"])]
    )

    assert load("captions", root, "test").missing == ("../../secret.jpg",)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        CaptionsError,
        match="no captioned data set is called 'rscid'; there are rsicd, ucm, sydney, rsitmd, ",
    ):
        load("rscid", tmp_path, "val")
    with pytest.raises(CaptionsError, match="no such folder"):
        load("rsicd", tmp_path / "nowhere", "val")
    with pytest.raises(CaptionsError, match=r"cannot read .*dataset_rsicd\.json"):
        load("rsicd", tmp_path, "val")
    with pytest.raises(CaptionsError, match=r"expected dataset\.json .* beside imgs/"):
        load("captions", tmp_path, "val")
    root = lookalike.rsicd(tmp_path)
    with pytest.raises(CaptionsError, match=r"no split 'valid'; it has train \(3 images\), val \(3 images\)"):
        load("rsicd", root, "valid")
    (root / "RSICD_images").rename(root / "images")
    with pytest.raises(CaptionsError, match=r"no folder of pictures at .*RSICD_images"):
        load("rsicd", root, "val")


def test_the_split_hash_names_content_and_not_order(tmp_path: Path) -> None:
    dataset = load("rsicd", lookalike.rsicd(tmp_path), "val")
    first, *others = dataset.images
    turned = replace(first, captions=first.captions[::-1])
    changed = replace(first, captions=(*first.captions[1:], "a new one ."))

    assert len(dataset.split_hash) == 32
    assert replace(dataset, images=(*others, turned)).split_hash == dataset.split_hash
    assert replace(dataset, images=(*others, changed)).split_hash != dataset.split_hash
    assert replace(dataset, images=tuple(others)).split_hash != dataset.split_hash


def test_a_set_without_what_could_not_be_decoded(tmp_path: Path) -> None:
    dataset = load("rsicd", lookalike.rsicd(tmp_path), "val")
    smaller = dataset.without([("airport_5.jpg", "truncated")])

    assert [image.name for image in smaller.images] == ["airport_4.jpg", "00626.jpg"]
    assert smaller.damaged == (("airport_5.jpg", "truncated"),)
    assert dataset.without([]) is dataset
    with pytest.raises(CaptionsError, match=r"none of the 3 images .*airport_4\.jpg: gone"):
        dataset.without([(image.name, "gone") for image in dataset.images])


@pytest.mark.parametrize("name", list(CAPTIONS))
def test_every_data_set_has_a_file_that_says_what_it_is(name: str) -> None:
    module = sys.modules[CAPTIONS[name].__module__]
    assert (module.__doc__ or "").startswith(f"`{name}`: ")


def test_the_room_opens_without_the_picture_library() -> None:
    code = "import sys, swath.captions; sys.exit('PIL' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)
