"""Per-query ranks in a result file: what a figure was computed from, small enough to keep always.

Columns are int32, little-endian, deflated (zlib) and in base64, which a dozen lines of any language read.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from swath.errors import InputError
from swath.evaluation.metrics import Ranks


class PackedRanks(msgspec.Struct, frozen=True):
    """The queries of one direction, each with where its best right item stands."""

    queries: int
    image: str
    """Which image of the split each query is, or was written for, counted from 0."""
    above: str
    """Items with a better score than the best right one."""
    tied: str
    """Items with that very score, itself included."""
    right: str
    """Right items among the tied."""


class QueryRanks(msgspec.Struct, frozen=True):
    """Both directions."""

    i2t: PackedRanks
    t2i: PackedRanks
    encoding: Literal["int32-le zlib base64"] = "int32-le zlib base64"


def pack(ranks: Ranks, images: NDArray[np.int64]) -> PackedRanks:
    """Ranks of q queries and the image of each, int64[q]."""
    return PackedRanks(
        len(images), _column(images), _column(ranks.above), _column(ranks.tied), _column(ranks.right)
    )


def unpack(packed: PackedRanks) -> tuple[Ranks, NDArray[np.int64]]:
    """The ranks and the image of each query, int64[q]. Raises `InputError` where they are damaged."""
    image, above, tied, right = (_values(packed, name) for name in ("image", "above", "tied", "right"))
    if len(image) and (min(image.min(), above.min()) < 0 or right.min() < 1 or (right > tied).any()):
        raise InputError("the ranks of a result file are damaged: they contradict themselves")
    return Ranks(above, tied, right), image


def _column(values: NDArray[np.int64]) -> str:
    if len(values) and values.max() > np.iinfo(np.int32).max:
        raise InputError(f"a rank of {values.max()} does not fit into a result file")
    return base64.b64encode(zlib.compress(values.astype("<i4").tobytes(), 9)).decode()


def _values(packed: PackedRanks, name: str) -> NDArray[np.int64]:
    try:
        content = zlib.decompress(base64.b64decode(getattr(packed, name), validate=True))
    except (binascii.Error, zlib.error) as error:
        raise InputError(f"the ranks of a result file are damaged in {name!r}: {error}") from error
    if len(content) != 4 * packed.queries:
        raise InputError(
            f"the ranks of a result file are damaged: {name!r} has {len(content)} bytes for "
            f"{packed.queries} queries"
        )
    return np.frombuffer(content, "<i4").astype(np.int64)
