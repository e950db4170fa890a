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
    assert [line.split()[:2] for line in lines[2:4]] == [["10", "48"], ["20", "48"]]
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
