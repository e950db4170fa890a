"""Throw-away stages of every kind, so that the grammar and the engine are tested beyond `dense`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from swath.errors import SpecError
from swath.search.ordering import best_first, exact_scores
from swath.search.query import EncodedQuery
from swath.search.stages import STAGES, Cost, Kind, Stage
from swath.types import Candidates, Gallery

_COST = Cost(1, 2, "test")


@dataclass(frozen=True)
class Words(Stage):
    """Recall by the negated dense score, for queries with words; stands for a sparse stage."""

    name: ClassVar[str] = "words"
    kind: ClassVar[Kind] = "recall"
    needs: ClassVar[frozenset[str]] = frozenset({"words"})

    @property
    def signals(self) -> frozenset[str]:
        return frozenset({"dense"})

    def run(
        self,
        gallery: Gallery,
        query: EncodedQuery,
        candidates: Candidates | None,
        k: int,
        mask: NDArray[np.bool_] | None,
        threads: int | None = None,
    ) -> tuple[Candidates, Cost]:
        assert candidates is None
        rows = np.arange(len(gallery)) if mask is None else np.flatnonzero(mask)
        scores = exact_scores(gallery.signal("dense")[rows], -query.dense[None])[:, 0]
        return best_first(rows, scores, gallery.ids, k), _COST


@dataclass(frozen=True)
class Bits(Words):
    """Recall with a number of bits and named arguments."""

    name: ClassVar[str] = "bits"
    widths: ClassVar[tuple[int, ...]] = (64, 128)
    needs: ClassVar[frozenset[str]] = frozenset({"dense"})
    bits: int
    bias: str = "none"
    rate: float = 1.0

    @property
    def signals(self) -> frozenset[str]:
        return frozenset({f"bits{self.bits}"})


@dataclass(frozen=True)
class Reverse(Stage):
    """Turns the order of the candidates round; with `words`, only for queries that have some."""

    name: ClassVar[str] = "reverse"
    kind: ClassVar[Kind] = "rerank"

    @property
    def signals(self) -> frozenset[str]:
        return frozenset()

    def run(
        self,
        gallery: Gallery,
        query: EncodedQuery,
        candidates: Candidates | None,
        k: int,
        mask: NDArray[np.bool_] | None,
        threads: int | None = None,
    ) -> tuple[Candidates, Cost]:
        assert candidates is not None
        return best_first(candidates.rows, -candidates.scores, gallery.ids, k), _COST


@dataclass(frozen=True)
class Wordy(Reverse):
    """The same, for queries with words."""

    name: ClassVar[str] = "wordy"
    needs: ClassVar[frozenset[str]] = frozenset({"words"})


@dataclass(frozen=True)
class Needy(Reverse):
    """The same, with an argument that must be given."""

    name: ClassVar[str] = "needy"
    depth: int


@dataclass(frozen=True)
class Grow(Stage):
    """Adds every allowed row, scored exactly; takes a share, a switch and a count."""

    name: ClassVar[str] = "grow"
    kind: ClassVar[Kind] = "expand"
    share: float = 0.5
    lazy: bool = False
    count: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise SpecError("argument 'share' of grow lies in 0 to 1")

    @property
    def signals(self) -> frozenset[str]:
        return frozenset({"dense"})

    def run(
        self,
        gallery: Gallery,
        query: EncodedQuery,
        candidates: Candidates | None,
        k: int,
        mask: NDArray[np.bool_] | None,
        threads: int | None = None,
    ) -> tuple[Candidates, Cost]:
        rows = np.arange(len(gallery)) if mask is None else np.flatnonzero(mask)
        scores = exact_scores(gallery.signal("dense")[rows], query.dense[None])[:, 0]
        return best_first(rows, scores, gallery.ids, k), _COST


@dataclass(frozen=True)
class Free(Reverse):
    """Takes any arguments at all, for the round trip of the grammar."""

    name: ClassVar[str] = "free"

    @classmethod
    def build(cls, *_: object) -> Free:
        return cls()


@dataclass(frozen=True)
class FreeSource(Words):
    """The same as a source, with bits."""

    name: ClassVar[str] = "free_source"
    widths: ClassVar[tuple[int, ...]] = (8, 16)

    @classmethod
    def build(cls, *_: object) -> FreeSource:
        return cls()


ALL: tuple[type[Stage], ...] = (Words, Bits, Reverse, Wordy, Needy, Grow, Free, FreeSource)


@contextmanager
def registered() -> Iterator[None]:
    with patch.dict(STAGES, {stage.name: stage for stage in ALL}):
        yield
