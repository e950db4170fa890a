from __future__ import annotations

from pathlib import Path

import pytest

from swath.captions import Record, read
from swath.captions.held import fingerprint, held_out, pack

ROOTS = {
    "rsicd": ("rsicd", "rsicd/precomp", "rsicd/finetune"),
    "ucm": ("ucm", "ucm/precomp"),
    "sydney": ("sydney",),
    "rsitmd": ("rsitmd/precomp", "rsitmd/finetune"),
    "nwpu": ("nwpu/precomp", "nwpu/csv"),
}
SIZES = {"rsicd": 1093, "ucm": 210, "sydney": 58, "rsitmd": 452, "nwpu": 3150}


def test_a_fingerprint_goes_by_name_and_words() -> None:
    one = fingerprint(Record("a/Port_1.tif", "test", ("A red field .", "two boats", "")))
    assert fingerprint(Record("port_1.jpg", "val", ("two boats!", "a RED field"))) == one
    assert fingerprint(Record("port_2.jpg", "val", ("two boats!", "a RED field"))) != one
    assert fingerprint(Record("port_1.jpg", "val", ("two boats",))) != one


def test_all_published_test_images_are_known() -> None:
    names = list(held_out().values())
    assert {name: names.count(name) for name in SIZES} == SIZES


@pytest.mark.parametrize(("name", "folder"), [(name, one) for name in ROOTS for one in ROOTS[name]])
def test_the_real_files_in_all_layouts(data: Path, name: str, folder: str) -> None:
    annotations = read(name, data / "annotations" / folder)
    for split in annotations.splits:
        known = sum(fingerprint(record) in held_out() for record in annotations.split(split))
        assert known == (SIZES[name] if split == "test" else 0), split


def test_the_file_is_what_its_script_writes(data: Path) -> None:
    records = read("sydney", data / "annotations" / "sydney").split("test")
    packed = pack(records)
    assert pack(records[::-1]) == packed
    known = {key for key, name in held_out().items() if name == "sydney"}
    assert {fingerprint(record) for record in records} == known
