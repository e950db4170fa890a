"""`search`: tables, JSON, sheets."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run


def _json(run: Run, *arguments: object) -> dict[str, Any]:
    ended = run("search", *arguments, "--json")
    assert (ended.code, ended.err) == (0, "")
    document: dict[str, Any] = json.loads(ended.out)
    return document


def _names(document: dict[str, Any]) -> list[str]:
    return [Path(hit["source"]).stem for hit in document["hits"]]


@pytest.fixture
def archive(town: Path) -> Path:
    return town / "town.swath"


def test_table(run: Run, archive: Path) -> None:
    ended = run("search", archive, "red", "-k", 3)
    assert (ended.code, ended.err) == (0, "")
    header, first, *rest = ended.out.splitlines()
    assert header.split()[:4] == ["rank", "score", "raw", "id"]
    assert first.split()[0] == "1"
    assert first.endswith("/scenes/red.png")
    assert len(rest) == 2
    assert len({line.index("/scenes/") for line in (first, *rest)}) == 1


def test_table_shows_places_and_near_paths(run: Run, town: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(town)
    ended = run("search", "town.swath", "grey", "--bbox", "14,45,16,46")
    assert "lat, lon" in ended.out
    line = ended.out.splitlines()[1]
    assert line.endswith("  scenes/raster.tif")
    assert " 45.1" in line
    assert " 15.0" in line


def test_json_is_a_promise(run: Run, archive: Path) -> None:
    document = _json(run, archive, "red", "-k", 19)
    assert list(document) == ["query", "pipeline", "hits"]
    assert document["query"] == {
        "text": "red",
        "images": [],
        "like": [],
        "unlike": [],
        "k": 19,
        "where": None,
        "bbox": None,
    }
    assert document["pipeline"] == "dense"
    for rank, hit in enumerate(document["hits"], 1):
        assert list(hit) == [
            *("rank", "id", "raw", "score", "source", "window", "footprint", "time", "attributes"),
        ]
        assert hit["rank"] == rank
        assert len(hit["id"]) == 32
        assert hit["score"] == pytest.approx(1 / (1 + math.exp(4 - 8 * hit["raw"])))
        assert list(hit["window"]) == ["column", "row", "width", "height"]
        if hit["source"].endswith(".tif"):
            assert hit["footprint"]["type"] == "Polygon"
            assert len(hit["footprint"]["coordinates"][0]) == 5
            assert hit["attributes"]["crs"] == "EPSG:32633"
        else:
            assert hit["footprint"] is None
    assert _names(document)[0] == "red"


def test_every_kind_of_query(run: Run, archive: Path) -> None:
    red = _json(run, archive, "red", "-k", 1)["hits"][0]["id"]
    scenes = archive.parent / "scenes"
    pictures = ["--where", "width = 64"]
    assert _names(_json(run, archive, "--image", scenes / "blue.png", "-k", 1)) == ["blue"]
    both = ["--image", scenes / "red.png", "--image", scenes / "green.png"]
    assert _names(_json(run, archive, *both, *pictures, "-k", 1)) == ["yellow"]
    assert "red" not in _names(_json(run, archive, "--like", red[:10], "-k", 19))
    assert "red" not in _names(_json(run, archive, "blue", "--unlike", red, "-k", 19))
    assert len(_json(run, archive, "red", *pictures)["hits"]) == 7
    assert len(_json(run, archive, "red", "--bbox", "-180,-90,180,90")["hits"]) == 12
    assert len(_json(run, archive, "red", "--pipeline", "dense:4")["hits"]) == 4
    assert _json(run, archive, "red", "-k", 0)["hits"] == []


def test_explain(run: Run, archive: Path) -> None:
    ended = run("search", archive, "red", "-k", 1, "--explain", "--where", "width > 1")
    assert "pipeline dense" in ended.out
    for stage in ("filter", "encode", "dense", "19 of 19 rows pass"):
        assert stage in ended.out
    trace = _json(run, archive, "red", "--explain")["trace"]
    assert list(trace[-1]) == ["stage", "rows", "bytes_read", "milliseconds", "kernel", "note"]


def test_nothing_found(run: Run, archive: Path) -> None:
    ended = run("search", archive, "red", "--where", "source = nowhere")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == "nothing was found that passes the filters\n"
    assert run("search", archive, "red", "-k", 0, "-q").err == ""


@pytest.mark.parametrize("name", ["hits.html", "hits.png"])
def test_sheet(name: str, run: Run, archive: Path) -> None:
    red = _json(run, archive, "red", "-k", 1)["hits"][0]["id"]
    query = ["red", "--unlike", red[:12], "--where", "width > 1", "--bbox", "-180,-90,180,90"]
    ended = run("search", archive, *query, "--sheet", name)
    assert ended.code == 0
    assert ended.err == f"contact sheet: {name}\n"
    if name.endswith(".html"):
        page = Path(name).read_text(encoding="utf-8")
        title = f"red + unlike {red[:12]} where width &gt; 1 and bbox -180,-90,180,90"
        assert f"<h1>{title}</h1>" in page
        assert page.count("<img") == 12
    else:
        assert Path(name).read_bytes().startswith(b"\x89PNG")


def test_json_and_sheet_together(run: Run, archive: Path) -> None:
    ended = run(
        "search", archive, "--image", archive.parent / "scenes/red.png", "--json", "--sheet", "s.html"
    )
    assert json.loads(ended.out)["query"]["images"] == [str(archive.parent / "scenes/red.png")]
    assert "<h1>picture red.png</h1>" in Path("s.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "query is empty"),
        ([""], "empty"),
        (["red", "--where", "width >"], "Filter: "),
        (["red", "--where", "colour = 1"], "unknown attribute 'colour'"),
        (["red", "--pipeline", "dense >"], "Pipeline: "),
        (["red", "--bbox", "0,1,0,-1"], "south is larger than north"),
        (["--like", "zz"], "No tile has an id"),
        (["--image", "nothing.png"], "nothing.png"),
        (["red", "--sheet", "s.pdf"], "ends in .html or .png"),
    ],
)
def test_what_cannot_be_asked(arguments: list[str], says: str, run: Run, archive: Path) -> None:
    ended = run("search", archive, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err


def test_odd_names_in_json(run: Run, scenes: Path) -> None:
    odd = scenes / "\udcff東.png"
    (scenes / "red.png").rename(odd)
    run("index", scenes, "--archive", "a")
    ended = run("search", "a", "red", "-k", 1, "--json")
    assert ended.out.isascii()
    assert json.loads(ended.out)["hits"][0]["source"] == str(odd.absolute())
    assert r"\xff" in run("search", "a", "red", "-k", 1).out
