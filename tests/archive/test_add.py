from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from swath import archive
from swath.archive import Store, builder
from swath.errors import ArchiveError, EncoderError, ImageryError, InputError
from swath.imagery import TileImage, Tiling
from swath.imagery.rasters import Raster
from swath.types import Footprint, ImageFeatures, Window
from tests.archive.world import SlowEncoder, StoppingEncoder, content, ids, picture, pictures, raster
from tests.tiny import TinyEncoder

TILING = Tiling(size=32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return pictures(tmp_path / "in", 20)


@pytest.fixture
def store(tmp_path: Path, tiny: TinyEncoder) -> Iterator[Store]:
    made = archive.create(tmp_path / "archive", tiny, TILING)
    yield made
    assert made.verify() == []


def test_a_new_archive_is_empty_and_sound(store: Store) -> None:
    info = store.info()
    assert (info.tiles, info.files, info.format, info.bytes_per_tile) == (0, 0, 1, None)
    assert info.tiling == TILING
    assert (info.encoder.name, info.encoder.dim, info.encoder.card) == ("tiny", 32, None)
    gallery = store.gallery()
    assert len(gallery) == 0
    assert gallery.signal("dense").shape == (0, 32)
    assert gallery.signal("tokens").shape == (0, 5, 8)


def test_pictures_and_rasters_become_tiles(store: Store, folder: Path, tiny: TinyEncoder) -> None:
    raster(folder / "scene.tif", 7)
    report = store.add([folder], tiny, attributes={"sensor": "aerial"})
    assert (report.files, report.tiles_added, report.tiles_known, report.skipped) == (21, 32, 0, ())
    assert tiny.encoded == 32
    info = store.info()
    assert (info.tiles, info.files, info.incomplete, info.roots) == (32, 21, 0, (str(folder),))
    assert info.signals == {"dense": "float16[32]", "tokens": "int8[5, 8]"}
    assert info.bytes_on_disk >= sum(info.bytes_by_part.values()) > 0
    gallery = store.gallery()
    tiles = [gallery.tile(row) for row in range(len(gallery))]
    assert {tile.source for tile in tiles} == {str(path) for path in folder.rglob("*.*")}
    windows = [tile for tile in tiles if tile.source.endswith(".tif")]
    assert len(windows) == 12
    assert all(isinstance(tile.footprint, Footprint) for tile in windows)
    assert all(tile.attributes["sensor"] == "aerial" for tile in tiles)
    thumbnails = store.thumbnails([tile.id for tile in tiles[:3]])
    assert len(thumbnails) == 3
    assert all(data.startswith(b"\xff\xd8") for data in thumbnails.values())


def test_a_vector_is_that_of_the_picture_alone(store: Store, folder: Path, tiny: TinyEncoder) -> None:
    from swath.imagery import fit, open_picture

    store.add([folder], tiny)
    gallery = store.gallery()
    for row in range(len(gallery)):
        pixels = fit(open_picture(Path(gallery.tile(row).source)), 32)
        alone = tiny.encode_images(pixels[None])
        assert gallery.signal("dense")[row].tobytes() == alone.embedding[0].astype(np.float16).tobytes()


def test_known_files_are_neither_read_nor_encoded(
    store: Store, folder: Path, tiny: TinyEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add([folder], tiny)
    before, committed = tiny.encoded, store.info().committed
    monkeypatch.setattr("swath.imagery.digest", lambda path: pytest.fail(f"{path} was read"))
    report = store.add([folder], tiny)
    assert (report.tiles_added, report.tiles_known, report.commits) == (0, 20, 0)
    assert tiny.encoded == before
    assert store.info().committed == committed


def test_touched_files_are_read_and_not_encoded(store: Store, folder: Path, tiny: TinyEncoder) -> None:
    store.add([folder], tiny)
    path = folder / "a/000.png"
    os.utime(path)
    before = tiny.encoded
    assert store.add([folder], tiny).tiles_known == 20
    assert tiny.encoded == before
    assert any(source[3] == path.stat().st_mtime_ns for row in content(store).values() for source in row[6])


def test_changed_files_replace_their_tiles(store: Store, folder: Path, tiny: TinyEncoder) -> None:
    store.add([folder], tiny)
    before = ids(store)
    picture(folder / "a/000.png", 1000)
    report = store.add([folder], tiny)
    assert (report.tiles_added, report.tiles_removed, report.tiles_known) == (1, 1, 19)
    after = ids(store)
    assert len(after) == 20
    assert len(after & before) == 19
    assert store.info().files == 20


def test_equal_files_are_one_tile_with_two_sources(store: Store, folder: Path, tiny: TinyEncoder) -> None:
    shutil.copy(folder / "a/000.png", folder / "b/zzz.png")  # found in the same run
    report = store.add([folder], tiny)
    assert (report.files, report.tiles_added, report.tiles_known) == (21, 20, 1)
    shutil.copy(folder / "a/000.png", folder / "a/copy.png")  # found by a later one
    before = tiny.encoded
    assert store.add([folder], tiny).tiles_known == 22
    assert tiny.encoded == before
    sources = [[source[1] for source in row[6]] for row in content(store).values() if len(row[6]) > 1]
    assert sources == [["a/000.png", "a/copy.png", "b/zzz.png"]]
    picture(folder / "a/000.png", 1000)  # one of the three changes: the others keep the tile
    report = store.add([folder], tiny)
    assert (report.tiles_added, report.tiles_removed) == (1, 0)
    sources = [[source[1] for source in row[6]] for row in content(store).values() if len(row[6]) > 1]
    assert sources == [["a/copy.png", "b/zzz.png"]]
    assert store.info().files == 22


def test_a_moved_file_keeps_its_tiles(store: Store, folder: Path, tiny: TinyEncoder) -> None:
    store.add([folder], tiny)
    before, encoded = ids(store), tiny.encoded
    (folder / "a").rename(folder / "moved")
    store.add([folder], tiny)
    assert (ids(store), tiny.encoded) == (before, encoded)
    gallery = store.gallery()
    assert all(Path(str(source)).exists() for source in gallery.attribute("source"))
    assert store.info().files == 20


def test_bad_files_are_listed_and_the_rest_goes_on(store: Store, folder: Path, tiny: TinyEncoder) -> None:
    (folder / "a/bad.png").write_bytes(b"no picture")
    (folder / "empty.jpg").touch()
    good = (folder / "a/000.png").read_bytes()
    (folder / "b/cut.png").write_bytes(good[: len(good) // 2])
    report = store.add([folder], tiny)
    assert report.tiles_added == 20
    assert sorted(Path(path).name for path, _ in report.skipped) == ["bad.png", "cut.png", "empty.jpg"]
    assert all(reason for _, reason in report.skipped)
    assert store.info().incomplete == 0


def test_a_raster_that_is_all_nodata_is_listed(store: Store, tmp_path: Path, tiny: TinyEncoder) -> None:
    import rasterio

    path = raster(tmp_path / "in/void.tif", 1)
    with rasterio.open(path, "r+") as file:
        file.nodata = 0
        file.write(np.zeros((3, 96, 128), np.uint8))
    report = store.add([tmp_path / "in"], tiny)
    assert report.tiles_added == 0
    assert "valid" in report.skipped[0][1]


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interrupted_add_goes_on_where_it_was(
    tmp_path: Path, tiny: TinyEncoder, error: type[BaseException]
) -> None:
    folder = pictures(tmp_path / "in", 10)
    raster(folder / "c.tif", 3, 5, 5)
    for seed in range(100, 110):
        picture(folder / f"d/{seed}.png", seed)
    whole = archive.create(tmp_path / "whole", tiny, TILING)
    whole.add([folder], tiny, batch=4)
    parts = archive.create(tmp_path / "parts", tiny, TILING)
    reached = []
    for tiles in (6, 9, 12):
        with pytest.raises(error):
            parts.add([folder], StoppingEncoder(tiles, error), batch=4, commit_every=0)
        reached.append(len(ids(parts)))
        assert parts.verify() == []
    assert 0 < reached[0] < reached[1] < reached[2] < 45
    assert parts.info().incomplete <= 1
    before = tiny.encoded
    parts.add([folder], tiny, batch=32)
    assert tiny.encoded - before == 45 - reached[2]
    assert content(parts) == content(whole)
    assert parts.gallery().ids.tolist() == whole.gallery().ids.tolist()
    assert parts.info().incomplete == 0


def vectors(store: Store) -> dict[bytes, list[float]]:
    gallery = store.gallery()
    return dict(zip(gallery.ids.tolist(), gallery.signal("dense").tolist(), strict=True))


def test_order_and_batch_do_not_matter(tmp_path: Path, folder: Path, tiny: TinyEncoder) -> None:
    one = archive.create(tmp_path / "one", tiny, TILING)
    one.add([folder], tiny, batch=7, threads=1)
    two = archive.create(tmp_path / "two", tiny, TILING)
    for part in ("b", "a"):
        two.add([folder / part], tiny, batch=1, threads=3)
    assert ids(one) == ids(two)
    dense = [vectors(s) for s in (one, two)]
    assert dense[0] == dense[1]


def test_nested_roots_do_not_double_files(store: Store, folder: Path, tiny: TinyEncoder) -> None:
    store.add([folder / "a"], tiny)
    store.add([folder], tiny)
    store.add([folder / "b", folder / "a/000.png"], tiny)
    info = store.info()
    assert (info.tiles, info.files, info.roots) == (20, 20, (str(folder / "a"), str(folder)))
    assert all(len(row[6]) == 1 for row in content(store).values())


def test_names_may_have_any_bytes(store: Store, tmp_path: Path, tiny: TinyEncoder) -> None:
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff r\xe9\n'\""))
    picture(root / os.fsdecode(b"caf\xe9 \xe2\x82\xac.png"), 1)
    picture(root / "ünï.png", 2)
    store.add([root], tiny)
    gallery = store.gallery()
    assert {Path(gallery.tile(row).source) for row in range(2)} == set(root.iterdir())
    assert store.add([root], tiny).tiles_known == 2
    assert store.info().roots == (str(root),)


def test_attributes_are_typed(store: Store, folder: Path, tiny: TinyEncoder) -> None:
    store.add([folder / "a"], tiny, attributes={"gsd": 2, "sensor": "x", "night": True})
    store.add([folder / "b"], tiny, attributes={"gsd": 0.5, "place": "coast"})
    gallery = store.gallery()
    assert set(gallery.attributes) >= {"source", "width", "height", "time", "gsd", "sensor", "night", "place"}
    assert sorted(set(gallery.attribute("gsd").tolist())) == [0.5, 2.0]
    assert set(gallery.attribute("sensor").tolist()) == {"x", None}
    assert set(gallery.attribute("night").tolist()) == {True, None}
    assert gallery.attribute("width").tolist() == [40.0] * 20
    assert np.isnan(gallery.attribute("time")).all()
    with pytest.raises(KeyError):
        gallery.attribute("nothing")
    for wrong in ({"gsd": "two"}, {"source": "x"}, {"a.b": 1}, {"night": 1}):
        with pytest.raises(InputError, match="attribute"):
            store.add([folder], tiny, attributes=wrong)
    assert len(store.gallery()) == 20


def test_attributes_that_clash_with_those_of_a_file_are_listed(
    store: Store, tmp_path: Path, tiny: TinyEncoder
) -> None:
    picture(tmp_path / "in/1.png", 1)
    store.add([tmp_path / "in"], tiny, attributes={"crs": 7})
    raster(tmp_path / "in/2.tif", 1)
    shutil.copy(tmp_path / "in/2.tif", tmp_path / "in/3.tif")
    report = store.add([tmp_path / "in"], tiny)
    assert [Path(path).name for path, _ in report.skipped] == ["2.tif", "3.tif"]
    assert all("crs" in reason for _, reason in report.skipped)
    assert store.info().tiles == 1


def test_a_file_that_breaks_off_is_completed_later(
    store: Store, tmp_path: Path, tiny: TinyEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = raster(tmp_path / "in/scene.tif", 1)
    shutil.copy(path, tmp_path / "in/copy.tif")
    read = Raster.read

    def breaking(raster: Raster, windows: Sequence[Window]) -> Iterator[TileImage]:
        for number, image in enumerate(read(raster, windows)):
            if number == 5:
                raise ImageryError(f"{raster._place}: breaks off")
            yield image

    with monkeypatch.context() as patch:
        patch.setattr(Raster, "read", breaking)
        report = store.add([tmp_path / "in"], tiny)
    assert report.tiles_added == 5
    assert [Path(name).name for name, _ in report.skipped] == ["copy.tif", "scene.tif"]
    assert all("breaks off (after 5" in reason for _, reason in report.skipped)
    assert store.info().incomplete == 1
    report = store.add([tmp_path / "in"], tiny)
    assert (report.tiles_added, report.tiles_known, report.skipped) == (7, 17, ())
    assert store.info().incomplete == 0
    assert all(len(row[6]) == 2 for row in content(store).values())


def test_another_encoder_is_refused(store: Store, folder: Path) -> None:
    other = TinyEncoder(seed=1)
    other.name = "other"
    with pytest.raises(EncoderError, match=r"tiny.*other"):
        store.add([folder], other)


def test_an_encoder_that_gives_other_shapes_is_refused(
    store: Store, folder: Path, tiny: TinyEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = tiny.encode_images(np.zeros((1, 32, 32, 3), np.uint8))
    monkeypatch.setattr(TinyEncoder, "encode_images", lambda self, batch: one)
    with pytest.raises(EncoderError, match="shapes"):
        store.add([folder], tiny)


def test_an_encoder_that_gives_no_numbers_is_refused(
    store: Store, folder: Path, tiny: TinyEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: TinyEncoder, batch: NDArray[np.uint8]) -> ImageFeatures:
        return ImageFeatures(
            np.full((len(batch), 32), np.nan, np.float32), np.zeros((len(batch), 5, 8), np.float32)
        )

    monkeypatch.setattr(TinyEncoder, "encode_images", broken)
    with pytest.raises(EncoderError, match="not finite"):
        store.add([folder], tiny)
    assert store.info().tiles == 0


def test_the_encoder_travels_along(tmp_path: Path, tiny: TinyEncoder) -> None:
    folder = tmp_path / "model"
    (folder / "more").mkdir(parents=True)
    (folder / "card.json").write_text('{"licence": "test"}')
    (folder / "more/image.onnx").write_bytes(b"weights")
    tiny.folder = folder
    store = archive.create(tmp_path / "archive", tiny)
    shutil.rmtree(folder)
    assert (store.encoder_folder / "more/image.onnx").read_bytes() == b"weights"
    assert store.info().encoder.card == {"licence": "test"}
    assert store.verify() == []
    (store.encoder_folder / "more/image.onnx").write_bytes(b"weighty")
    assert [problem.where for problem in store.verify()] == [f"encoder/{tiny.revision}/more/image.onnx"]


def test_encoders_are_copied_where_links_are_not_possible(
    tmp_path: Path, tiny: TinyEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.folder = tmp_path / "model"
    tiny.folder.mkdir()
    (tiny.folder / "card.json").write_text("{}")

    def refuse(*_: Path) -> None:
        raise OSError(errno.EXDEV, "another file system")

    monkeypatch.setattr(os, "link", refuse)
    store = archive.create(tmp_path / "archive", tiny)
    assert (store.encoder_folder / "card.json").stat().st_nlink == 1
    assert store.verify() == []


def test_an_archive_without_a_copy_of_its_encoder_says_so(store: Store) -> None:
    with pytest.raises(ArchiveError, match="name it"):
        _ = store.encoder_folder


def test_progress_ends_where_it_should(store: Store, folder: Path, tiny: TinyEncoder) -> None:
    raster(folder / "scene.tif", 7)
    seen: list[tuple[int, int | None]] = []
    store.add([folder], tiny, progress=lambda done, total, what: seen.append((done, total)))
    assert seen[-1] == (32, 32)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_slow_encoder_commits_early(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "FIRST_COMMIT", 0.3)
    report = store.add([folder], SlowEncoder(0.05), commit_every=0.5)
    assert 2 <= report.commits <= 6
    assert report.encode_seconds >= 1.0


def test_sources_that_do_not_exist_are_an_error(store: Store, tmp_path: Path, tiny: TinyEncoder) -> None:
    with pytest.raises(InputError, match="nowhere"):
        store.add([tmp_path / "nowhere"], tiny)


@pytest.mark.parametrize("what", [{"batch": 0}, {"threads": 0}])
def test_numbers_below_one_are_an_error(store: Store, tiny: TinyEncoder, what: dict[str, int]) -> None:
    with pytest.raises(InputError):
        store.add([], tiny, **what)  # type: ignore[arg-type]


@pytest.mark.parametrize("how", ["written to", "replaced", "removed"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_file_that_changes_while_it_is_read_gives_no_wrong_tile(
    store: Store, tmp_path: Path, tiny: TinyEncoder, monkeypatch: pytest.MonkeyPatch, how: str, threads: int
) -> None:
    """Its digest names the old content, so pixels that may be of the new one must not come under it."""
    scene = raster(tmp_path / "in" / "scene.tif", 7)
    other = raster(tmp_path / "other.tif", 8)
    read = Raster.read

    def changing(self: Raster, windows: Sequence[Window]) -> Iterator[TileImage]:
        for number, image in enumerate(read(self, windows)):
            if number == 5 and how == "written to":
                scene.write_bytes(other.read_bytes())
            elif number == 5 and how == "replaced":
                shutil.copy2(other, scene.with_suffix(".new"))
                scene.with_suffix(".new").replace(scene)
            elif number == 5:
                scene.unlink()
            yield image

    monkeypatch.setattr(Raster, "read", changing)
    report = store.add([scene.parent], tiny, threads=threads)
    ((path, reason),) = report.skipped
    assert path == str(scene) and "was changed while it was read; index it again" in reason
    assert report.tiles_added == 5
    monkeypatch.undo()
    if how == "removed":
        shutil.copy2(other, scene)
    again = store.add([scene.parent], tiny, threads=threads)
    assert (again.skipped, again.tiles_added, again.tiles_removed) == ((), 12, 5)
    apart = archive.create(tmp_path / "apart", tiny, TILING)
    apart.add([scene], tiny)
    assert ids(store) == ids(apart)


@pytest.mark.parametrize("name", ["10:00.swath", "file:x", "s3:", "a#b?c%20d", "../é"])
def test_an_archive_may_be_called_as_it_likes(
    tmp_path: Path, tiny: TinyEncoder, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A relative path with a colon is an address to the library that keeps the table."""
    pictures(tmp_path / "in", 2)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    made = archive.create(name, tiny, TILING)
    assert made.add([tmp_path / "in"], tiny).tiles_added == 2
    assert sorted(path.name for path in Path(name).iterdir() if path.name[0] != ".") == [
        *("hot", "lock", "swath.json", "tiles.lance"),
    ]
    assert len(archive.open_store(name).thumbnails(ids(made))) == 2
    assert archive.open_store(name).verify() == []


@pytest.mark.parametrize("name", ["new\nline", "tab\t.swath", "\udcff.swath"])
def test_an_archive_whose_path_no_table_can_have_is_refused(
    tmp_path: Path, tiny: TinyEncoder, name: str
) -> None:
    with pytest.raises(ArchiveError, match=r"no archive can lie at .*rename that folder or choose another"):
        archive.create(tmp_path / name, tiny)
    assert list(tmp_path.iterdir()) == []
    archive.create(tmp_path / "a", tiny, TILING).add([pictures(tmp_path / "in", 2)], tiny)
    (tmp_path / "a").rename(tmp_path / name)
    moved = archive.open_store(tmp_path / name)
    assert len(moved.gallery()) == 2  # searches need no table
    with pytest.raises(ArchiveError, match="no archive can lie at"):
        moved.add([tmp_path / "in"], tiny)


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("-inf"),
        np.float32("nan"),
        10**400,
        None,
        [1],
        b"x",
        "\udcff",
        datetime(2021, 6, 30),
    ],
    ids=repr,
)
def test_attributes_that_no_answer_could_show_are_refused(
    store: Store, folder: Path, tiny: TinyEncoder, value: Any
) -> None:
    with pytest.raises(InputError, match=r"attribute 'x' cannot be .*leave out what is not known"):
        store.add([folder], tiny, attributes={"sensor": "a", "x": value})
    assert store.info().tiles == 0 and store.info().attributes == {}


def test_attributes_may_come_from_numpy(store: Store, folder: Path, tiny: TinyEncoder) -> None:
    given: dict[str, Any] = {
        "a": np.float32(1.5),
        "b": np.int64(3),
        "c": np.bool_(True),
        "d": np.str_("é"),
        "e": 2**70,
        "f": "",
    }
    store.add([folder], tiny, attributes=given)
    found = {"a": 1.5, "b": 3.0, "c": True, "d": "é", "e": float(2**70), "f": ""}
    assert dict(store.gallery().tile(0).attributes) == found
    assert set(store.info().attributes.items()) == set(
        {"a": "number", "b": "number", "c": "flag", "d": "text", "e": "number", "f": "text"}.items()
    )
