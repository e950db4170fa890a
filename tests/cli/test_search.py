"""`search`: tables, JSON, sheets."""

from __future__ import annotations

import json
import math
import shutil
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
        "not": [],
        "like_at": [],
        "k": 19,
        "where": None,
        "bbox": None,
        "area": None,
        "near": None,
        "min_score": None,
        "collapse": True,
        "group": None,
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


def test_an_explained_sheet_shows_where_the_words_are(run: Run, archive: Path) -> None:
    assert run("search", archive, "red", "-k", 3, "--sheet", "plain.html", "-q").code == 0
    assert run("search", archive, "red", "-k", 3, "--sheet", "where.html", "--explain", "-q").code == 0
    like = _json(run, archive, "red", "-k", 1)["hits"][0]["id"]
    assert run("search", archive, "--like", like, "--sheet", "like.html", "--explain", "-q").code == 0
    shades = [Path(f"{name}.html").read_text().count('class="heat"') for name in ("plain", "where", "like")]
    assert shades == [0, 3, 0]


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


def test_what_shows_the_same_is_shown_once(run: Run, archive: Path) -> None:
    Path("again").mkdir()
    Path("again/raster.tif").write_bytes((archive.parent / "scenes" / "raster.tif").read_bytes() + b" ")
    shutil.copytree(archive, "both")
    assert run("add", "both", "again").code == 0
    archive = Path("both")
    every = _json(run, archive, "red", "-k", 99, "--no-collapse")
    assert every["query"]["collapse"] is False
    assert len(every["hits"]) == 31
    for arguments in ((), ("--collapse",)):
        once = _json(run, archive, "red", "-k", 99, *arguments)
        assert once["query"]["collapse"] is True
        assert len(once["hits"]) == 19
    assert once["hits"][0] == every["hits"][0]
    scenes = _json(run, archive, "red", "-k", 99, "--group", "scene")
    assert scenes["query"]["group"] == "scene"
    assert sorted(_names(scenes)) == sorted([*{*_names(every)}, "raster"])
    assert run("search", archive, "red", "--group", "file").code == 2
    ended = run("search", archive, "red", "-k", 99, "--explain")
    assert "12 left out" in ended.out


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


def test_unwanted_words(run: Run, archive: Path) -> None:
    pictures = ["--where", "width = 64", "-k", 7]
    for wanted, unwanted in (("red", "green"), ("green", "red")):
        document = _json(run, archive, "yellow", "--not", unwanted, *pictures)
        assert document["query"]["not"] == [unwanted]
        names = _names(document)
        assert names.index(wanted) < names.index(unwanted)
    names = _names(_json(run, archive, "grey", "--not", "red", "--not", "green", *pictures))
    assert names.index("yellow") > names.index("blue")
    assert _names(_json(run, archive, "--not", "white", *pictures))[0] == "black"


def test_queries_from_a_file(run: Run, archive: Path, tmp_path: Path) -> None:
    Path("q.txt").write_text("red\n\n  blue \r\n", encoding="utf-8")
    ended = run("search", archive, "--queries", "q.txt", "--json", "-k", 3)
    assert (ended.code, ended.err) == (0, "")
    answers = [json.loads(line) for line in ended.out.splitlines()]
    assert [answer["query"]["text"] for answer in answers] == ["red", "blue"]
    for answer in answers:
        alone = _json(run, archive, answer["query"]["text"], "-k", 3)
        assert answer == alone


def test_queries_of_every_kind(run: Run, archive: Path, town: Path) -> None:
    red = _json(run, archive, "red", "-k", 1)["hits"][0]["id"]
    Path("pictures").mkdir()
    Path("pictures/blue.png").write_bytes((town / "scenes/blue.png").read_bytes())
    queries: list[dict[str, Any]] = [
        {"id": "first", "text": "green"},
        {"text": ["red", "green"], "where": "width = 64"},
        {"image": "blue.png"},
        {"like": red[:12], "not": "black"},
        {"text": "grey", "bbox": [14, 45, 16, 46]},
    ]
    Path("pictures/q.jsonl").write_text("\n".join(map(json.dumps, queries)), encoding="utf-8")
    ended = run(
        "search", archive, "--queries", "pictures/q.jsonl", "--json", "--where", "width >= 32", "--explain"
    )
    assert (ended.code, ended.err) == (0, "")
    answers = [json.loads(line) for line in ended.out.splitlines()]
    assert [_names(answer)[0] for answer in answers] == ["green", "yellow", "blue", "yellow", "raster"]
    assert answers[0]["query"]["id"] == "first"
    assert [answer["query"]["where"] for answer in answers[:2]] == ["width >= 32", "width = 64"]
    assert [stage["stage"] for stage in answers[0]["trace"]] == [
        *("filter", "encode", "dense", "collapse"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("q.jsonl", '{"text": "red"}\n{"txet": "red"}', "q.jsonl, line 2: unknown key 'txet'"),
        ("q.jsonl", "red", "line 1: is no JSON object"),
        ("q.jsonl", '{"text": 3}', "'text' must be a string or a list of strings"),
        ("q.jsonl", '{"where": ["a"]}', "'where' must be a string"),
        ("q.jsonl", '{"text": "red", "bbox": [1, 2, 3]}', "four numbers"),
        ("q.jsonl", '{"text": "red", "near": [1, 2]}', "'near' must be three numbers"),
        ("q.jsonl", '{"text": "red", "near": "1,2,3km"}', "'near' must be three numbers"),
        ("q.jsonl", '{"text": "red", "area": 5}', "'area' must be a GeoJSON object"),
        ("q.jsonl", '{"text": "red", "area": "nowhere.json"}', "line 1: cannot read the area nowhere.json"),
        ("q.jsonl", '{"text": "a", "area": {"type": "Polygon"}}', "Area: the Polygon has no list"),
        ("q.jsonl", '{"like_at": [1, 2, 3]}', "'like_at' must be two numbers"),
        ("q.jsonl", '{"like_at": [[1, 2], 3]}', "'like_at' must be two numbers"),
        ("q.jsonl", '{"like_at": "1,2"}', "'like_at' must be two numbers"),
        ("q.jsonl", '{"image": "nowhere.png"}', "nowhere.png"),
        ("q.jsonl", '{"text": "red"}\n{}', "Query 2 of 2: The query is empty"),
        ("q.jsonl", '{"text": "red"}\n{"text": "a", "where": "b = 1"}', "Query 2 of 2: Filter: unknown"),
        ("q.txt", " \n", "has no query"),
        ("q.csv", "red", "ends in .txt or .jsonl"),
        ("q.txt", None, "cannot read the queries"),
    ],
)
def test_queries_that_cannot_be_asked(
    run: Run, archive: Path, name: str, content: str | None, says: str
) -> None:
    if content is not None:
        Path(name).write_text(content, encoding="utf-8")
    ended = run("search", archive, "--queries", name, "--json")
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err


def _square(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def test_places(run: Run, archive: Path) -> None:
    """The raster lies at 15 E, 45.1 N, in twelve windows of about 640 m."""
    every = _json(run, archive, "red", "--bbox", "14,45,16,46")["hits"]
    corner = every[0]["footprint"]["coordinates"][0][0]
    inner = [sum(each) / 4 for each in zip(*every[0]["footprint"]["coordinates"][0][:4], strict=True)]
    Path("area.geojson").write_text(json.dumps(_square(14, 45, 16, 46)))
    Path("small.json").write_bytes(
        b"\xef\xbb\xbf" + json.dumps(_square(inner[0], inner[1], inner[0], 46)).encode()
    )
    found = _json(run, archive, "red", "--area", "area.geojson", "-k", 19)
    assert len(found["hits"]) == 12
    assert found["query"]["area"] == "area.geojson"
    assert run("search", archive, "red", "--area", "small.json").code == 2
    lon, lat = inner
    for near, metres in (("1m", 1.0), ("0", 0.0), ("0.001km", 1.0), ("1 MI", 1609.344)):
        found = _json(run, archive, "red", "--near", f"{lon},{lat},{near}", "-k", 19)
        assert found["query"]["near"] == [lon, lat, metres]
        assert every[0]["id"] in [hit["id"] for hit in found["hits"]]
        assert (len(found["hits"]) == 1) == (metres < 2)
    assert (
        len(
            _json(run, archive, "red", "--near", f"{corner[0]},{corner[1]},1.5km", "--area", "area.geojson")[
                "hits"
            ]
        )
        > 1
    )
    assert (
        run("search", archive, "red", "--near", "0,0,5km").err
        == "nothing was found that passes the filters\n"
    )
    like = _json(run, archive, "--like-at", f"{lon},{lat}", "-k", 3)
    assert like["query"]["like_at"] == [[lon, lat]]
    assert like["hits"] == _json(run, archive, "--like", every[0]["id"], "-k", 3)["hits"]
    two = ["--like-at", f"{lon},{lat}", "--like-at", "{},{}".format(*corner)]
    assert len(_json(run, archive, *two, "-k", 19)["hits"]) in (17, 18)
    ended = run("search", archive, "--like-at", "15,44", "-k", 3)
    assert ended.code == 2
    assert "No tile lies at 15, 44 (longitude, latitude); the nearest tile, " in ended.err
    ended = run(
        "search", archive, "red", "--near", "15,45,3km", "--area", "area.geojson", "--sheet", "s.html", "-q"
    )
    assert "<h1>red where in area.geojson and 3000 m from 15,45</h1>" in Path("s.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--near", "15,45"], "no place with a distance"),
        (["--near", "15,45,2 miles"], "a distance is in m, km or mi"),
        (["--near", "15,45,nan"], "no place with a distance"),
        (["--near", "15;45;2km"], "no place with a distance"),
        (["--near", "15,45,-2km"], "0 or more"),
        (["--near", "45,150,2km"], "the longitude comes first"),
        (["--like-at", "15"], "is no place: write LON,LAT"),
        (["--like-at", "15,95"], "the longitude comes first"),
        (["--area", "nowhere.json"], "cannot read the area nowhere.json"),
        (["--area", "."], "cannot read the area"),
        (["--area", "text.json"], "is no GeoJSON object"),
        (["--area", "list.json"], "is no GeoJSON object"),
        (["--area", "deep.json"], "is no GeoJSON object"),
        (["--area", "nan.json"], "is no GeoJSON object"),
        (["--area", "point.json"], "a Point covers nothing"),
    ],
)
def test_places_that_cannot_be_asked(run: Run, archive: Path, arguments: list[str], says: str) -> None:
    Path("text.json").write_text("POLYGON ((0 0, 1 1, 1 0))")
    Path("list.json").write_text("[1, 2]")
    Path("deep.json").write_text('{"type":' + "[" * 200_000)
    Path("nan.json").write_text('{"type": "Polygon", "coordinates": [[[NaN, 0]]]}')
    Path("point.json").write_text('{"type": "Point", "coordinates": [1, 2]}')
    ended = run("search", archive, "red", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err


def test_places_in_a_file_of_queries(run: Run, archive: Path) -> None:
    Path("areas").mkdir()
    Path("areas/here.json").write_text(json.dumps(_square(14, 45, 16, 46)))
    elsewhere = _square(0, 0, 1, 1)
    queries: list[dict[str, Any]] = [
        {"text": "red"},
        {"text": "red", "area": "here.json"},
        {"text": "red", "area": elsewhere},
        {"text": "red", "near": [0, 0, 50]},
        {"like_at": [15.001, 45.15], "near": None},
        {"like_at": [[15.001, 45.15]], "area": None},
    ]
    Path("areas/q.jsonl").write_text("\n".join(map(json.dumps, queries)), encoding="utf-8")
    Path("e.json").write_text(json.dumps(elsewhere))
    place = _json(run, archive, "red", "--area", "areas/here.json", "-k", 1)["hits"][0]["footprint"][
        "coordinates"
    ][0]
    x, y = (sum(each) / 4 for each in zip(*place[:4], strict=True))
    text = Path("areas/q.jsonl").read_text().replace("15.001, 45.15", f"{x}, {y}")
    Path("areas/q.jsonl").write_text(text)
    ended = run("search", archive, "--queries", "areas/q.jsonl", "--json", "-k", 19)
    assert (ended.code, ended.err) == (0, "")
    answers = [json.loads(line) for line in ended.out.splitlines()]
    assert [len(answer["hits"]) for answer in answers] == [19, 12, 0, 0, 18, 18]
    assert [answer["query"]["area"] for answer in answers[:3]] == [None, "areas/here.json", elsewhere]
    assert answers[3]["query"]["near"] == [0, 0, 50]
    assert answers[4]["query"]["like_at"] == answers[5]["query"]["like_at"] == [[x, y]]
    ended = run(
        "search", archive, "--queries", "areas/q.jsonl", "--json", "--area", "e.json", "--near", "0,0,1"
    )
    answers = [json.loads(line) for line in ended.out.splitlines()]
    assert [answer["query"]["area"] for answer in answers] == [
        "e.json",
        "areas/here.json",
        elsewhere,
        *["e.json"] * 3,
    ]
    assert [answer["query"]["near"] for answer in answers[2:5]] == [[0, 0, 1], [0, 0, 50], [0, 0, 1]]


@pytest.mark.parametrize("more", [["red", "--json"], [], ["--json", "--sheet", "s.html"], ["--not", "a"]])
def test_queries_stand_alone(run: Run, archive: Path, more: list[str]) -> None:
    Path("q.txt").write_text("red", encoding="utf-8")
    ended = run("search", archive, *more, "--queries", "q.txt")
    assert (ended.code, ended.out) == (2, "")
    assert "--queries" in ended.err


def test_geojson(run: Run, archive: Path) -> None:
    ended = run("search", archive, "red", "-k", 19, "--geojson", "hits.json")
    assert ended.err == "GeoJSON: hits.json\n"
    document = json.loads(Path("hits.json").read_text(encoding="ascii"))
    hits = _json(run, archive, "red", "-k", 19)["hits"]
    assert document["type"] == "FeatureCollection"
    assert [feature["id"] for feature in document["features"]] == [hit["id"] for hit in hits]
    for feature, hit in zip(document["features"], hits, strict=True):
        assert (feature["type"], feature["geometry"]) == ("Feature", hit.pop("footprint"))
        assert feature["properties"] == {**hit["attributes"], **hit}
    ended = run("search", archive, "red", "--geojson", "nowhere/hits.json")
    assert ended.code == 2
    assert "cannot write the GeoJSON" in ended.err


def test_weights_of_examples(run: Run, archive: Path) -> None:
    red, green = (_json(run, archive, name, "-k", 1)["hits"][0]["id"] for name in ("red", "green"))
    pictures = ["--where", "width = 64", "-k", 7]

    def order(*arguments: str) -> list[str]:
        return _names(_json(run, archive, "grey", *arguments, *pictures))

    more_red = order("--like", f"{red[:12]}:8", "--like", f"{green}:0.5")
    more_green = order("--like", f"{red}:0.5", "--like", f"{green}:8")
    assert more_red != more_green
    alike = order("--like", red, "--like", green)
    assert alike == order("--like", f"{red}:1", "--like", green)
    halves = (["--unlike", f"{red}:2", "--unlike", green], ["--unlike", red, "--unlike", f"{green}:.5"])
    assert order(*halves[0]) == order(*halves[1])


@pytest.mark.parametrize("weight", ["", "x", "0", "-1", "nan", "inf"])
def test_weights_are_positive_numbers(run: Run, archive: Path, weight: str) -> None:
    ended = run("search", archive, "--like", f"3f2a:{weight}")
    assert (ended.code, ended.out) == (2, "")
    assert "positive number" in ended.err
