"""Queries that are odd, huge, contradictory or malformed: a sentence, or the natural answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

TILES = 19
WORLD = "-180,-90,180,90"


@pytest.fixture
def archive(town: Path) -> Path:
    return town / "town.swath"


@pytest.mark.parametrize(
    ("arguments", "hits"),
    [
        (["red " * 10_000], TILES),
        (["x" * 100_000], TILES),
        (["nothing of the kind is known"], TILES),
        (["赤い屋根"], TILES),
        (["قرمز"], TILES),
        (["🟥🟥"], TILES),
        (["e\u0301tang \u202e\u200b\ufeff"], TILES),
        (["red\0roof"], TILES),
        (["red\nroof\t\x1b[31m"], TILES),
        (["\udcff\udc80 undecodable"], TILES),
        (["?!"], TILES),
        (["red", "--not", "red"], TILES),
        (["red", "-k", 0], 0),
        (["red", "-k", 1], 1),
        (["red", "-k", TILES], TILES),
        (["red", "-k", 10**12], TILES),
        (["red", "--collapse"], TILES),
        (["red", "--collapse", "-k", 10**12], TILES),
        (["red", "--min-score", 0], TILES),
        (["red", "--min-score", 1], 0),
        (["red", "--not", "red " * 5_000 + "blue"], TILES),
        (["red", "--where", "width < 0"], 0),
        (["red", "--where", "width > 1 and width < 1"], 0),
        (["red", "--where", "not (source = x or not source = x)"], 0),
        (["red", "--where", "width >= 64 and width <= 64"], 7),
        (["red", "--where", " and ".join(["width > 0"] * 2_000)], TILES),
        (["red", "--bbox", "0,0,0,0"], 0),
        (["red", "--bbox", WORLD], 12),
        (["red", "--bbox", "170,-90,-170,90"], 0),
        (["red", "--bbox", WORLD, "--where", "width = 64"], 0),
        (["red", "--pipeline", "  dense :  3 "], 3),
    ],
)
def test_what_has_a_natural_answer(run: Run, archive: Path, arguments: list[object], hits: int) -> None:
    ended = run("search", archive, *arguments, "--json")
    assert (ended.code, ended.err) == (0, ""), ended.err
    assert len(json.loads(ended.out)["hits"]) == hits


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "The query is empty: give words, a picture, or a tile"),
        ([""], "A text of the query is empty: say what to look for"),
        ([" \t\n"], "A text of the query is empty"),
        (["\0"], "A text of the query is empty"),
        (["red", "--not", " "], "A text of the query is empty"),
        (["red", "-k", -1], "-1 is not in the range x>=0"),
        (["red", "-k", "many"], "'many' is not a valid integer"),
        (["red", "--min-score", 2], "the least score is a probability, from 0 to 1, not 2"),
        (["red", "--min-score", "nan"], "from 0 to 1, not nan"),
        (["red", "--min-score", 0.5, "--pipeline", "dense:3"], "none for 'dense:3' and one text"),
        (["red", "--not", "blue", "--min-score", 0.5], "none for 'dense' and several parts together"),
        (["red", "--bbox", "1,2,3"], "'1,2,3' is not 4 numbers"),
        (["red", "--bbox", "0,10,1,-10"], "south"),
        (["red", "--bbox", "0,nan,1,1"], "nan"),
        (["red", "--bbox", "0,0,400,1"], "400"),
        (["--like", "\0"], "is no tile id"),
        (["--like", "zz"], "No tile has an id that starts with 'zz'"),
        (["--like", ""], "is no tile id"),
        (["red", "--like", "a:0"], "must be a positive number"),
        (["red", "--image", "nowhere.png"], "nowhere.png"),
    ],
)
def test_what_ends_in_a_sentence(run: Run, archive: Path, arguments: list[object], says: str) -> None:
    ended = run("search", archive, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("option", "written", "place"),
    [
        ("--where", "width >", "end"),
        ("--where", "width = 3 and", "end"),
        ("--where", "(width = 3", "end"),
        ("--where", "widht = 3", "widht"),
        ("--where", "width == 3", "=="),
        ("--where", "width = 3 or or width = 4", "or"),
        ("--where", "width in", "end"),
        ("--where", "source = 'x", "'x"),
        ("--pipeline", "dense >", "end"),
        ("--pipeline", "dens", "dens"),
        ("--pipeline", "dense > btgi", "btgi"),
        ("--pipeline", "dense:0", "0"),
        ("--pipeline", "dense(", "end"),
        ("--pipeline", "auto > btgi", ">"),
        ("--pipeline", "dense:5 > btgi(balance=2)", "btgi(balance=2)"),
        ("--pipeline", "ftf", "ftf"),
    ],
)
def test_malformed_expressions_are_pointed_at(
    run: Run, archive: Path, option: str, written: str, place: str
) -> None:
    ended = run("search", archive, "red", option, written)
    assert (ended.code, ended.out) == (2, "")
    *_, line, carets = ended.err.rstrip("\n").split("\n")
    assert line.strip() == written
    start, end = carets.index("^"), carets.rindex("^") + 1
    pointed = line.ljust(len(carets))[start:end]
    assert set(carets.strip()) == {"^"}
    if place == "end":
        assert pointed.strip() == "" and start == len(line.rstrip())
    else:
        assert pointed == place


def test_long_expressions_are_cut_around_the_place(run: Run, archive: Path) -> None:
    written = " and ".join(["width > 0"] * 500) + " and wdith > 0"
    ended = run("search", archive, "red", "--where", written)
    *_, line, carets = ended.err.rstrip("\n").split("\n")
    assert ended.code == 2 and len(line) < 120 and line.strip().startswith("...")
    assert line[carets.index("^") : carets.rindex("^") + 1] == "wdith"


@pytest.mark.parametrize("bracket", ['{"a":', '{"text": ['], ids=["objects", "lists"])
def test_endlessly_nested_queries_end_in_a_sentence(run: Run, archive: Path, bracket: str) -> None:
    Path("deep.jsonl").write_text('{"text": "red"}\n' + bracket + "[" * 100_000, encoding="ascii")
    ended = run("search", archive, "--queries", "deep.jsonl", "--json")
    assert (ended.code, ended.out) == (2, "")
    assert "deep.jsonl, line 2: is no JSON object" in ended.err


@pytest.mark.parametrize("weight", ["1e308", "1e-320", "0", "nan"])
def test_a_weight_without_measure_is_refused_in_one_line(run: Run, archive: Path, weight: str) -> None:
    ended = run("search", archive, "red", "--json", "-k", 2)
    first, second = [hit["id"] for hit in json.loads(ended.out)["hits"]]
    ended = run("search", archive, "--like", f"{first}:{weight}", "--like", f"{second}:{weight}")
    assert ended.code == 2 and "weight" in ended.err and ended.err.count("\n") == 1
