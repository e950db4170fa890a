"""Tiles on their way into the archive, and out of its table."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from swath.errors import InputError
from swath.types import Array, Footprint, Scalar, Window

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NO_TIME = np.iinfo(np.int64).min
"""Stands for a missing time in microseconds, as NaT does in NumPy."""

RESERVED = ("source", "width", "height", "time")
"""Attributes that every tile has."""

NUMBER, TEXT, FLAG = "number", "text", "flag"


class Key(NamedTuple):
    """A file: the index of its root in the archive's list of roots, and its POSIX path below it."""

    root: int
    path: str


class Source(NamedTuple):
    """A file as it was when its content was read; ordered by root, then path."""

    root: int
    path: str
    size: int
    mtime_ns: int

    @property
    def key(self) -> Key:
        """Which file it is, whatever its state."""
        return Key(self.root, self.path)


@dataclass(frozen=True, slots=True)
class Row:
    """One tile without its signals and sources."""

    id: str
    digest: str
    window: Window
    footprint: Footprint | None
    time: int
    """Microseconds since 1970, UTC; `NO_TIME` where unknown."""
    attributes: Mapping[str, Scalar]
    thumbnail: bytes


@dataclass(frozen=True, slots=True)
class Rows:
    """Tiles that are written together; lists and arrays are parallel."""

    rows: list[Row]
    sources: list[tuple[Source, ...]]
    signals: dict[str, Array]
    """`dense` float16[n, D]; `tokens` int8[n, 1 + G*G, d] where the encoder gives them."""

    def __len__(self) -> int:
        return len(self.rows)


class Geometry(msgspec.Struct, frozen=True):
    """Shapes of the stored signals."""

    dense: int
    """D"""
    tokens: tuple[int, int] | None = None
    """(1 + G*G, d), or None where the encoder gives no tokens."""


def microseconds(time: datetime | None) -> int:
    """A timezone-aware time as microseconds since 1970, `NO_TIME` for None."""
    return int(NO_TIME) if time is None else (time - EPOCH) // timedelta(microseconds=1)


def moment(time: int) -> datetime | None:
    """Inverse of `microseconds`."""
    return None if time == NO_TIME else EPOCH + timedelta(microseconds=time)


def quantise(tokens: NDArray[np.float32]) -> NDArray[np.int8]:
    """float32[..., d] unit rows to int8[..., d], each scaled so that its largest magnitude becomes 127.

    Unit rows need no stored scale: a row divided by its integer norm is the vector again.
    """
    largest = np.abs(tokens).max(axis=-1, keepdims=True)
    scale = np.divide(127.0, largest, out=np.zeros_like(largest), where=largest > 0)
    rounded: NDArray[np.int8] = np.rint(tokens * scale).astype(np.int8)
    return rounded


def kind_of(value: Scalar) -> str:
    """How an attribute is stored: integers and floats are both numbers (float64)."""
    if isinstance(value, bool):
        return FLAG
    return TEXT if isinstance(value, str) else NUMBER


def _plain(name: str, value: Any) -> Scalar:
    """A value that can be stored and written as JSON. Raises `InputError` for any other."""
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, str) and plain.isascii():
        return plain
    try:
        if isinstance(plain, str) and plain.encode("utf-8"):
            return plain
        if isinstance(plain, bool) or (isinstance(plain, int | float) and math.isfinite(float(plain))):
            return plain
    except (UnicodeEncodeError, OverflowError):
        pass
    raise InputError(
        f"attribute {name!r} cannot be {value!r:.60}: give a text, a finite number, True or False, and "
        "leave out what is not known"
    )


@dataclass(slots=True)
class Attributes:
    """Which attributes the archive knows and their kinds; a kind never changes."""

    kinds: dict[str, str] = field(default_factory=dict)

    def accept(self, given: Mapping[str, Scalar]) -> dict[str, Scalar]:
        """The attributes as they are stored; new names are learnt. Raises `InputError`, learning nothing."""
        values = {name: _plain(name, value) for name, value in given.items()}
        kinds = {name: kind_of(value) for name, value in values.items()}
        for name, kind in kinds.items():
            if name in RESERVED or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise InputError(
                    f"an attribute cannot be named {name!r}: use letters, digits and underscores, "
                    f"and none of {', '.join(RESERVED)}"
                )
            known = self.kinds.get(name, kind)
            if kind != known:
                raise InputError(
                    f"attribute {name!r} is a {known} in this archive and cannot take "
                    f"the {kind} {given[name]!r}: give it another name"
                )
        self.kinds.update(kinds)
        return {name: float(value) if kinds[name] == NUMBER else value for name, value in values.items()}


def storable(path: str) -> str:
    """A file name as valid Unicode: a byte that is not UTF-8 becomes NUL (in no name) and two digits."""
    return re.sub("[\udc80-\udcff]", lambda match: f"\0{ord(match[0]) - 0xDC00:02x}", path)


def original(path: str) -> str:
    """Inverse of `storable`: the name that `open` takes."""
    if "\0" not in path:
        return path
    return re.sub("\0(..)", lambda match: chr(0xDC00 + int(match[1], 16)), path)
