"""An archive as stages see it: arrays mapped into memory, with nothing loaded that is not asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from swath.archive.hot import DamagedHotError, Hot
from swath.archive.kept import Kept
from swath.archive.pointer import Pointer
from swath.archive.rows import NO_TIME, NUMBER, RESERVED, moment, original
from swath.types import Array, Footprint, Int8Rows, Scalar, Tile, Window

if TYPE_CHECKING:
    from swath.archive.lists import DamagedListsError, Lists

_SIGNALS = frozenset({"dense", "tokens"})
_OF_LISTS = frozenset({"lists", "sparse"})
_Origin = tuple[int, str, dict[str, Scalar]]


class ArchiveGallery:
    """Implements `swath.types.Gallery`; see there for shapes and dtypes.

    It shows the commit that it was opened at, whatever is added to the archive meanwhile. `repair` gives
    the same rows again, built from the table, when a column turns out to be damaged.
    """

    def __init__(
        self, hot: Hot, pointer: Pointer, repair: Callable[[], Hot], archive: Path | None = None
    ) -> None:
        self._hot = hot
        self._archive = archive
        self.generation = hot.folder.name
        """Of the hot columns; row numbers belong to it."""
        self._roots = [original(root) for root in pointer.roots]
        self._kinds = pointer.attributes
        self.encoder_revision = pointer.encoder.revision
        """Of the encoder that made the signals."""
        self._repair = repair

    def __len__(self) -> int:
        return len(self._hot)

    @property
    def ids(self) -> Array:
        """S32[n]"""
        return self._column("id")

    @property
    def signals(self) -> frozenset[str]:
        """`dense`, `tokens` where the encoder gives them, `lists` and `sparse` where lists were built."""
        return (self._hot.names & _SIGNALS) | (_OF_LISTS if self._has_lists else frozenset())

    @cached_property
    def _has_lists(self) -> bool:
        return self._archive is not None and any((self._archive / "lists").glob("[0-9]*"))

    def signal(self, name: str) -> Array:
        """`dense`: float16[n, D]; `tokens`: int8[n, 1 + G*G, d]. Raises `KeyError`."""
        if name not in self._hot.names & _SIGNALS:
            raise KeyError(name)
        return self._column(name)

    @cached_property
    def lists(self) -> Lists | None:
        """The tiles in lists, for partial searches; None where none were built."""
        if self._archive is None:
            return None
        from swath.archive.lists import open_lists

        return open_lists(self, self._archive)

    def mend_lists(self, error: DamagedListsError) -> None:
        """Build the lists again, which a search has found to be damaged."""
        from swath.archive.lists import mended

        self.lists = None if self._archive is None else mended(self, self._archive, error)

    def words(self, rows: Array) -> list[tuple[str, ...]]:
        """The words of the names, tags and captions of some rows: file names without suffix, texts."""
        from swath.encoders import words_of

        known: dict[int, tuple[str, ...]] = {}
        codes = self._column("origin")[rows].tolist()
        for code in set(codes):
            _, path, attributes = self._origins[code]
            texts = [value for value in attributes.values() if isinstance(value, str)]
            known[code] = tuple(words_of(" ".join([original(path).rpartition(".")[0] or path, *texts])))
        return [known[code] for code in codes]

    @cached_property
    def compact(self) -> Int8Rows | None:
        """The rows of `dense` as int8; None in a generation of columns that is older than they are."""
        if "dense_int8" not in self._hot.names:
            return None
        return Int8Rows(*(self._column(f"dense_{part}") for part in ("int8", "scale", "error", "norm")))

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names that `attribute` accepts."""
        return (*RESERVED, *sorted(self._kinds))

    def attribute(self, name: str) -> Array:
        """float64[n] with NaN, or object[n] with None, where a tile has no value. Raises `KeyError`."""
        if name == "source":
            return self._of_origins([self._path(origin) for origin in self._origins], object)
        if name in ("width", "height"):
            return self._column("window")[:, 2 if name == "width" else 3].astype(np.float64)
        if name == "time":
            time = self._column("time")
            return np.where(time == NO_TIME, np.nan, time / 1e6)
        if self._kinds[name] == NUMBER:
            return self._of_origins([origin[2].get(name, np.nan) for origin in self._origins], np.float64)
        return self._of_origins([origin[2].get(name) for origin in self._origins], object)

    @property
    def bounds(self) -> NDArray[np.float64]:
        """float64[n, 4]: west, south, east, north in degrees; NaN where a tile has no footprint."""
        return self._column("bounds")

    @property
    def corners(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """float64[m, 2] and int64[n]"""
        return self._column("corners"), self._column("corners_end")

    @property
    def windows(self) -> NDArray[np.int32]:
        """int32[n, 4]: column, row, width and height in the pixels of the source."""
        return self._column("window")

    def files(self) -> tuple[Array, list[str]]:
        """Of every row the number of its file, int[n], and the paths by these numbers."""
        return self._column("origin"), [self._path(origin) for origin in self._origins]

    def tile(self, row: int) -> Tile:
        """The tile of one row, 0 <= row < n."""
        if not 0 <= row < len(self):
            raise IndexError(row)
        ends = self._column("corners_end")
        corners = self._column("corners")[ends[row - 1] if row else 0 : ends[row]].tolist()
        code = int(self._column("origin")[row])
        origin_ends = self._column("origins_end")
        blob = self._column("origins")[origin_ends[code - 1] if code else 0 : origin_ends[code]]
        origin = msgspec.msgpack.decode(blob.tobytes(), type=_Origin)
        time: datetime | None = moment(int(self._column("time")[row]))
        return Tile(
            id=self.ids[row].decode("ascii"),
            source=self._path(origin),
            window=Window(*self._column("window")[row].tolist()),
            footprint=Footprint(tuple((x, y) for x, y in corners)) if corners else None,
            time=time,
            attributes=origin[2],
        )

    @cached_property
    def kept(self) -> Kept:
        """What stages derive from these tiles and want to find again."""
        return Kept(self._hot.folder)

    @cached_property
    def _origins(self) -> list[_Origin]:
        """Every file with its attributes: fewer than tiles where rasters were cut."""
        blobs = self._column("origins").tobytes()
        ends = self._column("origins_end").tolist()
        starts = [0, *ends[:-1]]
        decode = msgspec.msgpack.Decoder(_Origin).decode
        return [decode(blobs[start:end]) for start, end in zip(starts, ends, strict=True)]

    def _of_origins(self, values: list[Scalar | None], dtype: type) -> Array:
        table: Array = np.empty(len(values), dtype)
        table[:] = values
        return np.take(table, self._column("origin"))

    def _path(self, origin: _Origin) -> str:
        return os.path.join(self._roots[origin[0]], original(origin[1]))  # noqa: PTH118  every tile of a filter

    def _column(self, name: str) -> Array:
        try:
            return self._hot.column(name)
        except DamagedHotError:
            self._hot = self._repair()
            return self._hot.column(name)
