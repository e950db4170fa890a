"""`leaderboard`."""

from __future__ import annotations

import json
from pathlib import Path

from swath.evaluation import write_result
from tests.cli.conftest import Run
from tests.evaluation.test_results import RETRIEVAL, ZERO_SHOT


def test_rows_as_json(run: Run) -> None:
    ended = run("leaderboard", "rsicd", "--json")
    assert (ended.code, ended.err) == (0, "")
    rows = json.loads(ended.out)
    wanted = {"method", "year", "setting", "backbone", "i2t", "t2i", "mr", "source", "certainty", "flags"}
    assert all(wanted <= set(row) for row in rows)
    assert set(rows[0]["i2t"]) == {"r1", "r5", "r10"}
    assert len(rows) >= 115
    narrow = json.loads(
        run("leaderboard", "rsicd", "--setting", "closed", "--backbone", "ReSNet", "--json").out
    )
    assert 0 < len(narrow) < len(rows)
    assert all("ResNet" in row["backbone"] and row["setting"] == "closed" for row in narrow)


def test_table_with_ours(run: Run, tmp_path: Path) -> None:
    write_result(RETRIEVAL, tmp_path / "ours.json")
    ended = run("leaderboard", "rsicd", "--certainty", "seen-in-readme", "--with", "ours.json")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0].split()[:2] == ["method", "year"]
    assert lines[-2].startswith(">  base (dense)")
    assert lines[-1] == "ceiling of rsicd test, where captions repeat: mR 98.6"
    assert any(line.startswith("!  FISVL ") and "test-selected" in line for line in lines)
    assert "test-selected: the epoch was chosen" in ended.err


def test_refusals(run: Run, tmp_path: Path) -> None:
    write_result(ZERO_SHOT, tmp_path / "classes.json")
    for arguments, says in (
        (["rscid"], "no data set is called 'rscid'"),
        (["rsicd", "--with", "classes.json"], "no result of retrieval"),
        (["rsicd", "--with", "none.json"], "cannot read"),
        (["rsicd", "--setting", "half"], "half"),
    ):
        ended = run("leaderboard", *arguments)
        assert (ended.code, ended.out) == (2, "")
        assert says in ended.err
    ended = run("leaderboard", "sydney")
    assert ended.code == 0
    assert ended.err == "no published row fits\n"
