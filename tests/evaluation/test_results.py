from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from swath.captions import load
from swath.errors import InputError
from swath.evaluation import (
    EvalResult,
    Figures,
    Recalls,
    ZeroShotResult,
    evaluate,
    measure_random,
    read_result,
    schema,
    to_json,
    write_result,
)
from swath.evaluation import speed as speed_module
from swath.evaluation.results import ClassAccuracy, EncoderRef, Interval
from tests.captions import lookalike
from tests.tiny import TinyEncoder

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


def documents(tmp_path: Path) -> list[dict[str, Any]]:
    """Real results of every kind, as files have them."""
    retrieval = evaluate(load("rsitmd", lookalike.rsitmd(tmp_path), "train"), TinyEncoder())
    speed = measure_random([5], dim=4, calls=1, threads=1, encoder=TinyEncoder())
    return [json.loads(to_json(one)) for one in (retrieval, RETRIEVAL, ZERO_SHOT, speed)]


def test_result_files_are_valid_by_the_published_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema (extra dev)")
    monkeypatch.setattr(speed_module, "_PROBE", 1 << 20)
    validator = jsonschema.Draft202012Validator(schema())
    validator.check_schema(schema())
    for document in documents(tmp_path):
        validator.validate(document)


@pytest.mark.parametrize(
    "change",
    [
        {"mr": 101.0},
        {"mr": None},
        {"i2t": {"r1": -1.0, "r5": 2.0, "r10": 3.0}},
        {"split_hash": "abc"},
        {"leaks": "nothing"},
        {"images": "2"},
        {"format": "swath.retrieval/9"},
        {"encoder": {"name": "base"}},
    ],
)
def test_what_the_schema_forbids_is_not_read(change: dict[str, Any], tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema (extra dev)")
    document = json.loads(to_json(RETRIEVAL)) | change
    assert not jsonschema.Draft202012Validator(schema()).is_valid(document)
    (tmp_path / "r.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match="is not a result file"):
        read_result(tmp_path / "r.json")
    (tmp_path / "r.json").write_text(to_json(RETRIEVAL).replace("3.5", "NaN"))
    with pytest.raises(InputError, match="is not a result file"):
        read_result(tmp_path / "r.json")
