from __future__ import annotations

import json
from pathlib import Path

import pytest

from swath.errors import InputError
from swath.evaluation import EvalResult, Figures, Recalls, ZeroShotResult, read_result, to_json, write_result
from swath.evaluation.results import ClassAccuracy, EncoderRef, Interval

FIGURES = Figures(Recalls(1.0, 2.0, 3.0), Recalls(4.0, 5.0, 6.0), 3.5)
RETRIEVAL = EvalResult(
    dataset="rsicd",
    split="val",
    split_hash="ab" * 16,
    protocol="strict",
    images=2,
    captions=10,
    i2t=FIGURES.i2t,
    t2i=FIGURES.t2i,
    mr=FIGURES.mr,
    interval=Interval(95.0, FIGURES, FIGURES, 1000, 0),
    best_case=FIGURES,
    worst_case=FIGURES,
    pipeline="dense",
    encoder=EncoderRef("base", "cd" * 16),
    skipped=(("a.jpg", "not found"),),
    seconds={"rank": 0.5},
    environment={"python": "3.11"},
    swath="0.1.0",
)
ZERO_SHOT = ZeroShotResult(
    dataset="rsscn7",
    images=7,
    accuracy=50.0,
    interval=(40.0, 60.0),
    classes={"aGrass": ClassAccuracy("a grassland", 7, 50.0)},
    pipeline="dense",
    encoder=EncoderRef("base", "cd" * 16),
    skipped=(),
    seconds={},
    environment={},
    swath="0.1.0",
)


@pytest.mark.parametrize("result", [RETRIEVAL, ZERO_SHOT])
def test_a_result_comes_back_as_it_was(tmp_path: Path, result: EvalResult | ZeroShotResult) -> None:
    write_result(result, tmp_path / "result.json")
    assert read_result(tmp_path / "result.json") == result


def test_the_file_is_plain_json_with_the_documented_names() -> None:
    content = json.loads(to_json(RETRIEVAL))
    assert content["format"] == "swath.retrieval/1"
    assert content["i2t"] == {"r1": 1.0, "r5": 2.0, "r10": 3.0}
    assert content["encoder"] == {"name": "base", "revision": "cd" * 16}
    assert {"dataset", "split", "images", "captions", "t2i", "mr", "pipeline"} <= set(content)
    assert to_json(RETRIEVAL).endswith("}\n")


def test_what_is_not_a_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_result(tmp_path / "none.json")
    with pytest.raises(InputError, match="No such file"):
        write_result(RETRIEVAL, tmp_path / "none" / "result.json")
    for content in ("{}", "not json", to_json(RETRIEVAL).replace("retrieval/1", "retrieval/9")):
        (tmp_path / "other.json").write_text(content)
        with pytest.raises(InputError, match="not a result file of this version"):
            read_result(tmp_path / "other.json")
