"""A small archive of every released format, opened by this version (`make_format` made them)."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

import swath
from swath.archive import pointer
from tests.archive.world import pictures

FORMATS = sorted(path for path in (Path(__file__).parent / "formats").iterdir() if path.is_dir())


def test_every_format_is_kept() -> None:
    assert [int(path.name) for path in FORMATS] == list(range(1, pointer.FORMAT + 1))


@pytest.mark.parametrize("kept", FORMATS, ids=lambda path: f"format {path.name}")
def test_it_opens_answers_and_is_sound(kept: Path) -> None:
    expected = json.loads(kept.with_suffix(".json").read_text(encoding="ascii"))
    archive = swath.open(kept)
    assert len(archive) == expected["tiles"]
    assert archive.verify() == []
    assert archive.info().format == int(kept.name)
    for text, hits in expected["hits"].items():
        found = archive.search(text, k=100)
        assert {hit.tile.id for hit in found} == {one for one, _ in hits}
        assert [hit.raw for hit in found] == pytest.approx([raw for _, raw in hits], abs=1e-5)
    best = {text: archive.search(text, where="width = 64", k=1)[0].tile for text in ("red", "blue")}
    assert {text: tile.source for text, tile in best.items()} == {
        "red": "/imagery/scenes/red.png",
        "blue": "/imagery/scenes/blue.png",
    }
    assert [path.name for path in archive.show(best["red"].id).files] == ["red.png", "same as red.png"]
    assert dict(best["red"].attributes) == {"cloud": 5.0, "night": False}
    (dated,) = archive.search("grey", where="time = 2021-06")
    assert dated.tile.time == datetime(2021, 6, 30, 12, tzinfo=UTC)
    scenes = archive.search("grey", where="sensor = aerial and cloud > 20", bbox=(14, 45, 16, 46))
    assert len(scenes) == 4
    assert all(hit.tile.footprint is not None and len(hit.tile.footprint.ring) == 4 for hit in scenes)
    assert len(archive._store.thumbnails([hit.tile.id for hit in scenes])) == 4


@pytest.mark.parametrize("kept", FORMATS, ids=lambda path: f"format {path.name}")
def test_it_can_be_changed(kept: Path, tmp_path: Path) -> None:
    shutil.copytree(kept, tmp_path / "a")
    shutil.rmtree(tmp_path / "a" / "hot")
    archive = swath.open(tmp_path / "a")
    before = len(archive)
    assert archive.add(pictures(tmp_path / "more", 3)).tiles_added == 3
    assert archive.remove("/imagery/rasters").tiles == 4
    assert len(archive) == before - 1
    assert archive.verify() == []
