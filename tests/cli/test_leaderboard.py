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


def test_hashing_has_a_table_of_its_own(run: Run) -> None:
    rows = json.loads(run("leaderboard", "ucm", "--setting", "hashing", "--json").out)
    wanted = {"method", "year", "setting", "backbone", "i2t", "t2i", "mr", "source", "certainty", "flags"}
    assert rows and all(wanted <= set(row) for row in rows)
    shown = run("leaderboard", "ucm", "--setting", "hashing")
    assert "DUCH" in shown.out and "mAP@20" in shown.out
    assert "ap-over-first-k-relevant: average precision over the first k right items" in shown.err


def test_a_new_row_is_checked(run: Run) -> None:
    row = {
        "method": "M",
        "year": 2026,
        "dataset": "rsicd",
        "setting": "closed",
        "backbone": "",
        "certainty": "secondary",
        "i2t": [1.0, 2.0, 3.0],
        "t2i": [4.0, 5.0, 6.0],
    }
    Path("new.json").write_text(json.dumps({"source": "a paper", "rows": [row]}))
    ended = run("leaderboard", "--check", "new.json")
    assert (ended.code, ended.out) == (0, "new.json: 1 row, nothing wrong\n")
    Path("new.json").write_text(json.dumps({"source": "a paper", "rows": [row | {"i2t": [9.0, 2.0, 3.0]}]}))
    ended = run("leaderboard", "--check", "new.json")
    assert ended.code == 2 and "recall falls with k" in ended.err
    assert run("leaderboard").code == 2
