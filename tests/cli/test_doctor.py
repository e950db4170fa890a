"""`doctor`, `encoders`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.fixture
def home(run: Run, tiny_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's data folder that may be changed."""
    shutil.copytree(tiny_home, tmp_path / "home")
    monkeypatch.setenv("SWATH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_doctor(run: Run, town: Path, home: Path) -> None:
    ended = run("doctor", town / "town.swath")
    assert (ended.code, ended.err) == (0, "")
    for shown in ("python", "processor name", "threads usable", "packages numpy", "CPUExecution", "gdal"):
        assert shown in ended.out
    for shown in ("base, revision", "sound", "archive tiles", "19", "SWATH_HOME"):
        assert shown in ended.out


def test_doctor_as_json(run: Run, town: Path, home: Path) -> None:
    document = json.loads(run("doctor", town / "town.swath", "--json").out)
    assert list(document) == [
        *("swath", "python", "platform", "processor", "threads", "packages", "runtime", "environment"),
        *("encoders", "archive", "problems"),
    ]
    assert document["problems"] == []
    assert document["archive"]["tiles"] == 19
    assert "base" in [one["name"] for one in document["encoders"]]
    assert json.loads(run("doctor", "--json").out)["archive"] is None


def test_doctor_finds_what_is_wrong(run: Run, town: Path, home: Path) -> None:
    shutil.copytree(town / "town.swath", "a")
    next(Path("a/tiles.lance").rglob("*.lance")).write_bytes(b"short")
    next(Path("a/hot").rglob("dense")).unlink()
    (home / "encoders/base/text.onnx").write_bytes(b"damaged")
    ended = run("doctor", "a", "--json")
    assert ended.code == 1
    problems = json.loads(ended.out)["problems"]
    assert len(problems) == 3
    for says, problem in zip(
        ("text.onnx is not the file", "5 bytes instead of", "hot/"), problems, strict=True
    ):
        assert says in problem
        assert f"swath: problem: {problem}" in ended.err


def test_doctor_without_an_archive_there(run: Run, home: Path) -> None:
    ended = run("doctor", "nowhere")
    assert ended.code == 1
    assert "no archive at nowhere" in ended.err
    assert "packages numpy" in ended.out


def test_encoders(run: Run, home: Path) -> None:
    ended = run("encoders")
    assert (ended.code, ended.err) == (0, "")
    line = next(line for line in ended.out.splitlines() if line.startswith("base "))
    assert "public domain" in line
    assert line.endswith("Mean colours on a 2 x 2 grid.")
    found = json.loads(run("encoders", "--json").out)["encoders"]
    base = next(one for one in found if one["name"] == "base")
    assert list(base) == [
        *("name", "folder", "kind", "bytes", "dim", "revision", "terms", "description", "figures", "problem"),
    ]
    assert (base["dim"], base["problem"]) == (32, "")


def test_damaged_encoders_are_listed(run: Run, home: Path) -> None:
    (home / "encoders/base/card.json").write_text("{}")
    ended = run("encoders")
    assert ended.code == 1
    assert "is not a card" in ended.out


def test_doctor_checks_the_encoder_of_an_archive(run: Run, town: Path, home: Path) -> None:
    shutil.copytree(town / "town.swath", "a")
    model = next(Path("a/encoder").rglob("text.onnx"))
    data = model.read_bytes()
    model.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    (problem,) = json.loads(run("doctor", "a", "--json").out)["problems"]
    assert "text.onnx is not the file that its card names" in problem
