"""Codes: rotations, packing, and exact search with whole ties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swath.search.codes import fit_rotation, hamming, pack, unpack
from swath.search.hamming import distances, nearest

HI = np.array([[0.5, -0.2, 0.8, -0.9], [-0.4, 0.6, 0.1, -0.7]])
HT = np.array([[0.3, -0.6, 0.9, -0.1], [-0.8, 0.2, -0.3, -0.5]])


def test_zero_is_positive_and_packing_comes_back() -> None:
    relaxed = np.array([[0.0, -0.0, -1e-9, 1, -1, 1, 1, -1, 1, -1, -1, 1, 1, 1, 1, 1]])
    code = pack(relaxed)
    assert code.dtype == np.uint8 and code.shape == (1, 2)
    assert unpack(code).tolist() == [[1, 1, -1, 1, -1, 1, 1, -1, 1, -1, -1, 1, 1, 1, 1, 1]]


def test_distances_and_asymmetric_scores_by_hand() -> None:
    wide = [np.concatenate([x, np.ones((2, 4))], 1) for x in (HI, HT)]
    codes = [pack(x) for x in wide]
    assert [(-hamming(codes[1], code)).tolist() for code in codes[0]] == [[0, -3], [-2, -1]]
    signs = unpack(codes[1])[:, :4]
    assert (HI @ signs.T).ravel().tolist() == pytest.approx([2.4, -0.6, -0.2, 1.6])


@pytest.mark.parametrize("width", [2, 4, 8, 16, 32])
def test_the_kernel_is_as_its_plain_twin(width: int) -> None:
    rng = np.random.default_rng(width)
    codes = rng.integers(0, 256, (1000, width), dtype=np.uint8)
    for n in (0, 1, 7, 1000):
        assert (distances(codes[:n], codes[3]) == hamming(codes[:n], codes[3])).all()
    assert (distances(codes[::2], codes[3]) == hamming(codes[::2], codes[3])).all()


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(0, 60),
    k=st.integers(1, 70),
    block=st.integers(1, 40),
    biased=st.booleans(),
    masked=st.booleans(),
    seed=st.integers(0, 5),
)
def test_everything_up_to_the_kth_distance_is_found(
    n: int, k: int, block: int, biased: bool, masked: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 2, (n, 8), dtype=np.uint8)
    query = rng.integers(0, 2, 8, dtype=np.uint8)
    bias = rng.integers(-9, 9, n).astype(np.int32) if biased else None
    rows = np.flatnonzero(rng.random(n) < 0.5) if masked else None
    scale = 4 if biased else 1
    every = scale * hamming(codes, query) + (0 if bias is None else bias)
    allowed = np.arange(n) if rows is None else rows
    ceiling = np.sort(every[allowed])[:k].max(initial=-99)
    wanted = [row for row in allowed.tolist() if every[row] <= ceiling]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("swath.search.hamming._BLOCK", block)
        patch.setattr("swath.search.hamming._FIRST", max(1, block // 3))
        found, values = nearest(codes, query, k, rows, bias, scale)
    assert found.tolist() == wanted
    assert values.tolist() == every[wanted].tolist()


@pytest.mark.parametrize("width", [8, 16, 32])
@pytest.mark.parametrize("values", [2, 256])
def test_many_codes_give_the_same_by_every_way(width: int, values: int) -> None:
    """With two values for a byte ties are too many for the heap, and blocks find them all."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, values, (5000, width), dtype=np.uint8)
    for query in codes[:5]:
        every = hamming(codes, query)
        for k in (1, 10, 70):
            wanted = np.flatnonzero(every <= np.sort(every)[k - 1])
            found, far = nearest(codes, query, k)
            assert found.tolist() == wanted.tolist() and (far == every[wanted]).all()
            found, _ = nearest(codes, query, k, bias=np.zeros(5000, np.int32))
            assert found.tolist() == wanted.tolist()


def test_a_rotation_is_the_same_every_time_and_keeps_neighbours() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(8, 32))
    labels = rng.integers(0, 8, 400)
    vectors = (centres[labels] + 0.4 * rng.normal(size=(400, 32))).astype(np.float32)
    vectors -= vectors.mean(0)
    for bits in (16, 64):
        matrix = fit_rotation(vectors, bits)
        assert matrix.shape == (32, bits) and (matrix == fit_rotation(vectors, bits)).all()
        codes = pack(vectors @ matrix)
        near = np.array([np.argsort(hamming(codes, code), kind="stable")[1:6] for code in codes])
        assert (labels[near] == labels[:, None]).mean() > 0.9


def test_few_vectors_give_a_drawn_rotation() -> None:
    vectors = np.random.default_rng(1).normal(size=(5, 32)).astype(np.float32)
    matrix = fit_rotation(vectors, 16)
    assert (matrix == fit_rotation(vectors[:2], 16)).all()
    assert np.allclose(matrix.T @ matrix, np.eye(16), atol=1e-6)
