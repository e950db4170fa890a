"""What a partial search reads: tiles put into lists, and the words of each tile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from swath.encoders import Terms
from swath.errors import ArchiveError
from swath.int8 import quantise
from swath.types import Array, Int8Rows

Touch: TypeAlias = Callable[[str, NDArray[np.int64], NDArray[np.int64]], None]
"""Called with the name of an array before its entries from some numbers to others are read."""


_REACH = 0.4
"""How much of its radius the best tile of a list lies nearer to a query than the mean does."""


class DamagedListsError(ArchiveError):
    """Lists of which a file is missing, short or changed."""


def _unchecked(_name: str, _starts: NDArray[np.int64], _stops: NDArray[np.int64]) -> None:
    """Arrays in memory need no checking."""


def fixed(array: Array) -> Array:
    """A view that cannot be written to, as of a mapped file: one compiled kernel does for both."""
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view


@dataclass(frozen=True, eq=False)
class Postings:
    """For every word the tiles that have it, with 8-bit impacts; tiles are named by their place in the lists.

    Places come in blocks of `block`, and every word knows its largest impact in each block where it stands.
    """

    words: Array
    """S[T], sorted."""
    ends: NDArray[np.int64]
    """int64[T]: where the postings of each word end."""
    places: NDArray[np.int32]
    """int32[z], rising within a word."""
    impacts: NDArray[np.uint8]
    """uint8[z]: weight / delta, rounded, 1 at least."""
    weights: NDArray[np.float16]
    """float16[z]: the weights themselves; scores are made of these."""
    delta: float
    block: int
    block_ends: NDArray[np.int64]
    """int64[T]: where the blocks of each word end."""
    blocks: NDArray[np.int32]
    """int32[y]: numbers of the blocks where a word stands, rising."""
    firsts: NDArray[np.int32]
    """int32[y]: where the block begins among the postings of the word."""
    maxima: NDArray[np.uint8]
    """uint8[y]: the largest impact of the word in the block."""
    touch: Touch = _unchecked

    def number(self, word: str) -> int | None:
        """The row of a word in the tables above; None where no tile has it."""
        wanted = np.bytes_(word.encode())
        at = int(np.searchsorted(self.words, wanted))
        return at if at < len(self.words) and self.words[at] == wanted else None

    def part(self, number: int) -> slice:
        """The postings of a word."""
        return slice(int(self.ends[number - 1]) if number else 0, int(self.ends[number]))

    def read(self, name: str, part: slice) -> Array:
        """A part of `places`, `impacts` or `weights`, checked. Raises `DamagedListsError`."""
        self.touch(name, np.array([part.start]), np.array([part.stop]))
        values: Array = getattr(self, name)[part]
        return values

    def block_part(self, number: int) -> slice:
        """The blocks of a word."""
        return slice(int(self.block_ends[number - 1]) if number else 0, int(self.block_ends[number]))


@dataclass(frozen=True, eq=False)
class Lists:
    """m tiles in L lists of tiles that lie close together, and t that are in none yet."""

    name: str
    """Of this layout; what was measured on it names it."""
    size: int
    """Rows of the gallery."""
    rows: NDArray[np.int32]
    """int32[m]: the gallery's row of every place; list after list, rising within a list. -1: a tile that is
    gone."""
    ends: NDArray[np.int64]
    """int64[L]: where the places of each list end."""
    centroids: NDArray[np.float32]
    """float32[L, D]: the mean of the tiles of each list."""
    directions: NDArray[np.float32]
    """float32[D, D], orthonormal rows: first those that hold most of the tiles."""
    lead: Int8Rows
    """int8[m, h]: the vectors along the first directions, in the order of the places."""
    rest: Int8Rows
    """int8[m, D - h]: along the others; few tiles are looked at so far."""
    postings: Postings | None
    terms: Terms | None
    """The word head that made the postings; None: they are of names, tags and captions alone."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What was measured on this layout: calibrations and recall."""
    touch: Touch = _unchecked

    @cached_property
    def places(self) -> NDArray[np.int32]:
        """int32[n]: the place of every row of the gallery; -1: in no list yet."""
        places = np.full(self.size, -1, np.int32)
        there = self.rows >= 0
        places[self.rows[there]] = np.flatnonzero(there)
        return places

    @cached_property
    def tail(self) -> NDArray[np.int64]:
        """int64[t]: rows of the gallery that are in no list; every partial search scans them all."""
        return np.flatnonzero(self.places < 0)

    @cached_property
    def has_gaps(self) -> bool:
        """Whether tiles are gone, so that their places hold none."""
        return bool((self.rows < 0).any())

    @cached_property
    def list_of(self) -> NDArray[np.int32]:
        """int32[m]: the list of every place."""
        return np.repeat(np.arange(len(self.ends), dtype=np.int32), self.sizes)

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """int64[L]: tiles of each list."""
        return np.diff(self.ends, prepend=0)

    def turned(self, query: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32[D]: a query along the directions."""
        # Row by row: a product of matrix and vector would start the library's threads for next to nothing.
        return np.asarray(np.vecdot(self.directions, query), np.float32)

    @cached_property
    def widest(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The largest error and norm of any tile, along the leading directions and along the others."""
        lead, rest = (
            (float(rows.error.max(initial=0.0)), float(rows.norm.max(initial=0.0)))
            for rows in (self.lead, self.rest)
        )
        return lead, rest

    @cached_property
    def limits(self) -> dict[tuple[str, str, float], float | None]:
        """How far to go for a guide, a rule and a coverage, as far as it was asked for."""
        return {}

    @cached_property
    def everything(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """All places, as `touch` takes them."""
        return np.zeros(1, np.int64), np.array([len(self.rows)])

    @cached_property
    def scanned(self) -> tuple[Array, ...]:
        """What a compiled scan reads."""
        lead, rest = self.lead, self.rest
        arrays = (self.rows, self.ends, lead.codes, lead.scale, rest.codes, rest.scale, rest.norm)
        return tuple(fixed(array) for array in arrays)

    @cached_property
    def errors(self) -> tuple[Array, ...]:
        """What a compiled shortlist reads."""
        lead, rest = self.lead, self.rest
        return tuple(fixed(array) for array in (lead.error, lead.norm, rest.error, rest.norm))

    @cached_property
    def rough_centroids(self) -> tuple[NDArray[np.int8], NDArray[np.float64], NDArray[np.float64]]:
        """int8[L, h], float64[L], float64[L]: the means along the leading directions, and their scales.

        The last is what a list is nearer than its mean: its tiles are unit vectors, so that the mean is the
        shorter the farther they lie apart, and the best of them lies nearer by a share of that distance.
        """
        rows = quantise(self.centroids @ self.directions[: self.lead.codes.shape[1]].T)
        squares = np.einsum("ld,ld->l", self.centroids, self.centroids, dtype=np.float64)
        return fixed(rows.codes), rows.scale.astype(np.float64), _REACH * np.sqrt(np.maximum(1 - squares, 0))
