"""Several archives searched as one, beside the archive that merging makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import swath
from swath import archive as archives
from swath.errors import ArchiveError, InputError
from swath.imagery import Tiling
from tests.archive.world import picture, raster
from tests.search.heads import bank
from tests.tiny import TinyEncoder
from tests.tiny_onnx import build

TILING = Tiling(size=32)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 pictures in 8 looks, and a raster."""
    folder = tmp_path_factory.mktemp("many") / "in"
    for index in range(16):
        picture(folder / f"{index:02}.png", index % 8 if index % 3 else index)
    raster(folder / "scene.tif", 3)
    return folder


def made(path: Path, files: list[Path], tiny: TinyEncoder, cloud: float) -> Path:
    archives.create(path, tiny, TILING).add(files, tiny, attributes={"cloud": cloud})
    return path


@pytest.mark.parametrize("seed", range(5))
def test_answers_are_those_of_the_merged_archive(
    seed: int, world: Path, tmp_path: Path, tiny: TinyEncoder
) -> None:
    """Files lie in any of three archives, or in several."""
    rng = np.random.default_rng(seed)
    files, k = sorted(world.iterdir()), int(rng.integers(1, 40))
    homes = rng.random((3, len(files))) < 0.5
    paths = [
        made(
            tmp_path / str(place), [file for file, here in zip(files, row, strict=True) if here], tiny, place
        )
        for place, row in enumerate(homes)
    ]
    archives.merge(tmp_path / "merged", paths)
    one, many = swath.open(tmp_path / "merged", encoder=tiny), swath.open_many(paths, encoder=tiny)
    assert len(one) == len(many)
    some_id = bytes(one._gallery().ids[0]).decode()
    asked = [
        swath.Query(("red",)),
        swath.Query(("red", "green"), where="cloud < 1 or width < 33"),
        swath.Query(("blue",), bbox=(10, 40, 20, 50)),
        swath.Query(likes=(some_id,)),
    ]
    for pipeline in ("auto", "dense:9 > btgi(blend=.5)", "hash32:8 > btgi:5", "fuse(dense:5, hash64:5)"):
        expected = one.search_many(asked, k=k, pipeline=pipeline)
        found = many.search_many(asked, k=k, pipeline=pipeline)
        for mine, other in zip(found, expected, strict=True):
            assert mine.pipeline == other.pipeline
            assert [(hit.tile.id, hit.raw, hit.score) for hit in mine] == [
                (hit.tile.id, hit.raw, hit.score) for hit in other
            ]
    hits = many.search("red", k=k)
    assert many.show(some_id[:20]).files == one.show(some_id).files
    heat, other_heat = many.heat(hits, "red"), one.heat(hits, "red")
    assert heat.keys() == other_heat.keys()
    assert all(np.array_equal(heat[name], other_heat[name]) for name in heat)
    assert many.words(hits, "red") == [{}] * len(hits)
    assert many.thumbnails([hit.tile.id for hit in hits]) == one.thumbnails([hit.tile.id for hit in hits])
    assert many.sheet(hits, tmp_path / "sheet.html", explain="red").stat().st_size > 1000
    assert many.geojson(hits, tmp_path / "hits.geojson").exists()


def test_what_is_added_meanwhile_is_found(world: Path, tmp_path: Path, tiny: TinyEncoder) -> None:
    files = sorted(world.glob("*.png"))
    paths = [made(tmp_path / "a", files[:2], tiny, 1), made(tmp_path / "b", files[2:4], tiny, 1)]
    many = swath.open_many(paths, encoder=tiny)
    before = many._gallery()
    assert (len(many), many._gallery()) == (4, before)
    swath.open(paths[1], encoder=tiny).add(files[4:6])
    assert len(many.search("red", k=50)) == 6
    assert repr(many) == f"Archives({str(paths[0])!r}, {str(paths[1])!r}, 6 tiles)"


def test_archives_that_do_not_go_together_are_refused(world: Path, tmp_path: Path, tiny: TinyEncoder) -> None:
    first = made(tmp_path / "a", [world / "00.png"], tiny, 1)
    other = made(tmp_path / "b", [world / "00.png"], TinyEncoder(1), 1)
    third = archives.create(tmp_path / "c", tiny, Tiling(size=16))
    third.add([world], tiny, attributes={"cloud": "many"})
    with pytest.raises(ArchiveError, match="cannot be compared"):
        swath.open_many([first, other])
    with pytest.raises(ArchiveError, match="attribute 'cloud' is a text"):
        swath.open_many([first, third.path])
    with pytest.raises(ArchiveError, match="no archive at"):
        swath.open_many([first, tmp_path / "nothing"])
    with pytest.raises(InputError, match="which archives"):
        swath.open_many([])
    with pytest.raises(InputError, match="No tile"):
        swath.open_many([first], encoder=tiny).show("zz")


def test_an_archive_that_was_encoded_anew_is_noticed(world: Path, tmp_path: Path) -> None:
    old, new = (build(tmp_path / name, name=name, seed=seed) for seed, name in enumerate(("old", "new")))
    for name in ("a", "b"):
        swath.index(world / "00.png", tmp_path / name, old)
    many = swath.open_many([tmp_path / "a", tmp_path / "b"])
    assert len(many.search("red")) == 1
    from swath import encoders

    archives.open_store(tmp_path / "b").reencode(encoders.load(new))
    with pytest.raises(ArchiveError, match="cannot be compared"):
        many.search("red")


def test_archives_cut_differently_are_searched_together(
    world: Path, tmp_path: Path, tiny: TinyEncoder
) -> None:
    coarse = archives.create(tmp_path / "coarse", tiny, Tiling(size=64))
    coarse.add([world / "scene.tif"], tiny)
    fine = made(tmp_path / "fine", [world / "scene.tif"], tiny, 1)
    found = swath.open_many([fine, coarse.path], encoder=tiny).search("red", k=99)
    assert {hit.tile.window.width for hit in found} == {32, 64}


@pytest.mark.parametrize("pipeline", ["dense(bias=ppsr)", "dense(bias=csls):9 > btgi", "hash64(bias=ppsr):9"])
def test_biases_are_those_of_the_merged_archive(world: Path, tmp_path: Path, pipeline: str) -> None:
    bank(build(tmp_path / "encoder"))
    files = sorted(world.iterdir())
    for name, some in (("a", files[:9]), ("b", files[5:])):
        swath.index(some, tmp_path / name, tmp_path / "encoder", tile_size=32)
    archives.merge(tmp_path / "merged", [tmp_path / "a", tmp_path / "b"])
    one, many = swath.open(tmp_path / "merged"), swath.open_many([tmp_path / "a", tmp_path / "b"])
    for text in ("red", "green", "a river"):
        expected, found = (each.search(text, k=12, pipeline=pipeline) for each in (one, many))
        assert [hit.tile.id for hit in found] == [hit.tile.id for hit in expected]
        assert [hit.raw for hit in found] == pytest.approx([hit.raw for hit in expected], abs=1e-6)


def test_the_best_of_each_archive_together_are_the_best_of_all(
    world: Path, tmp_path: Path, tiny: TinyEncoder
) -> None:
    """What holds for archives on machines of their own."""
    files = sorted(world.iterdir())
    paths = [made(tmp_path / str(n), files[3 * n : 3 * n + 5], tiny, n) for n in range(5)]
    for text in ("red", "blue green"):
        apart = [
            swath.open(path, encoder=tiny).search(text, k=7, pipeline="dense", collapse=False)
            for path in paths
        ]
        best = {hit.tile.id: hit.raw for hits in apart for hit in hits}
        together = swath.open_many(paths, encoder=tiny).search(text, k=7, pipeline="dense", collapse=False)
        assert sorted(best.items(), key=lambda one: (-one[1], one[0]))[:7] == [
            (hit.tile.id, hit.raw) for hit in together
        ]
