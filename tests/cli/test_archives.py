"""`index`, `add`, `info`, `verify`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.archive.world import raster
from tests.cli.conftest import Run
from tests.tiny_onnx import build


def test_index_then_continue(run: Run, scenes: Path) -> None:
    first = run("index", scenes, "--archive", "a")
    assert (first.code, first.err) == (0, "")
    assert first.out.splitlines()[0].startswith("7 files: 7 tiles added in ")
    assert first.out.splitlines()[1] == "a holds 7 tiles"
    again = run("index", scenes, "--archive", "a")
    assert again.out.splitlines()[0] == "7 files: 0 tiles added, 7 known"


def test_index_with_settings(run: Run, scenes: Path) -> None:
    settings = ["--tile-size", 48, "--overlap", 8, "--min-valid", 0.25, "--bands", "3,2,1", "--threads", 1]
    assert run("index", scenes, "--archive", "a", "--encoder", "base", *settings).code == 0
    tiling = json.loads(run("info", "a", "--json").out)["tiling"]
    assert tiling == {
        "size": 48,
        "stride": 40,
        "min_valid": 0.25,
        "bands": [3, 2, 1],
        "picture_side": 1024,
        "levels": 1,
        "stretch": None,
    }
    other = run("index", scenes, "--archive", "a", "--tile-size", 64)
    assert other.code == 2
    assert "was made with tiles of 48 pixels" in other.err


def test_index_with_a_pyramid_and_one_stretch(run: Run) -> None:
    raster(Path("in/a.tif"), 1)
    settings = ["--tile-size", 32, "--levels", 3, "--stretch", "-10,400.5"]
    assert run("index", "in", "--archive", "a", *settings).code == 0
    cut = next(line for line in run("info", "a").out.splitlines() if line.startswith("cut"))
    assert "windows of 32 pixels and their doubles on 3 levels, least valid share 0.5" in cut
    assert cut.endswith(", stretched from -10 to 400.5")
    info = json.loads(run("info", "a", "--json").out)
    assert (info["tiles"], info["tiling"]["levels"], info["tiling"]["stretch"]) == (
        12 + 4 + 1,
        3,
        [-10, 400.5],
    )
    other = run("index", "in", "--archive", "a", "--levels", 2)
    assert other.code == 2
    assert "made with tiles of 32 pixels, overlap 0, 3 levels, least valid share 0.5, stretched" in other.err
    assert "not with tiles of 32 pixels, overlap 0, 2 levels" in other.err
    assert run("index", "in", "--archive", "a").out.splitlines()[0] == "1 file: 0 tiles added, 17 known"
    for wrong in (["--levels", 0], ["--stretch", "3,2"], ["--stretch", "1"]):
        assert run("index", "in", "--archive", "b", *wrong).code == 2


def test_another_encoder_is_refused(run: Run, scenes: Path, tmp_path: Path) -> None:
    run("index", scenes, "--archive", "a")
    ended = run("index", scenes, "--archive", "a", "--encoder", build(tmp_path / "other", seed=1))
    assert ended.code == 2
    assert "was made with encoder base" in ended.err


def test_add(run: Run, scenes: Path) -> None:
    run("index", scenes / "red.png", "--archive", "a")
    ended = run("add", "a", scenes, "-q")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert json.loads(run("info", "a", "--json").out)["tiles"] == 7


def test_skipped_files_are_listed_and_counted(run: Run, scenes: Path) -> None:
    (scenes / "broken.png").write_bytes(b"no picture")
    (scenes / "empty.tif").touch()
    ended = run("index", scenes, "--archive", "a")
    assert ended.code == 0
    lines = ended.err.splitlines()
    assert [line.split(": ")[0] for line in lines[:2]] == [
        f"skipped {scenes.absolute()}/broken.png",
        f"skipped {scenes.absolute()}/empty.tif",
    ]
    assert lines[2:] == ["2 files skipped"]
    assert lines[0].count("broken.png") == 1
    assert run("index", scenes, "--archive", "a", "--quiet").err == "2 files skipped\n"


@pytest.mark.parametrize("content", [None, b"no picture"])
def test_nothing_could_be_indexed(content: bytes | None, run: Run) -> None:
    Path("bad").mkdir()
    if content is not None:
        Path("bad/broken.png").write_bytes(content)
    ended = run("index", "bad", "--archive", "a")
    assert (ended.code, ended.out) == (1, "")
    what = "no imagery was found" if content is None else "none of the files could be indexed"
    assert ended.err.splitlines()[-1] == f"swath: error: {what} in bad"


def test_info(run: Run, town: Path) -> None:
    ended = run("info", town / "town.swath")
    assert ended.code == 0
    for shown in (
        *(
            "19 from 8 files",
            "windows of 32 pixels",
            "dense float16[32], tokens int8[5, 8]",
            "base, revision",
        ),
        *("public domain", "paint, train: no restriction", "paint test, strict: mr 93.21", "crs (text)"),
    ):
        assert shown in ended.out
    assert str(town / "scenes") in ended.out


def test_info_as_json(run: Run, town: Path) -> None:
    document = json.loads(run("info", town / "town.swath", "--json").out)
    assert list(document) == [
        *("path", "format", "software", "committed", "tiles", "files", "incomplete", "encoder", "signals"),
        *("tiling", "roots", "attributes", "bytes"),
    ]
    assert (document["tiles"], document["files"], document["format"]) == (19, 8, 1)
    assert document["signals"] == {"dense": "float16[32]", "tokens": "int8[5, 8]"}
    assert document["encoder"]["name"] == "base"
    assert document["encoder"]["card"]["data"][0]["terms"] == "no restriction"
    assert "means" not in document["encoder"]["card"]


def test_verify(run: Run, town: Path) -> None:
    shutil.copytree(town / "town.swath", "a")
    assert run("verify", "a").out == "a is sound\n"
    assert run("verify", "a", "-q").out == ""
    model = next(Path("a/encoder").rglob("text.onnx"))
    model.unlink()  # it may be a hard link: what it leads to is not ours to change
    model.write_bytes(b"damaged")
    ended = run("verify", "a")
    assert ended.code == 1
    assert "text.onnx" in ended.out
    assert ended.err == "swath: error: 1 problem in a\n"
