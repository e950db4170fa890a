"""Removing, pruning, relocating."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from swath import archive
from swath.archive import LockedError, RelocateReport, RemoveReport, Store
from swath.archive.writer import Writer
from swath.errors import ArchiveError, InputError
from swath.imagery import Tiling
from tests.archive.test_damage import failing
from tests.archive.world import content, ids, pictures, raster
from tests.tiny import TinyEncoder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten pictures in a/ and b/, and a raster of 12 windows."""
    raster(pictures(tmp_path / "in", 10) / "scene.tif", 7)
    return tmp_path / "in"


@pytest.fixture
def store(tmp_path: Path, folder: Path, tiny: TinyEncoder) -> Iterator[Store]:
    made = archive.create(tmp_path / "archive", tiny, Tiling(size=32))
    made.add([folder], tiny)
    yield made
    assert made.verify() == []


def test_files_and_folders_leave_in_one_commit(store: Store, folder: Path, tiny: TinyEncoder) -> None:
    before, opened = content(store), store.gallery()
    sources = [folder / "b", folder / "scene.tif"]
    assert store.remove(sources, dry_run=True) == RemoveReport(6, 17)
    assert content(store) == before
    assert store.remove(sources) == RemoveReport(6, 17)
    assert content(store) == {key: row for key, row in before.items() if "/a/" in f"/{row[6][0][1]}"}
    assert (store.info().files, store.info().tiles) == (5, 5)
    # Whoever was searching keeps what was opened.
    assert len(opened) == 22
    assert {opened.tile(row).id for row in range(22)} == set(before)
    assert store.add([folder], tiny).tiles_added == 17
    assert content(store) == before


def test_tiles_stay_while_another_file_has_them(store: Store, folder: Path, tiny: TinyEncoder) -> None:
    shutil.copy(folder / "a/000.png", folder / "b/copy.png")
    store.add([folder], tiny)
    assert store.info().files == 12
    assert store.remove([folder / "a"]) == RemoveReport(5, 4)
    sources = {store.gallery().tile(row).source for row in range(18)}
    assert str(folder / "b/copy.png") in sources
    assert not any("/a/" in source for source in sources)


def test_tiles_by_id(store: Store, folder: Path, tiny: TinyEncoder) -> None:
    before = content(store)
    by_file: dict[str, list[str]] = {}
    for one, row in before.items():
        by_file.setdefault(row[6][0][1], []).append(one)
    some = by_file["scene.tif"][:5]
    assert store.remove(ids=[*some, *by_file["a/000.png"], "0" * 32]) == RemoveReport(1, 6)
    assert ids(store) == set(before) - {*some, *by_file["a/000.png"]}
    assert (store.info().files, store.info().incomplete) == (10, 1)
    assert store.add([folder], tiny).tiles_added == 6
    assert content(store) == before
    assert store.info().incomplete == 0


def test_tiles_by_id_within_sources(store: Store, folder: Path) -> None:
    everything = ids(store)
    assert store.remove([folder / "b"], ids=everything) == RemoveReport(5, 5)
    assert len(ids(store)) == 17


@pytest.mark.parametrize("name", ["nowhere", "a/00", "scene.ti"])
def test_unknown_sources_are_an_error(store: Store, folder: Path, name: str) -> None:
    with pytest.raises(InputError, match="knows no file there"):
        store.remove([folder / "a", folder / name])
    assert len(ids(store)) == 22


def test_removing_nothing_is_an_error(store: Store) -> None:
    with pytest.raises(InputError, match="say what to remove"):
        store.remove()


def test_editing_needs_the_lock(store: Store, folder: Path) -> None:
    with Writer(store.path):
        with pytest.raises(LockedError):
            store.remove([folder])
        assert store.remove([folder], dry_run=True) == RemoveReport(11, 22)


def test_prune(store: Store, folder: Path) -> None:
    assert store.prune([folder]) == RemoveReport(0, 0)
    committed = store.info().committed
    (folder / "a/000.png").unlink()
    (folder / "scene.tif").unlink()
    assert store.prune([folder / "b"]) == RemoveReport(0, 0)
    assert store.info().committed == committed
    assert store.prune([folder], dry_run=True) == RemoveReport(2, 13)
    assert store.prune([folder]) == RemoveReport(2, 13)
    assert len(ids(store)) == 9


def test_prune_does_not_take_a_missing_disk_for_deleted_files(store: Store, folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()
    with pytest.raises(InputError, match="none of the 11 known files"):
        store.prune([folder])
    assert len(ids(store)) == 22


def _sources(store: Store) -> set[str]:
    gallery = store.gallery()
    return {gallery.tile(row).source for row in range(len(gallery))}


def test_relocate_a_root(store: Store, folder: Path, tiny: TinyEncoder) -> None:
    new = folder.rename(folder.parent / "moved")
    generation = sorted(path.name for path in (store.path / "hot").iterdir())
    assert store.relocate(folder, new, dry_run=True) == RelocateReport(11, 0)
    assert store.info().roots == (str(folder),)
    assert store.relocate(folder, new) == RelocateReport(11, 0)
    assert store.info().roots == (str(new),)
    assert _sources(store) == {str(path) for path in new.rglob("*.*")}
    # Roots are in the pointer alone: no row was written, and no file is read again.
    assert sorted(path.name for path in (store.path / "hot").iterdir()) == generation
    encoded = tiny.encoded
    assert store.add([new], tiny).tiles_known == 22
    assert tiny.encoded == encoded


def test_relocate_what_is_above_a_root(store: Store, folder: Path) -> None:
    new = folder.parent / "disk"
    new.mkdir()
    folder.rename(new / "in")
    assert store.relocate(folder.parent, new) == RelocateReport(11, 0)
    assert store.info().roots == (str(new / "in"),)


def test_relocate_a_part(store: Store, folder: Path, tiny: TinyEncoder) -> None:
    new = folder.parent / "elsewhere"
    (folder / "b").rename(new)
    (new / "001.png").unlink()
    assert store.relocate(folder / "b", new) == RelocateReport(5, 1)
    assert store.info().roots == (str(folder), str(new))
    assert str(new / "003.png") in _sources(store)
    assert not any("/b/" in source for source in _sources(store))
    encoded = tiny.encoded
    assert store.add([folder, new], tiny).tiles_known == 21
    assert tiny.encoded == encoded


def test_relocate_a_file(store: Store, folder: Path, tmp_path: Path, tiny: TinyEncoder) -> None:
    new = tmp_path / "elsewhere" / "one.tif"
    new.parent.mkdir()
    (folder / "scene.tif").rename(new)
    with pytest.raises(InputError, match="is no file"):
        store.relocate(folder / "scene.tif", new.parent)
    assert store.relocate(folder / "scene.tif", new) == RelocateReport(1, 0)
    assert store.info().roots == (str(folder), str(new.parent))
    assert str(new) in _sources(store)
    assert store.add([new.parent], tiny).tiles_known == 12


def test_relocate_refuses(store: Store, folder: Path, tmp_path: Path, tiny: TinyEncoder) -> None:
    with pytest.raises(InputError, match="is no folder"):
        store.relocate(folder, tmp_path / "nowhere")
    with pytest.raises(InputError, match="knows no file there"):
        store.relocate(tmp_path / "nowhere", folder)
    other = pictures(tmp_path / "other", 2)
    raster(other / "scene.tif", 8)
    store.add([other], tiny)
    with pytest.raises(InputError, match="indexed already"):
        store.relocate(folder, other)


def _edits(store: Store, folder: Path, new: Path) -> list[Callable[[], object]]:
    some = sorted(ids(store))[:7]
    return [
        lambda: store.relocate(folder / "b", new),
        lambda: store.remove(ids=some),
        lambda: store.remove([folder / "a"]),
    ]


@pytest.mark.parametrize("which", range(3))
def test_a_full_disk_leaves_the_archive_as_it_was(
    store: Store, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: int
) -> None:
    """Every sync and rename from the n-th on fails, until all went through."""
    new = tmp_path / "new"
    new.mkdir()
    shutil.copytree(store.path, tmp_path / "calm")
    calm = archive.open_store(tmp_path / "calm")
    _edits(calm, folder, new)[which]()
    before = content(store)
    edit = _edits(store, folder, new)[which]
    for at in range(1, 60, 4):
        with monkeypatch.context() as patch:
            state = {"count": 0, "at": at}
            patch.setattr(os, "fsync", failing(os.fsync, state))
            patch.setattr(os, "replace", failing(os.replace, state))
            try:
                edit()
            except ArchiveError as error:
                assert "No space left" in str(error)
        assert store.verify() == []
        if content(store) != before:
            break
    assert at > 5
    assert content(store) == content(calm)
    assert store.info().files == calm.info().files
    assert store.verify() == []
