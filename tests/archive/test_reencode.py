"""Another encoder for an archive that is there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import swath
from swath import archive
from swath.archive import LockedError, Store, pointer, writer
from swath.archive.lock import WriterLock
from swath.archive.writer import STAGING, Writer
from swath.errors import ArchiveError, EncoderError, InputError
from swath.imagery import Tiling
from tests.archive.world import StoppingEncoder, content, flip, ids, picture, pictures, raster
from tests.tiny import TinyEncoder
from tests.tiny_onnx import build

TILING = Tiling(size=32)


class OtherEncoder(TinyEncoder):
    """Vectors of another length, from other weights."""

    name = "other"
    dim = 48

    def __init__(self) -> None:
        super().__init__(seed=1)


@pytest.fixture
def other() -> OtherEncoder:
    return OtherEncoder()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten pictures and a raster of 12 windows."""
    return raster(pictures(tmp_path / "in", 10) / "scene.tif", 7).parent


@pytest.fixture
def store(tmp_path: Path, folder: Path, tiny: TinyEncoder) -> Iterator[Store]:
    made = archive.create(tmp_path / "archive", tiny, TILING)
    made.add([folder], tiny, attributes={"cloud": 5})
    yield made
    assert made.verify() == []


@pytest.fixture
def fresh(tmp_path: Path, store: Store, folder: Path, other: OtherEncoder) -> Store:
    """What the archive must become: made by the other encoder from the start."""
    made = archive.create(tmp_path / "fresh", other, TILING)
    made.add([folder], other, attributes={"cloud": 5})
    return made


def test_it_becomes_what_the_encoder_would_have_made(
    store: Store, fresh: Store, folder: Path, other: OtherEncoder
) -> None:
    before = other.encoded
    report = store.reencode(other)
    assert (report.switched, report.tiles, report.encoded, report.missing) == (True, 22, 22, ())
    assert other.encoded == before + 22
    assert content(store) == content(fresh)
    info = store.info()
    assert (info.encoder.name, info.encoder.dim, info.tiles, info.files) == ("other", 48, 22, 11)
    assert info.signals["dense"] == "float16[48]"
    assert not (store.path / STAGING).exists()
    assert store.reencode(other).encoded == 0
    picture(folder / "more.png", 50)
    assert store.add([folder], other).tiles_added == 1
    assert store.remove([folder / "a"]).tiles == 5


def test_the_old_signals_answer_until_the_switch(store: Store, other: OtherEncoder) -> None:
    before, opened = content(store), store.gallery()
    dense = opened.signal("dense").copy()
    for tiles in (4, 8):
        with pytest.raises(RuntimeError, match="stopped"):
            store.reencode(stopping(other, tiles), batch=4, commit_every=1e-9)
        assert content(store) == before
        assert store.info().encoder.name == "tiny"
        assert store.verify() == []
    assert store.reencode(other).encoded == 22 - 12
    # Whoever was searching keeps what was opened.
    assert np.array_equal(opened.signal("dense"), dense)
    assert opened.encoder_revision != store.gallery().encoder_revision


def stopping(encoder: TinyEncoder, tiles: int) -> TinyEncoder:
    """The same encoder, which raises after a number of tiles."""
    made = StoppingEncoder(tiles, lambda: RuntimeError("stopped"))
    for name in ("name", "dim", "revision", "_dense", "_token"):
        setattr(made, name, getattr(encoder, name))
    return made


def test_what_is_added_meanwhile_gets_the_new_signals_too(
    store: Store, folder: Path, tiny: TinyEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Meddling(OtherEncoder):
        def encode_images(self, batch):  # type: ignore[no-untyped-def]
            if len(batch) and self.encoded == 0:
                picture(folder / "late.png", 99)
                assert store.add([folder], tiny).tiles_added == 1
            return super().encode_images(batch)

    report = store.reencode(Meddling())
    assert (report.switched, report.tiles, report.encoded) == (True, 23, 23)
    assert "late.png" in {row[6][0][1] for row in content(store).values()}


def test_the_switch_waits_for_missing_files(
    store: Store, fresh: Store, folder: Path, tmp_path: Path, other: OtherEncoder
) -> None:
    before = content(store)
    picture(folder / "a/000.png", 1)
    away = (folder / "scene.tif").rename(tmp_path / "scene.tif")
    (folder / "a/002.png").write_bytes(b"no picture")
    report = store.reencode(other)
    assert (report.switched, report.tiles, report.missing_tiles) == (False, 8, 14)
    reasons = {Path(path).name: reason for path, reason in report.missing}
    assert reasons.keys() == {"000.png", "002.png", "scene.tif"}
    assert "relocate" in reasons["scene.tif"]
    assert "changed" in reasons["000.png"]
    assert content(store) == before
    picture(folder / "a/000.png", 0)
    picture(folder / "a/002.png", 2)
    away.rename(folder / "scene.tif")
    report = store.reencode(other)
    assert (report.switched, report.encoded, report.missing) == (True, 14, ())
    assert content(store) == content(fresh)


def test_tiles_of_missing_files_can_be_left_out(store: Store, folder: Path, other: OtherEncoder) -> None:
    (folder / "scene.tif").unlink()
    left = {one for one, row in content(store).items() if row[6][0][1] != "scene.tif"}
    report = store.reencode(other, drop_missing=True)
    assert (report.switched, report.tiles, report.missing_tiles) == (True, 10, 12)
    assert ids(store) == left
    assert (store.info().files, store.info().tiles, store.info().incomplete) == (10, 10, 0)


def test_an_archive_is_not_emptied_for_a_disk_that_is_not_mounted(
    store: Store, folder: Path, other: OtherEncoder
) -> None:
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(InputError, match="not mounted"):
        store.reencode(other, drop_missing=True)
    assert (store.info().tiles, store.info().encoder.name) == (22, "tiny")


def test_an_empty_archive_can_change_its_encoder(
    tmp_path: Path, folder: Path, tiny: TinyEncoder, other: OtherEncoder
) -> None:
    empty = archive.create(tmp_path / "empty", tiny, TILING)
    assert empty.reencode(other).switched
    assert (empty.info().tiles, empty.info().encoder.dim) == (0, 48)
    assert empty.add([folder], other).tiles_added == 22
    assert empty.verify() == []


def test_any_file_with_the_content_will_do(
    store: Store, folder: Path, tiny: TinyEncoder, other: OtherEncoder
) -> None:
    shutil.copy(folder / "scene.tif", folder / "b/zzz.tif")
    shutil.copy(folder / "a/000.png", folder / "b/copy.png")
    store.add([folder], tiny)
    (folder / "b/zzz.tif").unlink()
    picture(folder / "a/000.png", 1)
    assert store.reencode(other).switched


def test_a_file_of_which_tiles_were_removed_keeps_the_others(
    store: Store, folder: Path, other: OtherEncoder
) -> None:
    some = sorted(one for one, row in content(store).items() if row[6][0][1] == "scene.tif")[:5]
    store.remove(ids=some)
    kept = ids(store)
    assert store.reencode(other).switched
    assert ids(store) == kept
    assert store.info().incomplete == 1
    assert store.add([folder], other).tiles_added == 5


def test_useless_beginnings_are_made_again(store: Store, other: OtherEncoder) -> None:
    with pytest.raises(RuntimeError, match="stopped"):
        store.reencode(stopping(other, 8), batch=4)
    flip(store.path / STAGING / other.revision / pointer.NAME, 40)
    assert store.reencode(other).encoded == 22


def test_one_at_a_time(store: Store, other: OtherEncoder) -> None:
    (store.path / STAGING).mkdir()
    with WriterLock(store.path / STAGING), pytest.raises(LockedError):
        store.reencode(other)
    with Writer(store.path), pytest.raises(LockedError):
        store.reencode(other)
    assert store.info().encoder.name == "tiny"


def test_damage_is_not_copied(store: Store, other: OtherEncoder) -> None:
    data = max((store.path / "tiles.lance/data").iterdir(), key=lambda path: path.stat().st_size)
    thumbnail = store.thumbnails(ids(store)).popitem()[1]
    place = data.read_bytes().index(thumbnail) + len(thumbnail) // 2
    flip(data, place)
    with pytest.raises(ArchiveError, match="is damaged"):
        store.reencode(other)
    assert store.info().encoder.name == "tiny"
    flip(data, place)


def test_open_archives_follow_the_encoder(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = build(tmp_path / "one", name="one")
    other = build(tmp_path / "two", name="two", seed=1)
    swath.index(folder, tmp_path / "archive", tiny)
    opened = swath.open(tmp_path / "archive")
    given = swath.open(tmp_path / "archive", encoder=tiny)
    before = [opened.search("red", k=3), given.search("red", k=3)]
    assert before[0].hits == before[1].hits
    replaced = opened.encoder.revision
    store = archive.open_store(tmp_path / "archive")
    assert store.reencode(swath.encoders.load(other)).switched
    assert opened.encoder.revision == store.encoder_revision != replaced
    assert [hit.raw for hit in opened.search("red", k=3)] == [
        hit.raw for hit in swath.open(tmp_path / "archive").search("red", k=3)
    ]
    with pytest.raises(EncoderError, match="was made with encoder two"):
        given.search("red")
    # The old copy is there to go back to; it goes when nobody can have begun to open the archive with it.
    assert (store.path / "encoder" / replaced).is_dir()
    assert store.reencode(swath.encoders.load(store.path / "encoder" / replaced)).switched
    assert store.verify() == []
    assert store.reencode(swath.encoders.load(other)).switched
    monkeypatch.setattr(writer, "_SPARED", -1.0)
    store.add([folder], opened.encoder)
    assert [path.name for path in (store.path / "encoder").iterdir()] == [store.encoder_revision]
    assert store.verify() == []
