"""`show`, `remove`, `relocate`, `index --prune`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import rasterio
from PIL import Image

from tests.cli.conftest import Run


@pytest.fixture
def archive(run: Run, town: Path) -> Path:
    """`town.swath` beside its `scenes`, in the folder that commands run in."""
    shutil.copytree(town / "scenes", "scenes")
    assert run("index", "scenes", "--archive", "a", "--tile-size", 32).code == 0
    return Path("a")


def _hit(run: Run, *arguments: object) -> dict[str, Any]:
    hit: dict[str, Any] = json.loads(run("search", "a", *arguments, "-k", 1, "--json").out)["hits"][0]
    return hit


def test_show(run: Run, archive: Path) -> None:
    hit = _hit(run, "red", "--where", "width = 32")
    ended = run("show", archive, hit["id"][:10])
    assert (ended.code, ended.err) == (0, "")
    window = hit["window"]
    for shown in (
        *(hit["id"], "scenes/raster.tif", f"32 x 32 pixels at {window['column']}, {window['row']}"),
        *("place", "crs", "EPSG:32633", "resolution  10"),
    ):
        assert shown in ended.out


def test_show_as_json(run: Run, archive: Path) -> None:
    shutil.copy("scenes/red.png", "scenes/same.png")
    run("add", archive, "scenes")
    hit = _hit(run, "red")
    document = json.loads(run("show", archive, hit["id"], "--json").out)
    assert list(document) == [
        *("id", "source", "files", "digest", "window", "footprint", "time", "attributes"),
    ]
    assert [Path(file).name for file in document["files"]] == ["red.png", "same.png"]
    assert document["source"] == document["files"][0]
    assert len(document["digest"]) == 32
    assert {key: document[key] for key in ("id", "window", "attributes")} == {
        key: hit[key] for key in ("id", "window", "attributes")
    }


def test_show_cuts_out(run: Run, archive: Path) -> None:
    hit = _hit(run, "red", "--where", "width = 32")
    ended = run("show", archive, hit["id"], "--out", "tile.tif", "-q")
    assert (ended.code, ended.err) == (0, "")
    with rasterio.open("tile.tif") as cut:
        assert (cut.shape, cut.count, cut.crs.to_string()) == ((32, 32), 3, "EPSG:32633")
        assert (cut.transform.c, cut.transform.f) == (
            500_000 + 10 * hit["window"]["column"],
            5_000_000 - 10 * hit["window"]["row"],
        )
    assert run("show", archive, _hit(run, "red")["id"], "--out", "tile.png").err == "cut out: tile.png\n"
    with Image.open("tile.png") as picture:
        assert picture.size == (64, 64)


def test_show_tells_what_is_wrong(run: Run, archive: Path) -> None:
    red = _hit(run, "red")["id"]
    for arguments, says in (
        (("zz",), "No tile has an id"),
        ((red, "--out", "tile.gif"), ".png or .tif"),
        ((red, "--out", "nowhere/tile.png"), "cannot be written"),
    ):
        ended = run("show", archive, *arguments)
        assert ended.code == 2
        assert says in ended.err
    shutil.copy("scenes/blue.png", "scenes/red.png")
    ended = run("show", archive, red, "--out", "tile.png")
    assert (ended.code, ended.out) == (1, "")
    assert "red.png: was changed since it was indexed" in ended.err
    Path("scenes/red.png").unlink()
    ended = run("show", archive, red, "--out", "tile.png")
    assert ended.code == 1
    assert "red.png: is not there any more" in ended.err
    assert not Path("tile.png").exists()
    assert run("show", archive, red).code == 0


def test_show_takes_another_copy(run: Run, archive: Path) -> None:
    shutil.copy("scenes/red.png", "scenes/same.png")
    run("add", archive, "scenes")
    Path("scenes/red.png").write_bytes(b"changed")
    assert run("show", archive, _hit(run, "red")["id"], "--out", "tile.png").code == 0


def test_remove(run: Run, archive: Path) -> None:
    dry = run("remove", archive, "scenes/red.png", "scenes/raster.tif", "--dry-run")
    assert (dry.code, dry.out) == (0, "2 files, 13 tiles would leave\n")
    ended = run("remove", archive, "scenes/red.png", "scenes/raster.tif")
    assert (ended.code, ended.out) == (0, "2 files, 13 tiles removed\na holds 6 tiles\n")
    assert Path(_hit(run, "red")["source"]).name != "red.png"
    assert run("verify", archive).code == 0


def test_remove_by_filter(run: Run, archive: Path) -> None:
    ended = run("remove", archive, "--where", "width = 32", "-q")
    assert (ended.code, ended.out) == (0, "")
    within = run("remove", archive, "scenes/red.png", "scenes/blue.png", "--where", "width = 64", "--dry-run")
    assert within.out == "2 files, 2 tiles would leave\n"
    none = run("remove", archive, "--where", "width = 1")
    assert none.out == "0 files, 0 tiles removed\na holds 7 tiles\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Say what to remove"),
        (["nowhere"], "knows no file there"),
        (["--where", "width >"], "Filter: "),
    ],
)
def test_what_cannot_be_removed(run: Run, archive: Path, arguments: list[str], says: str) -> None:
    ended = run("remove", archive, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err


def test_index_with_prune(run: Run, archive: Path) -> None:
    Path("scenes/red.png").unlink()
    index = ["index", "scenes", "--archive", archive]
    assert "removed" not in run(*index).out
    assert run(*index, "--prune").out.splitlines()[0] == "7 files: 0 tiles added, 18 known, 1 removed"
    shutil.rmtree("scenes")
    Path("scenes").mkdir()
    ended = run(*index, "--prune")
    assert ended.code == 2
    assert "none of the 7 known files" in ended.err


def test_relocate(run: Run, archive: Path) -> None:
    Path("scenes").rename("moved")
    assert run("relocate", archive, "scenes", "moved", "--dry-run").out == "8 files would be below moved\n"
    ended = run("relocate", archive, "scenes", "moved")
    assert (ended.code, ended.out, ended.err) == (0, "8 files now below moved\n", "")
    assert _hit(run, "red")["source"] == str(Path("moved/red.png").absolute())
    Path("moved/red.png").unlink()
    Path("moved").rename("again")
    assert run("relocate", archive, "moved", "again").err == "1 file of them not found below again\n"
    ended = run("relocate", archive, "nowhere", "again")
    assert ended.code == 2
    assert "knows no file there" in ended.err
