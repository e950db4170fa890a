"""`swath tune`: lists, calibration, recall, and what `auto` does afterwards."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import swath
from swath.archive.lists import read_tuned
from tests.archive.world import picture
from tests.cli.conftest import Run


@pytest.fixture
def archive(tmp_path: Path, tiny_home: Path) -> Path:
    for seed in range(60):
        picture(tmp_path / "scenes" / f"harbour {seed}.png", seed)
    return swath.index(tmp_path / "scenes", tmp_path / "a.swath", tiny_home / "encoders" / "base").path


def test_it_measures_writes_and_is_followed(run: Run, archive: Path, tmp_path: Path) -> None:
    queries = tmp_path / "queries.txt"
    queries.write_text("\n".join(f"question {number} of red and blue" for number in range(50)))
    done = run("tune", archive, "--queries", queries, "--recall", "0.5", "--pipeline", "ivf(tiles=0.5):100")
    assert done.code == 0, done.err
    assert "recall@10" in done.out and "auto runs" in done.out and "25 queries measured;" in done.err
    assert "ivf(tiles=0.5):100" in done.out
    chosen = read_tuned(archive)["chosen"]
    assert f"auto runs {chosen} for words" in done.out
    assert swath.open(archive).search("red").pipeline == chosen
    assert swath.open(archive).search("red", where="width > 0").pipeline == "dense"
    picture(tmp_path / "more" / "late.png", 777)
    swath.open(archive).add(tmp_path / "more")
    assert swath.open(archive).search("red").pipeline == chosen
    for seed in range(800, 810):
        picture(tmp_path / "more" / f"{seed}.png", seed)
    swath.open(archive).add(tmp_path / "more")
    assert swath.open(archive).search("red").pipeline == "dense", "too much of it was not measured"


def test_exact_search_where_everything_is_asked(run: Run, archive: Path, tmp_path: Path) -> None:
    queries = tmp_path / "queries.txt"
    queries.write_text("\n".join(f"question {number} of red and blue" for number in range(40)))
    done = run("tune", archive, "--recall", "1.0", "--queries", queries, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    measured = {one["pipeline"]: one for one in found["measured"]}
    assert measured["dense"]["recall"] == 1.0
    assert measured[found["chosen"]]["lower"] == 1.0


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--recall", "1.5"), "give a share"),
        (("--queries", "missing.txt"), "cannot be read"),
        (("--head", "nowhere"), "is no head"),
        (("--data", "rsicd"), "NAME=FOLDER"),
        (("--pipeline", "sparse:5 > lsits"), "did you mean 'lists'"),
    ],
)
def test_what_cannot_be_tuned(run: Run, archive: Path, more: tuple[str, str], message: str) -> None:
    done = run("tune", archive, *more)
    assert done.code == 2 and message in done.err


def test_explain_tells_words_lists_and_certificate(run: Run, archive: Path) -> None:
    assert run("tune", archive, "--quiet").code == 0
    done = run("search", archive, "a harbour", "--pipeline", "sgpd", "--explain", "-k", "3")
    assert done.code == 0, done.err
    assert "words: harbour" in done.out + done.err
    assert (
        "certificate: conformal, 98 %" in done.out + done.err or "certificate: exact" in done.out + done.err
    )
    assert "sparse:1000 > lists(0.98):100" in done.out + done.err or "sparse:1000" in done.out + done.err


def test_an_archive_without_lists(run: Run, archive: Path) -> None:
    shutil.rmtree(archive / "lists", ignore_errors=True)
    done = run("search", archive, "red", "--pipeline", "sgpd")
    assert done.code == 2 and "swath tune" in done.err
