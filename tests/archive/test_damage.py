from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pytest

from swath import archive
from swath.archive import Store, hot_writer, pointer, writer
from swath.archive.lock import WriterLock
from swath.archive.rows import NO_TIME, Row, Rows, Source
from swath.archive.writer import Writer
from swath.errors import ArchiveError
from swath.imagery import Tiling, tile_id
from swath.types import Array, Window
from tests.archive.world import content, flip, ids, picture, pictures, raster
from tests.tiny import TinyEncoder


@pytest.fixture
def store(tmp_path: Path, tiny: TinyEncoder) -> Store:
    made = archive.create(tmp_path / "archive", tiny, Tiling(size=32))
    pictures(tmp_path / "in", 12)
    raster(tmp_path / "in/scene.tif", 1)
    made.add([tmp_path / "in"], tiny, attributes={"sensor": "x"})
    return made


@pytest.fixture
def read_only(store: Store) -> Iterator[Store]:
    """Its lock cannot be opened for writing, whoever runs the tests."""
    lock = store.path / "lock"
    lock.unlink()
    lock.mkdir()
    yield store
    lock.rmdir()


def column(store: Store, name: str) -> Path:
    return store.path / "hot" / pointer.read(store.path).hot.generation / name


def answers(store: Store) -> dict[str, Any]:
    """All that a search can read, as a comparable value."""
    gallery = store.gallery()
    found: dict[str, Any] = {name: gallery.signal(name).tobytes() for name in sorted(gallery.signals)}
    assert gallery.compact is not None
    found["compact"] = [part.tobytes() for part in astuple(gallery.compact)]
    found["tiles"] = [gallery.tile(row) for row in range(len(gallery))]
    found["bounds"] = gallery.bounds.tobytes()
    found["attributes"] = {name: str(gallery.attribute(name).tolist()) for name in gallery.attributes}
    return found


# Hot columns


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_damaged_columns_are_derived_again(store: Store, damage: str) -> None:
    expected = answers(store)
    for name in pointer.read(store.path).hot.columns:
        path = column(store, name)
        if damage == "flip":
            flip(path, path.stat().st_size // 2)
        elif damage == "cut":
            os.truncate(path, path.stat().st_size - 1)
        else:
            path.unlink()
        assert [problem.where.split("/")[0] for problem in store.verify()] == ["hot"]
        assert answers(store) == expected
        assert store.verify() == []  # written anew, so that it is paid once


def test_a_lost_hot_folder_costs_nothing_but_time(store: Store, tiny: TinyEncoder, tmp_path: Path) -> None:
    expected = answers(store)
    shutil.rmtree(store.path / "hot")
    assert answers(store) == expected
    shutil.rmtree(store.path / "hot")
    picture(tmp_path / "in/more.png", 99)
    store.add([tmp_path / "in"], tiny)
    assert store.verify() == []
    assert len(answers(store)["tiles"]) == 25


def test_a_full_disk_does_not_keep_damaged_columns_from_being_derived(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search is a search: it is answered from columns that are kept for the process alone."""
    expected = answers(store)
    flip(column(store, "dense"), 7)
    build, full = hot_writer.build, {store.path}

    def refusing(folder: Path, *arguments: Any) -> Any:
        if full & {folder, folder.parent}:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
        return build(folder, *arguments)

    monkeypatch.setattr(hot_writer, "build", refusing)
    assert answers(store) == expected
    assert [problem.where.split("/")[0] for problem in store.verify()] == ["hot"]
    full.add(Path(tempfile.gettempdir()))
    with pytest.raises(ArchiveError, match=r"no place to derive them again \(No space left.*TMPDIR"):
        answers(store)


def test_an_open_gallery_mends_itself(store: Store) -> None:
    gallery = store.gallery()
    dense, tiles = gallery.signal("dense").tobytes(), [gallery.tile(row) for row in range(len(gallery))]
    expected = store.gallery().signal("tokens").tobytes()
    flip(column(store, "tokens"), 7)
    assert gallery.signal("tokens").tobytes() == expected
    assert gallery.signal("dense").tobytes() == dense
    assert [gallery.tile(row) for row in range(len(gallery))] == tiles


def test_adding_does_not_hide_damage(store: Store, tiny: TinyEncoder, tmp_path: Path) -> None:
    flip(column(store, "dense"), 7)
    picture(tmp_path / "in/more.png", 99)
    store.add([tmp_path / "in"], tiny)
    assert store.verify() != []
    fresh = archive.create(tmp_path / "fresh", tiny, Tiling(size=32))
    fresh.add([tmp_path / "in"], tiny, attributes={"sensor": "x"})
    found, expected = store.gallery(), fresh.gallery()
    assert dict(zip(found.ids.tolist(), found.signal("dense").tolist(), strict=True)) == dict(
        zip(expected.ids.tolist(), expected.signal("dense").tolist(), strict=True)
    )


def test_joining_small_files_does_not_hide_damage(
    store: Store, tiny: TinyEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_FRAGMENTS_AFTERWARDS", 1)
    (tile_id, thumbnail) = store.thumbnails(ids(store)).popitem()
    (data,) = (store.path / "tiles.lance/data").iterdir()
    place = data.read_bytes().index(thumbnail) + len(thumbnail) // 2
    flip(data, place)
    picture(tmp_path / "in/more.png", 99)
    with pytest.raises(ArchiveError, match=r"is damaged: `swath verify"):
        store.add([tmp_path / "in"], tiny)
    # The new tile was committed before, and what is damaged is still known to be.
    assert len(ids(store)) == 25
    assert [problem.where for problem in store.verify()] == [f"tiles.lance/data/{data.name}"]
    flip(data, place)
    assert store.thumbnails([tile_id]) == {tile_id: thumbnail}
    store.add([tmp_path / "in"], tiny)
    assert store.verify() == []


def test_hot_columns_are_not_derived_from_a_damaged_table(store: Store) -> None:
    data = next((store.path / "tiles.lance/data").iterdir())  # several where the machine was slow
    flip(data, data.stat().st_size // 3)
    flip(column(store, "dense"), 7)
    with pytest.raises(ArchiveError, match=r"is damaged: `swath verify"):
        store.gallery().signal("dense")


def test_read_only_archives_are_searched(read_only: Store, tiny: TinyEncoder) -> None:
    expected = answers(read_only)
    flip(column(read_only, "dense"), 7)
    before = column(read_only, "dense").read_bytes()
    assert answers(read_only) == expected
    assert column(read_only, "dense").read_bytes() == before
    with pytest.raises(ArchiveError, match="can be searched"):
        read_only.add([], tiny)


def test_a_damaged_archive_is_searched_while_another_process_writes(store: Store) -> None:
    expected = answers(store)
    flip(column(store, "dense"), 7)
    with WriterLock(store.path):
        assert answers(store) == expected


def test_every_flipped_byte_is_found_or_harmless(store: Store) -> None:
    expected, kept = answers(store), content(store)
    rng = random.Random(5)
    found = harmless = 0
    original = store.path.with_name("original")
    shutil.copytree(store.path, original)
    for file in sorted(path for path in original.rglob("*") if path.is_file() and path.stat().st_size):
        for _ in range(2):
            shutil.rmtree(store.path)
            shutil.copytree(original, store.path)
            flip(store.path / file.relative_to(original), rng.randrange(file.stat().st_size))
            try:
                problems = store.verify()
            except ArchiveError:
                found += 1
                continue
            if problems:
                found += 1
                if all(problem.where.startswith("hot") for problem in problems):
                    assert answers(store) == expected
            else:
                harmless += 1
                assert answers(store) == expected
                assert content(store) == kept
    assert found > harmless


# Faults while writing


def failing(call: Callable[..., Any], state: dict[str, int]) -> Callable[..., Any]:
    def wrapped(*arguments: Any, **options: Any) -> Any:
        state["count"] += 1
        if state["count"] >= state["at"]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return call(*arguments, **options)

    return wrapped


@pytest.mark.parametrize("first", [1, 4])
def test_a_full_disk_leaves_the_archive_as_it_was(
    store: Store, tmp_path: Path, tiny: TinyEncoder, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    """Every sync and rename from the n-th on fails; n grows, so that all parts of a commit get their turn."""
    fresh = tmp_path / "in/more"
    for index in range(6):
        picture(fresh / f"{index}.png", 100 + index)
    picture(tmp_path / "in/a/000.png", 200)
    changed = next(tile.id for tile in answers(store)["tiles"] if tile.source.endswith("a/000.png"))
    for at in range(first, 50, 6):
        before, acknowledged = answers(store), ids(store)
        with monkeypatch.context() as patch:
            state = {"count": 0, "at": at}
            patch.setattr(os, "fsync", failing(os.fsync, state))
            patch.setattr(os, "replace", failing(os.replace, state))
            with pytest.raises(ArchiveError, match="No space left"):
                store.add([tmp_path / "in"], tiny, batch=2, commit_every=0.0)
        assert store.verify() == []
        assert acknowledged - ids(store) <= {changed}
        if store.info().tiles == len(before["tiles"]):
            assert answers(store) == before
    store.add([tmp_path / "in"], tiny)
    whole = archive.create(tmp_path / "whole", tiny, Tiling(size=32))
    whole.add([tmp_path / "in"], tiny)
    assert ids(store) == ids(whole)
    assert store.verify() == []


def test_a_table_that_cannot_be_written_is_a_clear_error(
    store: Store, tmp_path: Path, tiny: TinyEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = answers(store)
    picture(tmp_path / "in/more.png", 99)
    with monkeypatch.context() as patch:
        patch.setattr("lance.write_dataset", failing(print, {"count": 0, "at": 0}))
        with pytest.raises(ArchiveError, match="No space left"):
            store.add([tmp_path / "in"], tiny)
    assert answers(store) == before
    assert store.add([tmp_path / "in"], tiny).tiles_added == 1


def test_a_file_that_the_disk_did_not_keep_whole_is_not_vouched_for(
    store: Store, tmp_path: Path, tiny: TinyEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lance does not tell when the disk refuses the end of a file."""
    before, data = answers(store), store.path / "tiles.lance/data"
    picture(tmp_path / "in/more.png", 99)
    write = lance.write_dataset

    def losing(*arguments: Any, **options: Any) -> Any:
        known = set(data.iterdir())
        written = write(*arguments, **options)
        (new,) = set(data.iterdir()) - known
        os.truncate(new, new.stat().st_size - 1)
        return written

    with monkeypatch.context() as patch:
        patch.setattr(lance, "write_dataset", losing)
        with pytest.raises(ArchiveError, match="did not keep all of"):
            store.add([tmp_path / "in"], tiny)
    assert answers(store) == before
    assert store.verify() == []
    assert store.add([tmp_path / "in"], tiny).tiles_added == 1


def test_a_creation_that_fails_is_a_clear_error(
    tmp_path: Path, tiny: TinyEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing(os.fsync, {"count": 0, "at": 5}))
        with pytest.raises(ArchiveError, match="No space left"):
            archive.create(tmp_path / "archive", tiny)
    assert archive.create(tmp_path / "archive", tiny).verify() == []


# Writers and readers


def test_a_second_writer_is_told(store: Store, tiny: TinyEncoder) -> None:
    with WriterLock(store.path):
        with pytest.raises(archive.LockedError, match=rf"pid {os.getpid()}"):
            store.add([], tiny)
        assert len(store.gallery()) == 24
        assert store.info().tiles == 24
    store.add([], tiny)


def test_the_lock_ends_with_its_process(store: Store, tiny: TinyEncoder) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from swath.archive.lock import WriterLock\n"
        "WriterLock(Path(sys.argv[1])).__enter__(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(store.path)], check=False)
    store.add([], tiny)


def test_readers_keep_what_they_opened(store: Store, tmp_path: Path, tiny: TinyEncoder) -> None:
    gallery = store.gallery()
    expected = [gallery.tile(row) for row in range(len(gallery))]
    dense = gallery.signal("dense").tobytes()
    tokens = store.gallery().signal("tokens").tobytes()
    picture(tmp_path / "in/more.png", 99)
    store.add([tmp_path / "in"], tiny)  # grows the generation
    picture(tmp_path / "in/a/000.png", 100)
    store.add([tmp_path / "in"], tiny)  # replaces it
    assert len(gallery) == len(expected) == 24
    assert len(store.gallery()) == 25
    assert [gallery.tile(row) for row in range(24)] == expected
    assert gallery.signal("dense").tobytes() == dense
    assert gallery.signal("tokens").tobytes() == tokens
    assert len(list((store.path / "hot").iterdir())) == 1


# What verify sees beside checksums


def test_wrong_tiles_are_listed(store: Store) -> None:
    def row(tile_id: str) -> Row:
        return Row(tile_id, "d" * 32, Window(0, 0, 9, 9), None, int(NO_TIME), {}, b"")

    def some(ids: list[str], root: int, value: float) -> Rows:
        dense = np.zeros((len(ids), 32), np.float16)
        dense[:, 0] = value
        signals: dict[str, Array] = {"dense": dense, "tokens": np.zeros((len(ids), 5, 8), np.int8)}
        return Rows([row(name) for name in ids], [(Source(root, "gone", 1, 1),)] * len(ids), signals)

    right = tile_id("d" * 32, Window(0, 0, 9, 9))
    with Writer(store.path) as writer:
        writer.append(some([right], 7, np.nan), {}, writer.facts)
        writer.append(some([right, *(f"{number:032x}" for number in range(101))], 0, 1.0), {}, writer.facts)
    listed = [str(problem) for problem in store.verify()]
    for reason in ("unknown root", "norm nan", "does not follow", "103 tiles are wrong", "there twice"):
        assert any(reason in problem for problem in listed), reason
    assert len(listed) == 102


def test_columns_that_differ_from_the_table_are_listed(store: Store) -> None:
    with Writer(store.path) as writer:
        tokens = store.gallery().signal("tokens").copy()
        tokens[3] += 1
        parts = [replace(part, signals={**part.signals, "tokens": tokens}) for part in writer.table.scan()]
        monkey = pytest.MonkeyPatch()
        with monkey.context() as patch:
            patch.setattr(writer.table, "scan", lambda: iter(parts))
            writer.rebuild_hot()
    assert [problem.where for problem in store.verify()] == ["hot/tokens"]


def test_a_damaged_table_is_a_clear_error(store: Store) -> None:
    data = max((store.path / "tiles.lance/data").iterdir(), key=lambda path: path.stat().st_size)
    shutil.rmtree(store.path / "hot")
    data.write_bytes(data.read_bytes()[:100])
    assert "tiles.lance" in store.verify()[0].where
    with pytest.raises(ArchiveError, match="swath verify"):
        store.gallery()


def test_a_damaged_card_is_a_clear_error(tmp_path: Path, tiny: TinyEncoder) -> None:
    tiny.folder = tmp_path / "model"
    tiny.folder.mkdir()
    (tiny.folder / "card.json").write_text("{")
    with pytest.raises(ArchiveError, match=r"card\.json is damaged"):
        archive.create(tmp_path / "archive", tiny).info()


# Places that are no archive


def test_what_is_no_archive_says_what_to_do(tmp_path: Path, tiny: TinyEncoder) -> None:
    with pytest.raises(ArchiveError, match=r"does not exist.*swath index"):
        archive.open_store(tmp_path / "nothing")
    with pytest.raises(ArchiveError, match=r"no swath\.json"):
        archive.open_store(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ArchiveError, match="not a folder"):
        archive.open_store(tmp_path / "file")
    with pytest.raises(ArchiveError, match="another folder"):
        archive.create(tmp_path / "file", tiny)
    with pytest.raises(ArchiveError, match="other things"):
        archive.create(tmp_path, tiny)


def test_an_archive_is_not_made_twice(store: Store, tiny: TinyEncoder) -> None:
    with pytest.raises(ArchiveError, match="already"):
        archive.create(store.path, tiny)


def test_a_creation_that_was_killed_may_be_repeated(tmp_path: Path, tiny: TinyEncoder) -> None:
    made = archive.create(tmp_path / "archive", tiny)
    (made.path / "swath.json").unlink()
    assert archive.create(tmp_path / "archive", tiny).verify() == []


def test_newer_formats_are_refused(store: Store) -> None:
    path = store.path / "swath.json"
    path.write_text('{"format": 99, "surprise": true}')
    with pytest.raises(ArchiveError, match=r"format 99.*upgrade"):
        store.gallery()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', "\0"])
def test_damaged_pointers_are_refused(store: Store, text: str) -> None:
    (store.path / "swath.json").write_text(text)
    with pytest.raises(ArchiveError, match="damaged"):
        store.info()


def test_edited_pointers_are_refused(store: Store) -> None:
    path = store.path / "swath.json"
    path.write_text(path.read_text().replace('"tiles": 24', '"tiles": 23'))
    with pytest.raises(ArchiveError, match="checksum"):
        store.info()


def test_a_lost_table_is_a_problem_and_no_crash(store: Store, tiny: TinyEncoder) -> None:
    shutil.rmtree(store.path / "tiles.lance")
    assert all(problem.where.startswith("tiles.lance") for problem in store.verify())
    assert len(store.gallery().signal("dense")) == 24
    with pytest.raises(ArchiveError, match="cannot be opened"):
        store.add([], tiny)
    with pytest.raises(ArchiveError, match="cannot be opened"):
        store.thumbnails(["0" * 32])
