"""The public API, by its own examples and beyond them."""

from __future__ import annotations

import doctest
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import swath
import swath.api
import swath.hits
import swath.outputs
import swath.searchable
from swath.errors import ArchiveError, EncoderError, InputError, SpecError
from tests.tiny import TinyEncoder, paint
from tests.tiny_onnx import build


@pytest.fixture
def work(tmp_path: Path, tiny_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SWATH_HOME", str(tiny_home))
    monkeypatch.chdir(tmp_path)
    paint(tmp_path / "scenes")
    return tmp_path


def _names(hits: swath.Hits) -> list[str]:
    return [Path(hit.tile.source).stem for hit in hits]


def test_examples(work: Path) -> None:
    pytest.importorskip(
        "geopandas", reason="hits show how they become a GeoDataFrame: pip install 'swath[geo]'"
    )
    modules: tuple[ModuleType, ...] = (swath, swath.api, swath.searchable, swath.outputs, swath.hits)
    for module in modules:
        failed, tried = doctest.testmod(module)
        assert tried
        assert not failed


def test_public_names() -> None:
    assert set(swath.__all__) <= set(dir(swath))
    assert swath.__version__
    with pytest.raises(AttributeError, match="no attribute 'opne'"):
        _ = swath.opne


def test_index_makes_then_continues(work: Path) -> None:
    archive = swath.index("scenes", "a", "base", attributes={"year": 2024})
    assert (len(archive), archive.encoder.name, archive.path) == (7, "base", Path("a"))
    assert archive.report is not None
    assert archive.report.tiles_added == 7
    shutil.copy("scenes/red.png", "extra.png")
    Path("extra.png").write_bytes(Path("extra.png").read_bytes() + b"\0")  # another content
    again = swath.index(["scenes", Path("extra.png")], Path("a"))
    assert again.report is not None
    assert (again.report.tiles_added, again.report.tiles_known) == (1, 7)
    assert len(again.search("red", where="year = 2024")) == 7


def test_search_sees_what_was_added_since(work: Path) -> None:
    archive = swath.index("scenes/red.png", "a")
    assert _names(archive.search("blue")) == ["red"]
    gallery = archive._gallery()
    assert archive._gallery() is gallery
    swath.open("a").add(["scenes/blue.png"])
    assert _names(archive.search("blue")) == ["blue", "red"]


def test_every_kind_of_query(work: Path) -> None:
    archive = swath.index("scenes", "a")
    red = archive.search("red", k=1)[0]
    green = np.zeros((8, 8, 3), np.uint8)
    green[..., 1] = 200
    assert _names(archive.search(image="scenes/blue.png", k=1)) == ["blue"]
    assert _names(archive.search(image=Path("scenes/blue.png"), k=1)) == ["blue"]
    assert _names(archive.search(image=green, k=1)) == ["green"]
    assert _names(archive.search(image=["scenes/green.png", "scenes/red.png"], k=1)) == ["yellow"]
    assert _names(archive.search(["red", "green"], k=1)) == ["yellow"]
    assert "red" not in _names(archive.search("red", unlike=red.tile.id))
    assert _names(archive.search(like=[red.tile.id[:8]], k=1)) == ["yellow"]
    assert archive.search("red", where="source = nowhere").hits == ()
    assert archive.search("red", bbox=(0, 0, 1, 1)).hits == ()
    assert len(archive.search("red", pipeline="dense:2")) == 2
    assert archive.search("red", k=0).hits == ()


def test_scores_follow_the_card(work: Path) -> None:
    hit = swath.index("scenes", "a").search("red", k=1)[0]
    assert hit.score == pytest.approx(1 / (1 + np.exp(-(8 * hit.raw - 4))))


def test_filters_by_place(town: Path) -> None:
    archive = swath.open(town / "town.swath")
    with_place = [hit for hit in archive.search("red", k=100) if hit.tile.footprint]
    assert len(with_place) == 12
    assert len(archive.search("red", bbox=(-180, -90, 180, 90), k=100)) == 12
    ring = with_place[0].tile.footprint
    assert ring is not None
    west, south = (min(corner[axis] for corner in ring.ring) for axis in (0, 1))
    found = archive.search("red", bbox=(west, south, west + 1e-9, south + 1e-9), k=100)
    assert with_place[0].tile.id in {hit.tile.id for hit in found}
    assert len(found) < 12


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({}, InputError, "query is empty"),
        ({"text": "  "}, InputError, "empty"),
        ({"text": "red", "like": "zz"}, InputError, "No tile"),
        ({"text": "red", "pipeline": "dens"}, SpecError, "did you mean"),
        ({"image": "scenes/nothing.png"}, InputError, "nothing.png"),
        ({"image": __file__}, InputError, "test_api.py"),
        ({"text": "red", "k": -1}, InputError, "k is"),
    ],
)
def test_what_cannot_be_asked(
    work: Path, arguments: dict[str, Any], error: type[Exception], says: str
) -> None:
    archive = swath.index("scenes/red.png", "a")
    with pytest.raises(error, match=says):
        archive.search(**arguments)


def test_open_says_what_is_missing(work: Path) -> None:
    with pytest.raises(ArchiveError, match="does not exist"):
        swath.open("nowhere")


def test_other_encoder_is_refused(work: Path) -> None:
    swath.index("scenes/red.png", "a")
    build(work / "other", seed=1)
    with pytest.raises(EncoderError, match="leave the encoder out"):
        swath.index("scenes", "a", work / "other")
    with pytest.raises(EncoderError, match="leave the encoder out"):
        swath.open("a", encoder=str(work / "other"))
    assert len(swath.open("a", encoder="base")) == 1


def test_encoder_without_a_folder_must_be_named(work: Path, tiny: TinyEncoder) -> None:
    swath.index("scenes", "a", tiny)
    with pytest.raises(ArchiveError, match="no copy of its encoder"):
        swath.open("a").search("red")
    assert _names(swath.open("a", encoder=tiny).search("red", k=1)) == ["red"]


def test_cutting_is_settled_when_the_archive_is_made(work: Path) -> None:
    archive = swath.index("scenes", "a", tile_size=100, overlap=10, min_valid=0.2, bands=[3, 2, 1])
    tiling = archive.info().tiling
    assert (tiling.size, tiling.stride, tiling.min_valid, tiling.bands) == (100, 90, 0.2, (3, 2, 1))
    same: dict[str, Any]
    for same in ({}, {"tile_size": 100, "overlap": 10}, {"min_valid": 0.2}):
        assert swath.index("scenes", "a", **same).info().tiling == tiling
    other: dict[str, Any]
    for other in ({"tile_size": 100}, {"overlap": 0}, {"bands": [1]}):
        with pytest.raises(InputError, match=r"tiles of 100 pixels, overlap 10, .* bands 3,2,1, not"):
            swath.index("scenes", "a", **other)
    with pytest.raises(InputError, match="give 0 to 255"):
        swath.index("scenes", "b", overlap=256)
    assert not Path("b").exists()


def test_copied_archive_answers_by_itself(
    work: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    swath.index("scenes", "a")
    shutil.copytree("a", "elsewhere/b")
    shutil.rmtree("a")
    monkeypatch.setenv("SWATH_HOME", str(tmp_path / "empty"))
    assert _names(swath.open("elsewhere/b").search("red", k=1)) == ["red"]


def test_skipped_files_are_in_the_report(work: Path) -> None:
    Path("scenes/broken.png").write_bytes(b"no picture")
    archive = swath.index("scenes", "a")
    assert archive.report is not None
    (path, _reason), *rest = archive.report.skipped
    assert (Path(path).name, rest) == ("broken.png", [])


def test_verify_and_repr(work: Path) -> None:
    archive = swath.index("scenes", "a")
    assert archive.verify() == []
    assert repr(archive) == "Archive('a', 7 tiles)"
    damaged = next(Path("a/hot").rglob("dense"))
    damaged.write_bytes(bytes(len(damaged.read_bytes())))
    assert archive.verify()


def test_changes_are_seen_at_once(work: Path) -> None:
    archive = swath.index("scenes", "a")
    assert archive.remove(["scenes/red.png"], where="width = 64").tiles == 1
    assert "red" not in _names(archive.search("red"))
    Path("scenes").rename("moved")
    assert archive.relocate("scenes", "moved").missing == 0
    assert Path(archive.search("blue", k=1)[0].tile.source).parent.name == "moved"
    Path("moved/blue.png").unlink()
    report = archive.add("moved", prune=True)
    assert (report.tiles_added, report.tiles_removed) == (1, 1)
    assert len(archive) == 6


def test_cut_and_geojson(work: Path) -> None:
    archive = swath.index("scenes", "a")
    hits = archive.search("red", k=1)
    assert archive.show(hits[0].tile.id).files == (work / "scenes" / "red.png",)
    assert archive.cut(hits[0].tile.id[:8], "red.tif") == Path("red.tif")
    assert archive.search(image="red.tif", k=1)[0].tile == hits[0].tile
    assert archive.geojson(hits, "hits.json").read_text().startswith('{"type": "FeatureCollection"')


def test_unwanted_words(work: Path) -> None:
    archive = swath.index("scenes", "a")
    names = _names(archive.search("yellow", unwanted="green"))
    assert names.index("red") < names.index("green")
    names = _names(archive.search("yellow", unwanted=["red"]))
    assert names.index("green") < names.index("red")
