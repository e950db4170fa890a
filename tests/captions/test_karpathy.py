from __future__ import annotations

import json
from pathlib import Path

import pytest

from swath.captions import load, read
from swath.errors import CaptionsError
from tests.captions import lookalike

TWO = {"a.jpg": ["a red field"], "b.jpg": ["a green field", ""]}


def test_one_file_of_any_name_beside_imgs(tmp_path: Path) -> None:
    root = lookalike.karpathy(tmp_path, TWO)
    (root / "dataset.json").rename(root / "my_captions.json")
    dataset = load("captions", root, "test")

    assert [(image.name, image.captions) for image in dataset.images] == [
        ("a.jpg", ("a red field",)),
        ("b.jpg", ("a green field", "")),
    ]
    assert all(image.label is None for image in dataset.images)


def test_among_several_files_dataset_json_is_taken_or_one_must_be_named(tmp_path: Path) -> None:
    root = lookalike.karpathy(tmp_path, TWO)
    other = root / "other.json"
    lookalike.annotate(other, [("b.jpg", "test", ["only this"])])
    assert read("captions", root).source == root / "dataset.json"

    (root / "dataset.json").rename(root / "one.json")
    with pytest.raises(CaptionsError, match=r"several JSON files \(one\.json, other\.json\)"):
        read("captions", root)
    assert [image.captions for image in load("captions", other, "test").images] == [("only this",)]


def test_tokens_stand_in_for_a_missing_sentence_and_paths_are_joined(tmp_path: Path) -> None:
    sentences = [{"tokens": ["two", "boats"]}, {"raw": "Two boats .", "tokens": ["no"]}]
    entry = {"filename": "1.jpg", "filepath": "deep/down", "split": "val", "sentences": sentences}
    (tmp_path / "dataset.json").write_text(json.dumps({"images": [entry]}))
    lookalike.picture(tmp_path / "imgs" / "deep" / "down" / "1.png", "blue")
    (image,) = load("captions", tmp_path, "val").images

    assert image.name == "deep/down/1.jpg"
    assert image.path == tmp_path / "imgs" / "deep" / "down" / "1.png"
    assert image.captions == ("two boats", "Two boats .")


def test_entries_of_one_image_are_joined(tmp_path: Path) -> None:
    lookalike.annotate(
        tmp_path / "dataset.json",
        [("a.jpg", "test", ["one"]), ("b.jpg", "test", []), ("a.jpg", "test", ["two"])],
    )
    assert [record.captions for record in read("captions", tmp_path).split("test")] == [("one", "two"), ()]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "Karpathy's JSON layout"),
        ('{"pictures": []}', "missing required field `images`"),
        ('{"images": [{"filename": 7, "split": "test"}]}', r"\$\.images\[0\]\.filename"),
        ('{"images": []}', "no images at all"),
    ],
)
def test_a_file_of_another_structure_is_refused(tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(CaptionsError, match=complaint):
        load("captions", tmp_path, "test")
