"""`eval`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swath.evaluation import RSSCN7
from tests.captions import lookalike
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


def test_eval_of_several_pipelines(run: Run, root: Path) -> None:
    specs = ("--pipeline", "dense", "--pipeline", "dense:3 > btgi(blend=0)")
    ended = run("eval", "captions", "--root", root, *specs, "-q", "--json", "both.jsonl")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[1].split() == [
        *(
            "pipeline",
            "i2t",
            "R@1/5/10",
            "t2i",
            "R@1/5/10",
            "mR",
            "[95",
            "%]",
            "to",
            "the",
            "first",
            "candidates",
        )
    ]
    assert "+0.00 [+0.00, +0.00]" in lines[3] and lines[3].endswith("at 3")
    written = [json.loads(line) for line in Path("both.jsonl").read_text().splitlines()]
    assert [one["pipeline"] for one in written] == ["dense", "dense:3 > btgi(blend=0)"]
    assert written[0]["candidates"] is None and written[1]["candidates"]["k"] == 3


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


def test_eval_trec_files(run: Run, root: Path) -> None:
    assert run("eval", "captions", "--root", root, "--trec", "trec", "-q").code == 0
    assert {file.name for file in Path("trec").iterdir()} == {"i2t.run", "i2t.qrels", "t2i.run", "t2i.qrels"}
    judged = json.loads(run("judge", "trec/t2i.run", "trec/t2i.qrels", "--json").out)
    assert judged == {"queries": 12, "r1": 100, "r5": 100, "r10": 100}


def test_eval_by_another_protocol(run: Run, root: Path) -> None:
    ended = run("eval", "captions", "--root", root, "--protocol", "lenient", "-q")
    assert "captions test (lenient): " in ended.out and "ceiling" not in ended.out
    assert run("eval", "captions", "--root", root, "-q").out.splitlines()[5] == (
        "ceiling: mR 100.00, R@1 100.00 and 100.00, as captions repeat"
    )


def test_eval_names_the_leak_report_of_its_split(run: Run, root: Path) -> None:
    made = run("leaks", f"captions={root}", "--json", "leaks.json", "-q")
    digest = made.out.split()[-1]
    ended = run("eval", "captions", "--root", root, "--leaks", "leaks.json", "--json", "-", "-q")
    assert json.loads(ended.out)["leaks"] == digest
    (root / "dataset.json").write_text((root / "dataset.json").read_text().replace("field", "meadow"))
    ended = run("eval", "captions", "--root", root, "--leaks", "leaks.json", "-q")
    assert (ended.code, ended.out) == (2, "") and "covers captions val, captions test" in ended.err


def test_eval_names_a_report_of_its_own_where_none_is_given(run: Run, root: Path) -> None:
    digest = run("leaks", f"captions={root}", "--no-pictures", "-q").out.split()[-1]
    assert json.loads(run("eval", "captions", "--root", root, "--json", "-", "-q").out)["leaks"] == digest
    assert f"leak report {digest}" in run("eval", "captions", "--root", root, "-q").out.splitlines()


def test_eval_says_that_a_test_split_is_not_the_published_one(run: Run) -> None:
    lookalike.rsicd(Path("rsicd"))
    ended = run("eval", "rsicd", "--root", "rsicd", "--json", "r.json")
    assert "not-the-published-test: called test, but not the test split that was published" in ended.err
    assert json.loads(Path("r.json").read_text())["flags"] == ["not-the-published-test"]


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
        (["captions", "--root", "colours", "--pipeline", "nonsense"], "unknown stage"),
        (["captions", "--root", "colours", "--protocol", "lose"], "there are strict, lenient, dedup, scene"),
        (
            ["rsscn7", "--root", "colours", "--protocol", "strict"],
            "is one set, classified by dense",
        ),
        (["captions", "--root", "colours", "--json", "no/r.json"], "cannot write the result"),
        (["rsscn7", "--root", "colours"], "no folder aGrass"),
    ],
)
def test_refusals(arguments: list[str], says: str, run: Run, root: Path) -> None:
    ended = run("eval", *arguments)
    assert ended.code == 2
    assert says in ended.err
    assert ended.out == ""
