"""Binary codes: training-free rotations, packing, and Hamming distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from swath.types import Array

ROUNDS = 20


def fit_rotation(vectors: NDArray[np.float32], bits: int, rounds: int = ROUNDS) -> NDArray[np.float32]:
    """A matrix float32[D, bits] whose product's signs are a code of centred vectors float32[n, D].

    Iterative quantisation (Gong et al., TPAMI 2013): principal directions, turned so that vectors lie near
    the corners of a cube. Where there are more bits than directions, or too few vectors to know them, it is
    a rotation drawn with a fixed seed. The same vectors give the same matrix.
    """
    dim = vectors.shape[1]
    drawn = np.random.default_rng(0).normal(size=(max(dim, bits), max(dim, bits)))
    turn = np.linalg.qr(drawn)[0]
    if bits > dim or len(vectors) < 4 * dim:
        return np.asarray(turn[:dim, :bits], np.float32)
    x = vectors.astype(np.float64)
    _, directions = np.linalg.eigh(x.T @ x)
    principal = directions[:, ::-1][:, :bits]
    projected = x @ principal
    rotation = np.linalg.qr(drawn[:bits, :bits])[0]
    for _ in range(rounds):
        corners = np.where(projected @ rotation >= 0, 1.0, -1.0)
        left, _, right = np.linalg.svd(corners.T @ projected)
        rotation = (left @ right).T
    return np.asarray(principal @ rotation, np.float32)


def pack(relaxed: Array) -> NDArray[np.uint8]:
    """Signs of float[n, L] as uint8[n, L / 8], the first bit highest; 0 counts as positive."""
    return np.packbits(relaxed >= 0, axis=1)


def unpack(codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8[n, L / 8] -> float32[n, L] of -1 and +1."""
    return np.unpackbits(codes, axis=1).astype(np.float32) * 2 - 1


def hamming(codes: NDArray[np.uint8], query: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Distances int32[n] of uint8[n, B] codes from one of uint8[B]: the plain twin of the fast kernel."""
    return np.asarray(np.bitwise_count(codes ^ query).sum(1, dtype=np.int32), np.int32)
