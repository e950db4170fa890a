"""`leaks` and `union`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swath.captions import load
from tests.captions import lookalike
from tests.cli.conftest import Run


def test_leaks_of_two_layouts_of_a_set_and_another_set(run: Run) -> None:
    lookalike.rsicd(Path("rsicd"))
    lookalike.rsitmd(Path("rsitmd"))
    Path("other").mkdir()
    pairs = [{"image": "val/airport_1.jpg", "caption": ["a red field ."]}]
    (Path("other") / "rsicd_val.json").write_text(json.dumps(pairs))
    ended = run("leaks", "rsicd=rsicd", "rsitmd=rsitmd", "rsicd=other", "--no-pictures", "--json", "r.json")

    assert ended.code == 0
    assert ended.out.splitlines()[1].split()[:5] == ["rsicd", "train", "3", "3", "0"]
    assert ended.out.splitlines()[1].split()[5:] == ["15", "12", "0.0", "100.0"]
    assert "1 of the 1 images of rsicd#2 val are in rsicd train" in ended.out
    report = json.loads(Path("r.json").read_text())
    assert ended.out.endswith(f"digest {report['digest']}\n")


def test_leaks_looks_at_pictures_and_says_what_cannot_be_read(run: Run) -> None:
    root = lookalike.karpathy(Path("set"), {"a.png": ["a"], "b.png": ["b"], "c.png": ["c"]}, colours=["red"])
    (root / "imgs" / "c.png").write_bytes(b"no")
    ended = run("leaks", "captions=set", "--json", "-")
    report = json.loads(ended.out)

    assert [(pair["one_image"], pair["other_image"], pair["equal"]) for pair in report["pictures"]] == [
        ("a.png", "b.png", True)
    ]
    assert "1 pictures cannot be read, the first captions test c.png" in ended.err
    assert "captions test a.png looks like captions test b.png (equal)" in run("leaks", "captions=set").out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["rsicd"], "'rsicd' is not NAME=DIR"),
        (["rscid=."], "no captioned data set is called 'rscid'"),
        (["rsicd=nowhere"], "no such folder"),
        ([], "Missing argument"),
        (["captions=.", "--clean", "captions:train"], "--write FILE"),
        (["captions=.", "--name", "x"], "--clean NAME:SPLIT"),
    ],
)
def test_refusals(arguments: list[str], says: str, run: Run) -> None:
    ended = run("leaks", *arguments)
    assert ended.code == 2
    assert says in ended.err


def test_a_clean_split_is_written_by_name(run: Run) -> None:
    lookalike.rsitmd(Path("rsitmd"))
    stolen = [{"image": "test/x.jpg", "caption": ["A GREY field", "the land here is grey"]}]
    Path("other").mkdir()
    (Path("other") / "rsicd_test.json").write_text(json.dumps(stolen))
    words = ["leaks", "rsitmd=rsitmd", "rsicd=other", "--clean", "rsitmd:train", "--write", "rsitmd/c.json"]
    ended = run(*words, "--no-pictures", "--name", "mine")

    assert (ended.code, ended.err) == (0, "rsitmd/c.json: split mine, 1 images, 1 left out\n")
    clean = load("rsitmd", Path("rsitmd/c.json"), "mine")
    assert [image.name for image in clean.images] == ["park_7.tif"]
    against = run(*words, "--against", "rsitmd:test")
    assert "split train-clean, 2 images, 0 left out" in against.err


def test_a_union_refuses_ties_unless_told(run: Run) -> None:
    lookalike.rsitmd(Path("rsitmd"))
    lookalike.rsicd(Path("rsicd"))
    refused = run("union", "rsitmd=rsitmd", "rsicd=rsicd", "--out", "both")
    assert refused.code == 2 and "would train on test images" in refused.err
    assert not Path("both").exists()
    kept = run("union", "rsitmd=rsitmd", "rsicd=rsicd", "--out", "both", "--tied", "keep")
    assert kept.code == 0
    assert kept.out.startswith("both: train, 5 images, 0 left out, 4 kept though test splits hold them\n")
    assert len(load("captions", Path("both"), "train").images) == 5
