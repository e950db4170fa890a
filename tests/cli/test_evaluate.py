"""`eval`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swath.evaluation import RSSCN7
from tests.cli.conftest import Run
from tests.tiny import COLOURS, paint


@pytest.fixture
def root(run: Run) -> Path:
    """Flat colours, captioned by their names; one picture is missing."""
    root = Path("colours")
    paint(root / "imgs")
    images = [
        {
            "filename": f"{name}.png",
            "split": "test" if name != "grey" else "val",
            "sentences": [{"raw": f"a {name} field"}, {"raw": name}],
        }
        for name in (*COLOURS, "purple")
    ]
    (root / "dataset.json").write_text(json.dumps({"images": images}))
    return root


def test_eval_prints_figures(run: Run, root: Path) -> None:
    ended = run("eval", "captions", "--root", root)
    assert ended.code == 0
    assert ended.err == "1 images left out, the first purple.png: not found\n"
    lines = ended.out.splitlines()
    assert lines[0].startswith("captions test (strict): 6 images, 12 captions, encoder base (")
    assert lines[1].split() == ["R@1", "R@5", "R@10"]
    assert lines[4] == "mR 100.00 [100.00, 100.00]"


def test_eval_json_on_stdout_alone(run: Run, root: Path) -> None:
    ended = run("eval", "captions", "--root", root, "--split", "val", "--json", "-", "-q", "--threads", 1)
    assert (ended.code, ended.err) == (0, "")
    result = json.loads(ended.out)
    assert (result["dataset"], result["split"], result["images"], result["captions"]) == (
        "captions",
        "val",
        1,
        2,
    )
    assert set(result["i2t"]) == set(result["t2i"]) == {"r1", "r5", "r10"}
    assert result["mr"] == 100
    assert result["pipeline"] == "dense"
    assert result["encoder"]["name"] == "base"


def test_eval_json_file(run: Run, root: Path) -> None:
    ended = run("eval", "captions", "--root", root, "--pipeline", "dense:3", "--json", "r.json", "-q")
    assert "mR " in ended.out
    assert json.loads(Path("r.json").read_text())["pipeline"] == "dense:3"


def test_zero_shot(run: Run, tmp_path: Path) -> None:
    for name in RSSCN7:
        paint(tmp_path / "scenes" / name)
    ended = run("eval", "rsscn7", "--root", "scenes", "--json", "-", "-q")
    result = json.loads(ended.out)
    assert (result["dataset"], result["images"]) == ("rsscn7", 49)
    assert result["accuracy"] == pytest.approx(100 / 7)
    table = run("eval", "rsscn7", "--root", "scenes")
    assert "a parking lot" in table.out
    assert "accuracy 14.29 [" in table.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["captions", "--root", "nowhere"], "nowhere"),
        (["captions", "--root", "colours", "--split", "tset"], "no split 'tset'"),
        (["captions", "--root", "colours", "--pipeline", "sparse"], "unknown stage"),
        (["captions", "--root", "colours", "--json", "no/r.json"], "cannot write the result"),
        (["rsscn7", "--root", "colours"], "no folder aGrass"),
    ],
)
def test_refusals(arguments: list[str], says: str, run: Run, root: Path) -> None:
    ended = run("eval", *arguments)
    assert ended.code == 2
    assert says in ended.err
    assert ended.out == ""
