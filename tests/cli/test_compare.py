"""`compare` and `judge`."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from swath.evaluation import write_result
from tests.cli.conftest import Run
from tests.evaluation.test_compare import BAD, GOOD
from tests.evaluation.test_results import RETRIEVAL, ZERO_SHOT
from tests.evaluation.test_trec import QRELS, RUN


@pytest.fixture
def files(run: Run) -> None:
    """Results in the folder that commands run in."""
    for name, result in (("bad", BAD), ("good", GOOD), ("old", RETRIEVAL), ("classes", ZERO_SHOT)):
        write_result(result, Path(f"{name}.json"))
    write_result(msgspec.structs.replace(GOOD, protocol="lenient"), Path("lenient.json"))


def test_table_and_test(run: Run, files: None) -> None:
    ended = run("compare", "bad.json", "good.json", "classes.json", "--plot", "curves.svg")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0].endswith("p")
    assert [line.split()[0] for line in lines] == ["result", "bad", "good", "result", "classes"]
    assert "permutation test over images, not corrected for 1 comparisons" in ended.err
    assert "<svg" in Path("curves.svg").read_text()


@pytest.mark.parametrize(
    ("form", "says"), [("markdown", "| result | data |"), ("latex", "\\toprule"), ("html", "<th>result</th>")]
)
def test_forms(form: str, says: str, run: Run, files: None) -> None:
    assert says in run("compare", "bad.json", "good.json", "--format", form, "-q").out


def test_json(run: Run, files: None) -> None:
    ended = run("compare", "bad.json", "good.json", "--json")
    assert ended.err == ""
    content = json.loads(ended.out)
    assert [one["name"] for one in content["results"]] == ["bad", "good"]
    assert "ranks" not in content["results"][0]
    (change,) = content["differences"]
    assert (change["first"], change["second"]) == ("bad", "good")
    assert change["delta"]["mr"] == pytest.approx(GOOD.mr - BAD.mr)


def test_results_that_do_not_belong_together(run: Run, files: None) -> None:
    ended = run("compare", "bad.json", "lenient.json")
    assert (ended.code, ended.out) == (2, "")
    assert "protocol strict and lenient (--no-test shows the figures all the same)" in ended.err
    shown = run("compare", "bad.json", "lenient.json", "old.json", "--no-test", "--json")
    assert shown.code == 0
    assert json.loads(shown.out)["differences"] == []


def test_same_stems_are_told_apart(run: Run, files: None) -> None:
    Path("more").mkdir()
    write_result(GOOD, Path("more/bad.json"))
    ended = run("compare", "bad.json", "more/bad.json", "-q")
    assert [line.split()[0] for line in ended.out.splitlines()[1:]] == ["bad.json", "more/bad.json"]
    assert "named twice" in run("compare", "bad.json", "bad.json").err
    assert run("compare").code == 2


def test_schema(run: Run) -> None:
    assert "EvalResult" in json.loads(run("compare", "--schema").out)["$defs"]


def test_judge(run: Run) -> None:
    Path("a.run").write_text(RUN)
    Path("a.qrels").write_text(QRELS)
    found = json.loads(run("judge", "a.run", "a.qrels", "--json").out)
    assert found == {
        "queries": 3,
        "r1": pytest.approx(100 / 3),
        "r5": pytest.approx(200 / 3),
        "r10": pytest.approx(200 / 3),
    }
    assert run("judge", "a.run", "a.qrels").out.splitlines()[1].split() == ["3", "33.33", "66.67", "66.67"]
    assert "cannot read" in run("judge", "none", "a.qrels").err


def setting(pipeline: str, split: str, mr: float) -> None:
    made = msgspec.structs.replace(
        GOOD,
        pipeline=pipeline,
        split=split,
        mr=mr,
        stage_seconds={"dense": 0.02},
        split_hash={"val": "a", "test": "b"}[split] * 32,
    )
    write_result(made, Path(f"{pipeline[-1]}-{split}.json"))


def test_both_selections_side_by_side(run: Run) -> None:
    for pipeline, val, test in (("dense:1", 30.0, 20.0), ("dense:2", 29.0, 25.0)):
        setting(pipeline, "val", val)
        setting(pipeline, "test", test)
    files = ["1-val.json", "1-test.json", "2-val.json", "2-test.json"]
    ended = run("compare", *files, "--select", "val", "--select", "test!", "--chosen", "chosen.json", "-q")
    assert ended.code == 0, ended.err
    honest, claimed = ended.out.splitlines()[-2:]
    assert honest.split() == ["val", "2", "30.00", "1-test", "20.00"]
    assert claimed.split() == ["test!", "2", "25.00", "2-test", "25.00", "test-selected"]
    written = json.loads(Path("chosen.json").read_text())
    assert (written["mr"], written["selection"]) == (20.0, {"by": "val", "among": 2, "mr": 30.0})
    content = json.loads(run("compare", *files, "--select", "test!", "--json").out)
    assert content["selections"][0]["flags"] == ["test-selected"]
    refused = run("compare", *files, "--select", "test")
    assert (refused.code, refused.out) == (2, "") and "cannot choose by test" in refused.err
    assert run("compare", *files, "--no-test", "--chosen", "c.json").code == 2


def test_other_plots(run: Run) -> None:
    setting("dense:1", "val", 30.0)
    assert run("compare", "1-val.json", "--plot", "p.svg", "--of", "latency").code == 0
    assert "<circle" in Path("p.svg").read_text()
    ended = run("compare", "1-val.json", "--plot", "p.svg", "--of", "classes")
    assert ended.code == 2 and "no recall by class" in ended.err
