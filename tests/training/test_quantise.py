"""Quantised weights: close to what they stand for, and small."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from swath.training.quantise import int4_rows, int8_rows


def test_int8_keeps_half_a_step() -> None:
    values = np.random.default_rng(0).normal(size=(64, 48)).astype(np.float32)
    for axis in (0, 1):
        integers, scale = int8_rows(values, axis)
        assert integers.dtype == np.int8 and scale.shape == (values.shape[axis],)
        shaped = scale[:, None] if axis == 0 else scale[None]
        assert np.abs(integers * shaped - values).max() <= scale.max() / 2 + 1e-7


def test_int4_packs_two_values_a_byte() -> None:
    values = np.random.default_rng(1).normal(size=(50, 32)).astype(np.float32)
    values[0] = 0
    packed, scale = int4_rows(values)
    assert packed.shape == (50, 16) and packed.dtype == np.uint8
    restored = (np.concatenate([packed & 15, packed >> 4], 1).astype(np.float32) - 8) * scale
    assert np.abs(restored[0]).max() <= 1e-12
    cosine = (restored * values).sum(1)[1:] / (
        np.linalg.norm(restored, axis=1) * np.linalg.norm(values, axis=1)
    )[1:]
    assert cosine.min() > 0.985
