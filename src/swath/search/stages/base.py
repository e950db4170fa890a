"""What a stage is, and how the arguments of a spec become one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Any, ClassVar, Literal, Self, TypeAlias, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from swath.errors import SpecError
from swath.search.caret import listed, nearest
from swath.search.query import EncodedQuery
from swath.types import Candidates, Gallery

Kind: TypeAlias = Literal["recall", "expand", "rerank"]
Value: TypeAlias = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Cost:
    """What a stage did, for the trace of a query."""

    rows: int
    """Rows visited."""
    bytes_read: int
    kernel: str
    note: str = ""
    """What else there is to say of it."""


@dataclass(frozen=True)
class Parametric:
    """Something that a spec names with arguments: a frozen dataclass whose fields are its parameters."""

    name: ClassVar[str]

    @classmethod
    def build(
        cls, args: Sequence[Value], options: Sequence[tuple[str, Value]], bits: int | None = None
    ) -> Self:
        """Bind positional and named arguments to the fields; `bits` goes to a field of that name.

        A last field of type `tuple[float, ...]` takes all positional arguments that are left. Raises
        `SpecError` for what does not fit; a class refuses values in `__post_init__` by the same error.
        """
        hints = _hints(cls)  # type: ignore[arg-type]  # a class is hashable, mypy doubts it for Self
        known = {f.name: f for f in fields(cls) if f.name != "bits"}
        bound: dict[str, Any] = {} if bits is None else {"bits": bits}
        names = list(known)
        rest = list(args)
        for name in names:
            if rest and hints[name] == tuple[float, ...]:
                bound[name] = tuple(_fit(cls.name, name, float, value) for value in rest)
                rest = []
            elif rest:
                bound[name] = _fit(cls.name, name, hints[name], rest.pop(0))
        if rest:
            raise SpecError(f"{cls.name} takes {len(names) or 'no'} arguments ({', '.join(names) or 'none'})")
        for key, value in options:
            if key not in known:
                raise SpecError(
                    f"{cls.name} has no argument '{key}'{nearest(key, names)} It has: {listed(names)}"
                )
            if key in bound:
                raise SpecError(f"{cls.name} got its argument '{key}' twice")
            bound[key] = _fit(cls.name, key, hints[key], value)
        for name, f in known.items():
            if name not in bound and f.default is MISSING and f.default_factory is MISSING:
                raise SpecError(f"{cls.name} needs its argument '{name}'")
        return cls(**bound)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)  # takes longer than many a search


def _fit(owner: str, name: str, wanted: Any, value: Value) -> Value:
    allowed = () if get_origin(wanted) is tuple else get_args(wanted) or (wanted,)
    if type(value) is int and float in allowed and int not in allowed:
        return float(value)
    if type(value) not in allowed:
        words = {float: "a number", int: "a whole number", bool: "true or false", str: "a word"}
        kinds = " or ".join(words[kind] for kind in allowed if kind in words)
        raise SpecError(f"argument '{name}' of {owner} must be {kinds or 'given by position'}")
    return value


@dataclass(frozen=True)
class Stage(Parametric, ABC):
    """One step of a search. A subclass is one file here, a frozen dataclass of its parameters.

    `recall` opens the gallery, `expand` may add rows, `rerank` only reorders. A stage emits at most k
    candidates in the one order (falling score, then tile id), none of them outside the mask.
    """

    kind: ClassVar[Kind]
    widths: ClassVar[tuple[int, ...]] = ()
    """Numbers of bits that may follow the name (`hash128`); such a stage has a field `bits: int`."""
    needs: ClassVar[frozenset[str]] = frozenset({"dense"})
    """Parts of the encoded query (see `EncodedQuery.parts`); without them the stage is skipped."""

    @property
    @abstractmethod
    def signals(self) -> frozenset[str]:
        """Signals that the gallery must have."""

    def missing(self, gallery: Gallery) -> frozenset[str]:
        """Signals that it needs and the gallery does not store."""
        return self.signals - gallery.signals

    def lacking(self, gallery: Gallery, query: EncodedQuery) -> frozenset[str]:  # noqa: ARG002
        """Parts that it needs and the query does not have."""
        return self.needs - query.parts

    def behind(self, before: str) -> Self:  # noqa: ARG002
        """The stage as it is behind another, whose spec is `before`."""
        return self

    @abstractmethod
    def run(
        self,
        gallery: Gallery,
        query: EncodedQuery,
        candidates: Candidates | None,
        k: int,
        mask: NDArray[np.bool_] | None,
        threads: int | None = None,
    ) -> tuple[Candidates, Cost]:
        """The k best. `candidates` is None for a recall stage; `mask` is bool[n] of the allowed rows."""

    def run_many(
        self,
        gallery: Gallery,
        queries: Sequence[EncodedQuery],
        candidates: Sequence[Candidates] | None,
        k: int,
        mask: NDArray[np.bool_] | None,
        threads: int | None = None,
    ) -> tuple[list[Candidates], Cost]:
        """`run` for many queries; a stage overrides it where a batch can share what is read."""
        given = [None] * len(queries) if candidates is None else candidates
        done = [
            self.run(gallery, query, before, k, mask, threads)
            for query, before in zip(queries, given, strict=True)
        ]
        costs = [cost for _, cost in done]
        total = Cost(
            sum(c.rows for c in costs),
            sum(c.bytes_read for c in costs),
            costs[0].kernel if costs else "",
            costs[0].note if len(costs) == 1 else "",
        )
        return [found for found, _ in done], total
