from __future__ import annotations

import numpy as np
import pytest

from swath.evaluation.intervals import percentile_interval, resampled_ratios


def test_resamples_are_what_drawing_one_by_one_gives() -> None:
    random = np.random.default_rng(1)
    values, weights = random.random((12, 2)), random.integers(1, 6, (12, 2)).astype(np.float64)
    ratios = resampled_ratios(values, weights, resamples=50, seed=9)

    drawn = np.random.default_rng(9).integers(12, size=(50, 12))
    slow = [[values[row, c].sum() / weights[row, c].sum() for c in range(2)] for row in drawn]
    assert ratios == pytest.approx(np.array(slow), abs=1e-12)


def test_blocks_have_the_right_total(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swath.evaluation.intervals._CELLS", 30)
    ratios = resampled_ratios(np.ones((10, 1)), np.ones((10, 1)), resamples=7)
    assert ratios.tolist() == [[1.0]] * 7


def test_the_interval_of_a_rate_is_the_textbook_one() -> None:
    hits = (np.arange(400) < 100).astype(np.float64)[:, None]
    low, high = percentile_interval(resampled_ratios(hits, np.ones((400, 1)), resamples=4000))
    half = 1.96 * np.sqrt(0.25 * 0.75 / 400)
    assert (low[0], high[0]) == pytest.approx((0.25 - half, 0.25 + half), abs=0.006)
