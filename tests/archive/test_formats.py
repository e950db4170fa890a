"""A small archive of every released format, opened by this version (`make_format` made them)."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

import swath
from swath.archive import (
    LockedError,
    Store,
    UpgradeReport,
    create,
    formats,
    merge,
    open_store,
    pointer,
)
from swath.archive.lock import WriterLock
from swath.errors import ArchiveError
from tests.archive.test_damage import failing
from tests.archive.world import content, flip, pictures

FORMATS = sorted(path for path in (Path(__file__).parent / "formats").iterdir() if path.is_dir())


def test_every_format_is_kept() -> None:
    assert [int(path.name) for path in FORMATS] == list(range(1, formats.FORMAT + 1))


@pytest.mark.parametrize("kept", FORMATS, ids=lambda path: f"format {path.name}")
def test_it_opens_answers_and_is_sound(kept: Path) -> None:
    expected = json.loads(kept.with_suffix(".json").read_text(encoding="ascii"))
    archive = swath.open(kept)
    assert len(archive) == expected["tiles"]
    assert archive.verify() == []
    assert archive.info().format == int(kept.name)
    for text, hits in expected["hits"].items():
        found = archive.search(text, k=100, collapse=False)
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
def test_settings_that_it_does_not_know_are_as_by_default(kept: Path, tmp_path: Path) -> None:
    old = swath.open(kept)
    tiling = old.info().tiling
    assert (tiling.levels, tiling.stretch) == (1, None)
    new = create(tmp_path / "new", old.encoder, tiling)
    new.add([pictures(tmp_path / "more", 3)], old.encoder)
    merged = merge(tmp_path / "merged", [kept, new.path])
    assert merged.tiles == len(old) + 3


@pytest.mark.parametrize("kept", FORMATS, ids=lambda path: f"format {path.name}")
def test_it_can_be_upgraded_and_changed(kept: Path, tmp_path: Path) -> None:
    shutil.copytree(kept, tmp_path / "a")
    shutil.rmtree(tmp_path / "a" / "hot")
    archive = swath.open(tmp_path / "a")
    assert archive._store.upgrade() == UpgradeReport(int(kept.name), formats.FORMAT)
    before = len(archive)
    assert archive.add(pictures(tmp_path / "more", 3)).tiles_added == 3
    assert archive.remove("/imagery/rasters").tiles == 4
    assert len(archive) == before - 1
    assert archive.verify() == []


# The step to a format that does not exist: roots are called folders in its pointer.


@pytest.fixture
def old(tmp_path: Path) -> Store:
    shutil.copytree(FORMATS[-1], tmp_path / "old")
    return open_store(tmp_path / "old")


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(document: dict[str, Any]) -> dict[str, Any]:
        assert document["format"] == int(FORMATS[-1].name)
        return {**document, "roots": [f"/moved{root}" for root in document["roots"]]}

    monkeypatch.setitem(formats.STEPS, formats.FORMAT, step)
    monkeypatch.setattr(formats, "FORMAT", formats.FORMAT + 1)


def test_the_newest_format_needs_no_upgrade(old: Store) -> None:
    before = (old.path / pointer.NAME).read_bytes()
    assert old.upgrade() == UpgradeReport(formats.FORMAT, formats.FORMAT)
    assert (old.path / pointer.NAME).read_bytes() == before


@pytest.mark.usefixtures("newer")
def test_older_formats_are_searched_as_they_are(old: Store) -> None:
    before = (old.path / pointer.NAME).read_bytes()
    assert old.info().format == formats.FORMAT - 1
    assert old.info().roots[0].startswith("/moved/")
    assert old.verify() == []
    gallery = old.gallery()
    assert gallery.tile(0).source.startswith("/moved/")
    # A column that is damaged is mended for this process only.
    flip(old.path / "hot" / pointer.read(old.path).hot.generation / "dense", 7)
    assert old.gallery().signal("dense").tobytes() == gallery.signal("dense").tobytes()
    assert (old.path / pointer.NAME).read_bytes() == before
    with pytest.raises(LockedError, match=r"it can be searched; `swath upgrade"):
        old.remove([Path("/moved/imagery/rasters")])


@pytest.mark.usefixtures("newer")
def test_an_upgrade_is_one_commit(old: Store) -> None:
    before = content(old)
    with WriterLock(old.path), pytest.raises(LockedError, match="being written"):
        old.upgrade()
    assert old.upgrade() == UpgradeReport(formats.FORMAT - 1, formats.FORMAT)
    assert old.info().format == formats.FORMAT
    assert content(old) == before
    assert old.verify() == []
    assert old.remove([Path("/moved/imagery/rasters")]).tiles == 4
    assert old.upgrade() == UpgradeReport(formats.FORMAT, formats.FORMAT)


@pytest.mark.usefixtures("newer")
def test_an_upgrade_that_fails_leaves_the_old_format(old: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(old)
    for at in range(1, 60, 3):
        with monkeypatch.context() as patch:
            state = {"count": 0, "at": at}
            patch.setattr(os, "fsync", failing(os.fsync, state))
            patch.setattr(os, "replace", failing(os.replace, state))
            with contextlib.suppress(ArchiveError):
                old.upgrade()
        assert old.verify() == []
        assert content(old) == before
        if old.info().format == formats.FORMAT:
            break
    assert at > 3
    assert old.info().format == formats.FORMAT


def test_fields_that_this_version_does_not_know_are_no_damage(old: Store) -> None:
    path = old.path / pointer.NAME
    document = {"later": 1, **msgspec.json.decode(path.read_bytes())}
    path.write_bytes(msgspec.json.encode({**document, "checksum": pointer._seal(document)}))
    assert old.verify() == []
    path.write_bytes(path.read_bytes().replace(b'"later":1', b'"later":2'))
    with pytest.raises(ArchiveError, match="checksum"):
        old.verify()
