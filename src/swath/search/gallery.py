"""A gallery in memory: encoded texts or pictures of an evaluation, and whatever a test needs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from swath.archive.lists import Lists
from swath.errors import InputError
from swath.int8 import quantise
from swath.types import Array, Int8Rows, Scalar, Tile, Window

_ALWAYS = ("height", "source", "time", "width")


def text_id(text: str) -> str:
    """32 hexadecimal digits of a text: ids of encoded texts depend on nothing but the text."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


class MemoryGallery:
    """Rows in memory, with the signals that stages search in; implements `swath.types.Gallery`.

    `ids` are ASCII; equal ids are allowed (equal texts) and ordered by row. `signals` are arrays of n rows
    each; `dense` is kept as float16, the way an archive stores it. `tiles`, where given, are the rows' tiles
    and bring the attributes and footprints that filters use. `compact` makes int8 rows of `dense`, which pays
    where many queries follow one another. `modality` says what the rows are, and `asked`, float32[q, D], all
    queries that an evaluation has for them; `lists` are those of the rows. Raises `InputError` where the
    parts do not fit.
    """

    def __init__(
        self,
        ids: Sequence[str],
        signals: Mapping[str, Array],
        tiles: Sequence[Tile] | None = None,
        *,
        compact: bool = False,
        modality: Literal["image", "text"] = "image",
        asked: Array | None = None,
        lists: Lists | None = None,
    ) -> None:
        if not all(name.isascii() and name for name in ids):
            raise InputError("Ids of a gallery are ASCII and not empty")
        self.ids: Array = np.array([name.encode() for name in ids], dtype=None if len(ids) else "S32")
        self._signals = {
            name: values.astype(np.float16, copy=False) if name == "dense" else values
            for name, values in signals.items()
        }
        self._tiles = [Tile(name, "", Window(0, 0, 0, 0)) for name in ids] if tiles is None else list(tiles)
        for what, rows in {**self._signals, "tiles": self._tiles}.items():
            if len(rows) != len(ids):
                raise InputError(f"A gallery of {len(ids)} ids has {len(rows)} rows of {what}")
        self.compact: Int8Rows | None = quantise(self._signals["dense"]) if compact else None
        self.modality = modality
        self.asked = asked
        self.lists = lists
        self._attributes: dict[str, Array] = {}
        self._bounds: NDArray[np.float64] | None = None
        self._corners: tuple[NDArray[np.float64], NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def signals(self) -> frozenset[str]:
        """Names of the signals; `lists` and `sparse` where there are lists, and where these have words."""
        built = () if self.lists is None else ("lists", "sparse") if self.lists.postings else ("lists",)
        return frozenset({*self._signals, *built})

    def signal(self, name: str) -> Array:
        """One signal."""
        return self._signals[name]

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names that `attribute` accepts."""
        return tuple(sorted({*_ALWAYS, *(key for tile in self._tiles for key in tile.attributes)}))

    def attribute(self, name: str) -> Array:
        """One attribute of every row; see `swath.types.Gallery`."""
        if name not in self._attributes:
            if name not in self.attributes:
                raise KeyError(name)
            self._attributes[name] = _column([_value(tile, name) for tile in self._tiles])
        return self._attributes[name]

    @property
    def bounds(self) -> NDArray[np.float64]:
        """float64[n, 4]: west, south, east, north; NaN where a tile has no footprint."""
        if self._bounds is None:
            from swath.imagery import bounds  # a search of an archive does without that room

            nowhere = (np.nan,) * 4
            rows = [bounds(tile.footprint) if tile.footprint else nowhere for tile in self._tiles]
            self._bounds = np.array(rows, np.float64).reshape(len(rows), 4)
        return self._bounds

    @property
    def corners(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """float64[m, 2] and int64[n]; see `swath.types.Gallery`."""
        if self._corners is None:
            rings = [tile.footprint.ring if tile.footprint else () for tile in self._tiles]
            every = [corner for ring in rings for corner in ring]
            ends = np.cumsum([len(ring) for ring in rings], dtype=np.int64)
            self._corners = np.array(every, np.float64).reshape(-1, 2), ends
        return self._corners

    def tile(self, row: int) -> Tile:
        """The tile of one row."""
        return self._tiles[row]


def _value(tile: Tile, name: str) -> Scalar | None:
    if name == "source":
        return tile.source
    if name == "time":
        return np.nan if tile.time is None else tile.time.timestamp()
    if name in ("width", "height"):
        return tile.window.width if name == "width" else tile.window.height
    return tile.attributes.get(name)


def _column(values: list[Scalar | None]) -> Array:
    """float64 where all values are numbers, else objects."""
    if all(
        value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values
    ):
        return np.array([np.nan if value is None else value for value in values], np.float64)
    column = np.empty(len(values), object)
    column[:] = values
    return column
