"""The depth of reranking: chosen by a rule, on figures that evaluation would give."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from swath.errors import InputError
from swath.evaluation import evaluate
from swath.evaluation.depth import Depth, choose_depth, measure_depths
from tests.evaluation.test_run import mixed
from tests.tiny import TinyEncoder


def depth(k: int | None, mr: float, high: float = 0.5) -> Depth:
    return Depth(k, mr, (-1.0, high), 50.0, 50.0)


def test_figures_are_those_of_an_evaluation(tmp_path: Path, tiny: TinyEncoder) -> None:
    data = replace(mixed(tmp_path), split="val")
    found = measure_depths(data, tiny, "dense", "btgi(blend=0.5)", depths=(0, 2, 5, 900))
    assert [one.k for one in found] == [0, 2, 5, None]
    for one in found:
        spec = "dense" if one.k == 0 else f"dense:{one.k or 999} > btgi(blend=0.5)"
        assert one.mr == pytest.approx(evaluate(data, tiny, pipeline=spec).mr)
    assert found[-1].gap == (0.0, 0.0) and found[-1].recall_i2t == found[-1].recall_t2i == 100.0
    assert found[0].recall_i2t == found[0].recall_t2i == 0
    assert 0 < found[1].recall_t2i <= found[2].recall_t2i <= 100


def test_nothing_is_chosen_on_test_data(tmp_path: Path, tiny: TinyEncoder) -> None:
    with pytest.raises(InputError, match="test"):
        measure_depths(mixed(tmp_path), tiny, "dense", "btgi")


def test_the_smallest_from_which_on_all_pass() -> None:
    everything = depth(None, 20.0)
    first = [depth(5, 20.0), depth(10, 19.0), depth(20, 19.9), depth(50, 20.1), everything]
    assert choose_depth([first]) == 20  # 5 passes by itself, 10 loses more than a hundredth
    assert choose_depth([first, [depth(20, 20.0, -0.1), depth(50, 20.0), everything]]) == 50
    assert choose_depth([[depth(5, 10.0), everything]]) is None
    with pytest.raises(InputError, match="at least one"):
        choose_depth([])
