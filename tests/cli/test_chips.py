"""Chips: hits cut out of their scenes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio

import swath
from swath.errors import InputError
from swath.imagery.faults import quiet
from swath.serving.chips import ChipsReport
from tests.cli.conftest import Run


@pytest.fixture
def moved(town: Path, tmp_path: Path) -> Path:
    """A copy of the town, whose files may be changed."""
    shutil.copytree(town, tmp_path / "town")
    swath.open(tmp_path / "town" / "town.swath").relocate(town / "scenes", tmp_path / "town" / "scenes")
    return tmp_path / "town"


def test_chips_are_the_pixels_of_the_scenes(moved: Path, tmp_path: Path) -> None:
    archive = swath.open(moved / "town.swath")
    hits = archive.search("grey", k=19)
    report = archive.chips(hits, tmp_path / "made" / "chips")
    assert report == ChipsReport(19, 0, ())
    with rasterio.open(moved / "scenes" / "raster.tif") as scene:
        pixels, transform = scene.read(), scene.transform
    for hit in hits:
        window = hit.tile.window
        raster = hit.tile.source.endswith(".tif")
        name = f"{hit.rank:02}_{hit.tile.id[:12]}.{'tif' if raster else 'png'}"
        with quiet(), rasterio.open(tmp_path / "made" / "chips" / name) as chip:
            assert (chip.width, chip.height) == (window.width, window.height)
            if raster:
                part = np.s_[:, window.row : window.row + 32, window.column : window.column + 32]
                assert np.array_equal(chip.read(), pixels[part])
                assert chip.transform @ (0, 0) == transform @ (window.column, window.row)


def test_what_is_there_is_kept_and_what_is_damaged_is_cut_again(moved: Path, tmp_path: Path) -> None:
    archive = swath.open(moved / "town.swath")
    hits = archive.search("grey", k=5, where="bands = 3")
    folder = tmp_path / "chips"
    archive.chips(hits, folder)
    first, second, *_ = sorted(folder.iterdir())
    good = second.read_bytes()
    second.write_bytes(good[: len(good) // 2])
    first.unlink()
    assert archive.chips(hits, folder) == ChipsReport(2, 3, ())
    assert second.read_bytes() == good


def test_changed_missing_and_unknown_are_skipped_and_listed(run: Run, moved: Path) -> None:
    ended = run("search", moved / "town.swath", "red", "-k", 3, "--json", "--where", "width = 64")
    document = json.loads(ended.out)
    document["hits"].append({"rank": 4, "id": "f" * 32})
    Path("hits.json").write_text(json.dumps(document))
    first, second = (Path(hit["source"]) for hit in document["hits"][:2])
    first.unlink()
    second.write_bytes(second.read_bytes() + b"\0")
    ended = run("chips", moved / "town.swath", "hits.json", "--out", "chips")
    assert (ended.code, ended.out) == (1, "chips: 1 chip written, 3 skipped\n")
    for line, says in zip(ended.err.splitlines(), ("not there", "changed", "No tile"), strict=True):
        assert line.startswith("skipped hit") and says in line
    assert [path.suffix for path in Path("chips").iterdir()] == [".png"]


@pytest.mark.parametrize("name", ["hits.geojson", "hits.parquet", "hits.csv"])
def test_every_file_of_hits(run: Run, town: Path, name: str) -> None:
    archive = town / "town.swath"
    run("search", archive, "red", "-k", 2, "--out", name, "-q")
    assert run("chips", archive, name, "--out", "chips", "--format", "tif").out == "chips: 2 chips written\n"
    assert run("chips", archive, name, "--out", "chips", "--format", "tif").out == (
        "chips: 0 chips written, 2 there already\n"
    )
    assert [path.suffix for path in Path("chips").iterdir()] == [".tif"] * 2


def test_what_cannot_be_done(run: Run, town: Path) -> None:
    Path("file").write_text("")
    assert run("chips", town / "town.swath", "file", "--out", "chips").code == 2
    Path("hits.json").write_text('{"hits": []}')
    assert run("chips", town / "town.swath", "hits.json", "--out", "file").code == 2
    assert run("chips", town / "town.swath", "hits.json", "--out", "empty").code == 0
    with pytest.raises(InputError):
        swath.open(town / "town.swath").chips([(1, "ab")], "file/below")
