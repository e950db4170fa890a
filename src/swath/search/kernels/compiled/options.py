"""How kernels are compiled: kept on disk, and without Python's lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

_REORDERED = {"reassoc", "contract", "nsz", "arcp"}
"""Sums may be reordered, which lets them use vector registers; NaN and infinity keep their meaning."""


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function as it is written, number by number."""
    made: Callable[..., Any] = numba.njit(cache=True, nogil=True)(function)
    return made


def reordered(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose sums may be made in another order."""
    made: Callable[..., Any] = numba.njit(cache=True, nogil=True, fastmath=_REORDERED)(function)
    return made
