"""Choosing among settings: by validation, and by test only when it is said aloud."""

from __future__ import annotations

import msgspec
import pytest

from swath.errors import InputError
from swath.evaluation import EvalResult, choose
from tests.evaluation.test_results import RETRIEVAL

Named = list[tuple[str, EvalResult]]


def results(**figures: tuple[float, float]) -> Named:
    """For each pipeline its mR on val and on test."""
    return [
        (
            f"{pipeline}-{split}",
            msgspec.structs.replace(RETRIEVAL, split=split, pipeline=pipeline, mr=mr, split_hash=split),
        )
        for pipeline, pair in figures.items()
        for split, mr in zip(("val", "test"), pair, strict=True)
    ]


THREE = results(a=(20.0, 18.0), b=(21.0, 17.0), c=(19.0, 19.5))


def test_both_selections_side_by_side() -> None:
    honest, claimed = choose(THREE, by="val"), choose(THREE, by="test!")

    assert (honest.name, honest.result.mr, honest.result.flags) == ("b-test", 17.0, ())
    assert (claimed.name, claimed.result.mr, claimed.result.flags) == ("c-test", 19.5, ("test-selected",))
    assert honest.result.selection is not None and claimed.result.selection is not None
    assert (honest.result.selection.by, honest.result.selection.among) == ("val", 3)
    assert (claimed.result.selection.by, claimed.result.selection.mr) == ("test", 19.5)


def test_choosing_by_test_raises() -> None:
    with pytest.raises(InputError, match=r"cannot choose by test: nothing is trained or chosen .*\(test!\)"):
        choose(THREE, by="test")


def test_a_val_that_is_test_is_test() -> None:
    hidden = [(name, msgspec.structs.replace(one, flags=("holds-test-images",))) for name, one in THREE]
    with pytest.raises(InputError, match="cannot choose by val"):
        choose(hidden, by="val")
    assert "test-selected" in choose(hidden, by="val!").result.flags


def test_what_does_not_belong_together() -> None:
    with pytest.raises(InputError, match="no result on dev"):
        choose(THREE, by="dev", report="dev")
    with pytest.raises(InputError, match="c-val has no partner: the same encoder and pipeline on test"):
        choose(THREE[:-1], by="val")
    with pytest.raises(InputError, match="a-val and again are of one setting and split"):
        choose([*THREE, ("again", THREE[0][1])], by="val")
    other = msgspec.structs.replace(RETRIEVAL, dataset="ucm")
    with pytest.raises(InputError, match=r"not rsicd \(strict\), ucm \(strict\)"):
        choose([*THREE, ("other", other)], by="val")
