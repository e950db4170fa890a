"""`merge`, `reencode`, `upgrade`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from swath.archive import formats
from tests.cli.conftest import Run
from tests.tiny_onnx import build


@pytest.fixture
def archive(run: Run, town: Path) -> Path:
    """`town.swath` beside its `scenes`, in the folder that commands run in."""
    shutil.copytree(town / "scenes", "scenes")
    assert run("index", "scenes", "--archive", "a", "--tile-size", 32).code == 0
    return Path("a")


def test_merge(run: Run, archive: Path) -> None:
    shutil.copytree("scenes", "more")
    Path("more/raster.tif").unlink()
    run("index", "more", "--archive", "b", "--tile-size", 32)
    ended = run("merge", "both", archive, "b")
    assert ended.code == 0
    assert ended.out == "2 archives: 19 tiles added, 7 known\nboth holds 19 tiles from 15 files\n"
    assert run("verify", "both").code == 0
    assert run("merge", "both", archive, "b", "-q").out == ""


def test_merge_tells_of_changed_files(run: Run, archive: Path) -> None:
    shutil.copy("scenes/red.png", "scenes/blue.png")
    run("index", "scenes", "--archive", "b", "--tile-size", 32)
    ended = run("merge", "both", archive, "b")
    assert ended.code == 0
    assert "1 file known with more than one content" in ended.err


def test_merge_refuses(run: Run, archive: Path) -> None:
    run("index", "scenes", "--archive", "b", "--tile-size", 16)
    ended = run("merge", "both", archive, "b")
    assert (ended.code, ended.out) == (2, "")
    assert "b was cut with size 16" in ended.err


def test_reencode(run: Run, archive: Path) -> None:
    build(Path("other"), name="other", seed=1)
    ended = run("reencode", archive, "--encoder", "./other")
    assert (ended.code, ended.out) == (0, "a: 19 tiles by other, 19 encoded now\n")
    assert "other" in run("info", archive).out
    assert run("search", archive, "red", "-k", 1).code == 0
    assert run("reencode", archive, "--encoder", "./other").out == "a: 19 tiles by other, 0 encoded now\n"


def test_reencode_waits_for_missing_files(run: Run, archive: Path) -> None:
    build(Path("other"), name="other", seed=1)
    Path("scenes/raster.tif").unlink()
    ended = run("reencode", archive, "--encoder", "./other")
    assert (ended.code, ended.out) == (1, "")
    assert "raster.tif: it is not there" in ended.err
    assert "12 tiles of 1 file cannot be encoded again, so a keeps the signals of base" in ended.err
    ended = run("reencode", archive, "--encoder", "./other", "--drop-missing")
    assert (ended.code, ended.out) == (0, "a: 7 tiles by other, 0 encoded now, 12 left out\n")


def test_upgrade(run: Run, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    present = formats.FORMAT
    assert run("upgrade", archive).out == f"a has format {present}, which is the newest: nothing to do\n"
    monkeypatch.setitem(formats.STEPS, present, lambda document: document)
    monkeypatch.setattr(formats, "FORMAT", present + 1)
    ended = run("remove", archive, "scenes/red.png")
    assert (ended.code, "swath upgrade a" in ended.err) == (2, True)
    assert run("upgrade", archive).out == f"a went from format {present} to format {present + 1}\n"
    assert run("remove", archive, "scenes/red.png").code == 0
    monkeypatch.setattr(formats, "FORMAT", present)
    ended = run("upgrade", archive)
    assert (ended.code, "upgrade swath" in ended.err) == (2, True)
