"""The nouns that all rooms share. No logic lives here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Scalar: TypeAlias = str | int | float | bool
Bounds: TypeAlias = tuple[float, float, float, float]
"""West, south, east, north in degrees (EPSG:4326). West > east: the box crosses the antimeridian."""


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of a source, in its own pixel grid; `column` and `row` name the upper left pixel."""

    column: int
    row: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Footprint:
    """Where a tile lies: (longitude, latitude) corners in degrees, EPSG:4326.

    The ring starts at the window's upper left corner, follows its edge (upper right, lower right, lower left)
    and is not closed by a repeated corner. Each edge goes the shorter way round the Earth, across the
    antimeridian where that is shorter; edges of 180 degrees of longitude or more (tiles of world maps) have
    points in between. A single corner is a point (a photograph's GPS position).
    """

    ring: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Tile:
    """One searchable piece of imagery: a picture, or a window of a raster."""

    id: str
    """32 hexadecimal digits: a hash of the file's content digest and the window."""
    source: str
    """Path of the file it was read from (the first, where identical files exist)."""
    window: Window
    footprint: Footprint | None = None
    time: datetime | None = None
    """When it was taken; timezone-aware, UTC."""
    attributes: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImageFeatures:
    """What an image tower gives for n images."""

    embedding: NDArray[np.float32]
    """float32[n, D], unit L2 rows."""
    tokens: NDArray[np.float32] | None = None
    """float32[n, 1 + G*G, d], unit L2 rows: the global row first, then a G x G grid in raster order."""


@dataclass(frozen=True, slots=True)
class TextFeatures:
    """What a text tower gives for n texts."""

    embedding: NDArray[np.float32]
    """float32[n, D], unit L2 rows; comparable with image embeddings by dot product."""
    guide: NDArray[np.float32] | None = None
    """float32[n, d], unit L2 rows: the sentence in the space of the image tokens."""
    words: NDArray[np.float32] | None = None
    """float32[n, L, w]: the vector of every word piece before pooling, zero where a text has ended."""
    word_mask: NDArray[np.bool_] | None = None
    """bool[n, L]: where `words` hold a word piece."""


class Encoder(Protocol):
    """Pixels and words to vectors in one space. Implementations live in `swath.encoders`."""

    @property
    def name(self) -> str:
        """The name it is listed by."""

    @property
    def revision(self) -> str:
        """Hexadecimal digest of all its files: two encoders with equal revisions give equal vectors."""

    @property
    def dim(self) -> int:
        """D, the width of the embedding."""

    @property
    def image_size(self) -> int:
        """S: images come in as uint8[n, S, S, 3]."""

    @property
    def folder(self) -> Path | None:
        """The folder that holds it whole, or None where there is no such folder."""

    def encode_images(self, batch: NDArray[np.uint8]) -> ImageFeatures:
        """Encode uint8[n, S, S, 3] RGB pixels, n >= 0."""

    def encode_texts(self, texts: Sequence[str]) -> TextFeatures:
        """Encode n >= 0 texts."""


@dataclass(frozen=True, slots=True, eq=False)
class Int8Rows:
    """Vectors x in a quarter of float32's bytes: x = scale * codes + rest, a row at a time.

    They are made by `swath.int8.quantise`. A search that reads them knows from `error` and `norm` how far it
    can be off.
    """

    codes: NDArray[np.int8]
    """int8[n, D], -127 to 127."""
    scale: NDArray[np.float32]
    """float32[n]"""
    error: NDArray[np.float32]
    """float32[n]: not below the length of the rest; infinite where the vector is not finite."""
    norm: NDArray[np.float32]
    """float32[n]: not below the length of scale * codes."""


class Gallery(Protocol):
    """What stages search in: rows with the same named signals, be it an archive or a set of texts."""

    def __len__(self) -> int:
        """Number of rows."""

    @property
    def ids(self) -> Array:
        """S32[n]: the tile ids (ASCII); ties are ordered by them."""

    @property
    def signals(self) -> frozenset[str]:
        """Names of the stored signals."""

    def signal(self, name: str) -> Array:
        """One stored signal; `dense` is float16[n, D]. Raises `KeyError` where it is not stored."""

    @property
    def compact(self) -> Int8Rows | None:
        """The rows of `dense` as int8, for a faster scan; None where there are none."""

    def attribute(self, name: str) -> Array:
        """One attribute of every row: float64[n] (NaN: missing), or object[n] of str, bool or None.

        `source`, `width`, `height` and `time` (float64 seconds since 1970, NaN: missing) are always there.
        Raises `KeyError` where no tile has the attribute.
        """

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names that `attribute` accepts."""

    @property
    def bounds(self) -> NDArray[np.float64]:
        """float64[n, 4]: west, south, east, north; NaN where a tile has no footprint."""

    @property
    def corners(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """float64[m, 2], longitude and latitude of the corners of one footprint after another, and int64[n]:
        where each tile's end. A tile without a footprint has none.
        """

    def tile(self, row: int) -> Tile:
        """The tile of one row."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a stage gives: rows of the gallery, best first."""

    rows: NDArray[np.int64]
    """int64[n]"""
    scores: NDArray[np.float32]
    """float32[n], descending; equal scores are ordered by tile id."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked: any mix of words, pictures and tiles of the archive, with filters.

    Every positive and negative carries a weight; see `swath.search.query` for how they are combined.
    """

    texts: tuple[str, ...] = ()
    images: tuple[NDArray[np.uint8], ...] = ()
    """RGB pixels, uint8[h, w, 3] each."""
    likes: tuple[str, ...] = ()
    """Tile ids, or prefixes of ids that name one tile."""
    unlikes: tuple[str, ...] = ()
    unlike_texts: tuple[str, ...] = ()
    where: str | None = None
    """A filter expression: `key (= | != | < | <= | > | >= | in) literal`, with and, or, not and brackets."""
    bbox: Bounds | None = None
    weights: tuple[float, ...] | None = None
    """How much each part counts beside its like: positive numbers for texts, images, likes, like_at, unlikes
    and unlike_texts, in this order. Wanted parts count 1 together and unwanted ones 1/2, whatever their
    number. None: all alike.
    """
    like_at: tuple[tuple[float, float], ...] = ()
    """Longitudes and latitudes: the tiles that lie there are wanted."""
    area: Mapping[str, Any] | None = None
    """A GeoJSON object with polygons: what has no point of its footprint in them is not found."""
    near: tuple[float, float, float] | None = None
    """Longitude, latitude and metres: what is farther from the point is not found."""


@dataclass(frozen=True, slots=True)
class StageTrace:
    """What one stage cost."""

    stage: str
    rows: int
    """Rows visited."""
    bytes_read: int
    milliseconds: float
    kernel: str
    note: str = ""
    """Why it was skipped, where it was."""


class Progress(Protocol):
    """How long work reports: called now and then with what is done, what is known in all, and a word."""

    def __call__(self, done: int, total: int | None, what: str) -> None:
        """`total` is None while it is not known."""
