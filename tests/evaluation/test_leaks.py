from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from swath.captions import Annotations, Record, read
from swath.errors import InputError
from swath.evaluation.leaks import find_leaks
from swath.evaluation.reports import LeakReport, covering, read_report, report_json, write_report
from tests.evaluation.test_phash import scene


def noted(folder: Path, **splits: dict[str, list[str]]) -> Annotations:
    records = (
        Record(name, split, tuple(captions))
        for split, images in splits.items()
        for name, captions in images.items()
    )
    return Annotations(folder / "dataset.json", folder, tuple(records))


def test_captions_are_compared_as_words_within_and_across(tmp_path: Path) -> None:
    one = noted(
        tmp_path,
        train={"a": ["A red field .", "two boats", " ."], "b": ["a red field!"], "c": [" ", "c"]},
        test={"t": ["TWO boats", "a red field", "new"]},
    )
    two = noted(tmp_path, val={"x": ["two boats", "two boats", "y"], "y": ["new", "two boats"]})
    report = find_leaks([("one", "one", one), ("two", "two", two)], pictures=False)

    assert [(part.name, part.images, part.captioned) for part in report.parts] == [
        ("one train", 3, 3),
        ("one test", 1, 1),
        ("two val", 2, 2),
    ]
    found = {(each.one, each.other): (each.distinct, each.tied, each.tied_back) for each in report.captions}
    assert found == {
        ("one train", "one train"): (1, 0, 0),
        ("one train", "one test"): (2, 1, 1),
        ("one train", "two val"): (1, 0, 0),
        ("one test", "two val"): (2, 1, 1),
        ("two val", "two val"): (1, 0, 0),
    }
    assert [(pair.one_image, pair.other_image, pair.captions) for pair in report.pairs] == [
        ("a", "t", 2),
        ("t", "y", 2),
    ]
    assert (report.parts[0].counts.captions, report.parts[0].counts.empty) == (6, 2)
    assert report.parts[1].ceiling is not None and report.parts[1].ceiling.mr == 100.0
    assert [(tie.part, tie.set, tie.images) for tie in report.ties] == [
        ("one test", "two", 1),
        ("two val", "one", 1),
    ]


def test_pictures_under_other_names_are_found(tmp_path: Path) -> None:
    for name, seed in (("a.png", 1), ("b.png", 2), ("copy.png", 1), ("c.png", 3)):
        Image.fromarray(scene(seed)).save(tmp_path / name)
    Image.fromarray(scene(2)).resize((150, 150)).save(tmp_path / "small.jpg", quality=80)
    for name, level in (("grey.png", 90), ("black.png", 0), ("grey2.png", 90)):
        Image.fromarray(np.full((9, 9, 3), level, np.uint8)).save(tmp_path / name)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    train = {name: ["x"] for name in ("a.png", "b.png", "grey.png", "black.png", "gone.png")}
    test = {name: ["y"] for name in ("copy.png", "small.png", "c.png", "grey2.png", "broken.png")}
    report = find_leaks([("set", "set", noted(tmp_path, train=train, test=test))])

    assert [part.pictures for part in report.parts] == [4, 4]
    assert [(pair.one_image, pair.other_image, pair.equal) for pair in report.pictures] == [
        ("a.png", "copy.png", True),
        ("b.png", "small.png", False),
        ("grey.png", "grey2.png", True),
    ]
    assert [name for name, _ in report.unreadable] == ["set test broken.png"]
    assert str(tmp_path) not in report_json(report)


def test_a_split_that_is_not_what_its_name_says(tmp_path: Path) -> None:
    official = noted(tmp_path, train={"a": ["1"], "b": ["2"]}, val={"c": ["3"]})
    other = noted(tmp_path, val={"a": ["1"], "c": ["3"]})
    report = find_leaks([("it", "it", official), ("it#2", "it", other)], pictures=False)

    assert [(each.one, each.other, each.names) for each in report.misnamed] == [
        ("it train", "it#2 val", ("a",))
    ]
    assert report.captions == ()


def test_the_digest_names_what_was_found(tmp_path: Path) -> None:
    def report(folder: Path, caption: str) -> LeakReport:
        return find_leaks([("s", "s", noted(folder, train={"a": [caption]}))], pictures=False)

    one = report(tmp_path, "a")
    assert len(one.digest) == 32
    assert report(tmp_path / "elsewhere", "a").digest == one.digest
    assert report(tmp_path, "b").digest != one.digest
    write_report(one, tmp_path / "r.json")
    content = json.loads((tmp_path / "r.json").read_text())
    assert (content["format"], content["digest"], content["tie"]) == ("swath.leaks/1", one.digest, 2)
    with pytest.raises(InputError, match="cannot write the report"):
        write_report(one, tmp_path / "no" / "r.json")
    with pytest.raises(InputError, match="two sets are called s"):
        find_leaks([("s", "s", noted(tmp_path))] * 2)


def test_a_report_comes_back_and_vouches_for_what_it_looked_at(tmp_path: Path) -> None:
    looked = noted(tmp_path, train={"a": ["a"]}, test={"b": ["b"]})
    report = find_leaks([("s", "s", looked)], pictures=False)
    file = tmp_path / "r.json"
    write_report(report, file)

    assert read_report(file) == report
    assert covering(file, looked, "test") == report.digest
    other = noted(tmp_path, test={"b": ["another"]})
    with pytest.raises(InputError, match="covers s train, s test, and none of these is the test of"):
        covering(file, other, "test")
    file.write_text(file.read_text().replace('"tie": 2', '"tie": 3'))
    with pytest.raises(InputError, match="does not have the digest it states"):
        read_report(file)
    with pytest.raises(InputError, match="cannot read the report"):
        read_report(tmp_path / "none.json")
    file.write_text("{}")
    with pytest.raises(InputError, match="is not a leak report"):
        read_report(file)


def test_the_real_ties_of_rsitmd_and_rsicd(data: Path) -> None:
    folder = data / "annotations"
    sets = [
        ("rsitmd", "rsitmd", read("rsitmd", folder / "rsitmd")),
        ("rsicd", "rsicd", read("rsicd", folder / "rsicd")),
        ("rsicd#2", "rsicd", read("rsicd", folder / "rsicd" / "finetune")),
    ]
    report = find_leaks(sets, pictures=False)
    tied = {(each.one, each.other): each.tied for each in report.captions}
    tied_sets = {(tie.part, tie.set): tie.images for tie in report.ties}

    assert tied_sets["rsitmd test", "rsicd"] == 85
    assert [tied["rsitmd test", f"rsicd {split}"] for split in ("train", "val", "test")] == [49, 8, 28]
    assert tied_sets["rsitmd train", "rsicd"] == 859
    assert [tied["rsitmd train", f"rsicd {split}"] for split in ("train", "val", "test")] == [541, 93, 229]
    assert [part.captioned for part in report.parts if part.name == "rsitmd train"] == [4287]
    assert [(each.one, each.other, each.images) for each in report.misnamed] == [
        ("rsicd train", "rsicd#2 val", 1738)
    ]


@pytest.mark.slow
def test_the_real_near_duplicates_of_rsicd(data: Path, tmp_path: Path) -> None:
    (tmp_path / "dataset_rsicd.json").symlink_to(data / "annotations" / "rsicd" / "dataset_rsicd.json")
    (tmp_path / "RSICD_images").symlink_to(data / "rsicd" / "RSICD_images")
    report = find_leaks([("rsicd", "rsicd", read("rsicd", tmp_path))])

    across = [pair for pair in report.pictures if pair.one != pair.other]
    assert [(pair.one_image, pair.other_image) for pair in across] == [("stadium_100.jpg", "stadium_95.jpg")]
    assert [pair.one for pair in report.pictures if pair not in across] == ["rsicd train"] * 3
