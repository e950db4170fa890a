from __future__ import annotations

import numpy as np
import pytest

from swath.search import parse
from swath.search.pipeline import Fuse
from swath.types import Candidates

IDS = np.array([b"w", b"x", b"y", b"z"])
W, X, Y, Z = range(4)


def side(*found: tuple[int, float]) -> Candidates:
    return Candidates(
        np.array([row for row, _ in found], np.int64), np.array([score for _, score in found], np.float32)
    )


DENSE = side((Z, 0.36), (Y, 0.34), (X, 0.30))
SPARSE = side((X, 12), (Y, 8), (W, 4))
NOTHING = side()


def fused(method: str, *sides: Candidates) -> dict[str, float]:
    source = parse(f"fuse({', '.join(['dense'] * len(sides))}; {method})").source
    assert isinstance(source, Fuse)
    found = source.method.build().fuse(sides, IDS)
    assert found.rows.dtype == np.int64 and found.scores.dtype == np.float32
    return {
        bytes(IDS[row]).decode(): score for row, score in zip(found.rows, found.scores.tolist(), strict=True)
    }


def test_reciprocal_ranks() -> None:
    expected = {"x": 0.03226646, "y": 0.03225806, "z": 0.01639344, "w": 0.01587302}
    found = fused("rrf", DENSE, SPARSE)
    assert list(found) == list(expected)
    assert found == pytest.approx(expected, abs=1e-8)
    assert fused("rrf(k=0)", DENSE)["z"] == 1


def test_missing_scores_are_the_lowest_of_their_side() -> None:
    found = fused("sum(0.5, 0.5)", DENSE, SPARSE)
    assert list(found) == ["y", "x", "z", "w"]
    assert found == pytest.approx({"y": 0.58333333, "x": 0.5, "z": 0.5, "w": 0.0}, abs=1e-6)
    assert fused("sum", DENSE, SPARSE) == found


def test_a_complete_union_by_each_norm() -> None:
    dense, sparse = side((Z, 0.36), (Y, 0.34), (W, 0.31), (X, 0.30)), side((X, 12), (Y, 8), (W, 4), (Z, 2))
    minmax = {"y": 0.63333333, "x": 0.5, "z": 0.5, "w": 0.18333333}
    zscore = {"y": 0.45735458, "x": 0.13948235, "z": 0.09553504, "w": -0.69237197}
    raw = {"x": 6.15, "y": 4.17, "w": 2.155, "z": 1.18}
    for norm, expected in [("minmax", minmax), ("zscore", zscore), ("none", raw)]:
        found = fused(f"sum(0.5, 0.5, norm={norm})", dense, sparse)
        assert list(found) == list(expected)
        assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("method", ["rrf", "sum", "sum(0.3, 0.7, norm=zscore)", "sum(1, 1, norm=none)"])
def test_an_empty_side_leaves_the_order_of_the_other(method: str) -> None:
    assert list(fused(method, DENSE, NOTHING)) == ["z", "y", "x"]
    assert list(fused(method, NOTHING, SPARSE)) == ["x", "y", "w"]
    assert fused(method, NOTHING, NOTHING) == {}


def test_all_weight_on_one_side_is_its_order() -> None:
    assert list(fused("sum(1, 0)", DENSE, SPARSE))[:3] == ["z", "y", "w"]
    assert list(fused("sum(0, 1)", DENSE, SPARSE)) == ["x", "y", "w", "z"]


def test_constant_sides() -> None:
    same = side((X, 2), (Y, 2))
    assert fused("sum", same) == {"x": 1, "y": 1}
    assert fused("sum(norm=zscore)", same) == {"x": 0, "y": 0}
