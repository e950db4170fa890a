"""What changes an archive as a whole: merge, another encoder, another format."""

from __future__ import annotations

from pathlib import Path

import pytest

import swath
from swath.errors import InputError
from tests.tiny import TinyEncoder, paint


@pytest.fixture
def scenes(tmp_path: Path, tiny_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SWATH_HOME", str(tiny_home))
    monkeypatch.chdir(tmp_path)
    paint(tmp_path / "scenes")
    return tmp_path / "scenes"


def test_merge_brings_parts_together(scenes: Path) -> None:
    files = sorted(scenes.iterdir())
    for name, part in (("a", files[:4]), ("b", files[2:])):
        swath.index(part, name, "base")
    merged = swath.merge("all", ["a", Path("b")])
    whole = swath.index(scenes, "whole", "base")
    red = whole.search("red", k=1)[0].tile.id
    answers = [archive.search(like=red, collapse=False) for archive in (merged, whole)]
    assert len(answers[0]) == 6
    assert [(hit.tile.id, hit.raw) for hit in answers[0]] == [(hit.tile.id, hit.raw) for hit in answers[1]]
    with pytest.raises(InputError):
        swath.merge("none", [])


def test_reencode_switches_what_answers(scenes: Path) -> None:
    archive = swath.index(scenes, "a", "base")
    before = archive.encoder.revision
    other = TinyEncoder(seed=1)
    report = archive.reencode(other)
    assert report.switched and report.tiles == len(archive) == 7
    assert archive.info().encoder.revision == other.revision != before
    assert swath.open("a", encoder=other).search("red", k=1)[0].tile.source.endswith("red.png")


def test_reencode_waits_for_missing_files(scenes: Path) -> None:
    archive = swath.index(scenes, "a", "base")
    (scenes / "red.png").unlink()
    other = TinyEncoder(seed=1)
    report = archive.reencode(other)
    assert not report.switched and report.missing_tiles == 1 and "red.png" in report.missing[0][0]
    assert archive.search("red", k=1)[0].tile.source.endswith("red.png")
    assert archive.reencode(other, drop_missing=True).switched
    assert archive.info().tiles == 6


def test_upgrade_of_the_newest_changes_nothing(scenes: Path) -> None:
    report = swath.index(scenes, "a", "base").upgrade()
    assert report.before == report.after
