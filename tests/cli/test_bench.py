"""`bench`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swath.evaluation import speed
from tests.cli.conftest import Run


@pytest.fixture(autouse=True)
def small_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "_PROBE", 1 << 20)


def test_random_galleries(run: Run) -> None:
    ended = run("bench", "speed", "--tiles", "10,20", "--dim", 8, "--calls", 2, "--json", "s.json")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0].startswith("random: dense, 8 numbers per vector")
    assert [line.split()[:2] for line in lines[2:4]] == [["10", "68"], ["20", "68"]]
    assert lines[1].split()[:5] == ["tiles", "bytes/tile", "build", "s", "first"]
    assert "peak is that of the whole process" in ended.err
    assert json.loads(Path("s.json").read_text())["format"] == "swath.speed/1"
    assert "bytes/tile" in run("compare", "s.json").out


def test_an_archive(run: Run, scenes: Path) -> None:
    assert run("index", scenes, "--archive", "a.swath").code == 0
    ended = run("bench", "speed", "a.swath", "--calls", 1, "--json", "-", "-q")
    assert ended.err == ""
    result = json.loads(ended.out)
    assert (result["gallery"], result["sizes"][0]["tiles"]) == ("a.swath", 7)
    assert result["encode"]["image"] > 0
    assert "alone" in run("bench", "speed", "a.swath", "--calls", 1, "--pipeline", "dense:3 > btgi").out


def test_pointing(run: Run, tmp_path: Path) -> None:
    from swath.imagery.sample import render

    world = render(tmp_path / "world", density=1.0).folder
    ended = run("bench", "pointing", world, "-k", 54, "--pipeline", "dense")
    assert ended.code == 0
    header, *rows = ended.out.splitlines()
    assert header.split() == ["question", "hits", "pointed", "chance"]
    assert rows[0].startswith("a beach") and rows[-1].startswith("all")
    hits, pointed, chance = map(int, rows[-1].split()[1:])
    assert hits > 0 and 0 <= pointed <= 100 and 0 < chance < 100


def test_rerank(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    from swath.training import rerank_speed

    monkeypatch.setattr(rerank_speed, "LAYOUTS", ((4, 8),))
    monkeypatch.setattr(rerank_speed, "_STORED", 20)
    ended = run("bench", "rerank", "-k", "5", "--calls", 1)
    assert ended.code == 0
    assert ended.out.splitlines()[0].split()[:3] == ["tokens", "K", "method"]
    assert "btgi int8, numpy" in ended.out and "maxsim" in ended.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "name an ARCHIVE, or give --tiles"),
        (["a.swath", "--tiles", "5"], "not both"),
        (["a.swath", "--encoder", "base"], "--encoder goes with --tiles"),
        (["none.swath"], "none.swath"),
        (["--tiles", "0"], "1 tile at least"),
        (["--tiles", "few"], "is not whole numbers"),
    ],
)
def test_refusals(arguments: list[str], says: str, run: Run) -> None:
    ended = run("bench", "speed", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err
