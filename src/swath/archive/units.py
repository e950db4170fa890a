"""Files encoded elsewhere: what a worker leaves for the process that adds them to an archive.

A unit is one ZIP file: a member for every batch of tiles with their signals, and an index of the files they
are of. It is written under another name and renamed when it is whole, so a unit that is there is finished; a
ZIP file has checksums of its own.
"""

from __future__ import annotations

import os
import threading
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TypeAlias, TypeVar
from uuid import uuid4

import msgspec
import numpy as np
from numpy.typing import NDArray

from swath.archive.builder import encoded
from swath.archive.catalogue import Catalogue
from swath.archive.feed import Event, Feed, Job, Piece
from swath.archive.files import sync_file, sync_folder
from swath.archive.rows import Geometry, Key, Row, storable
from swath.errors import ArchiveError, ImageryError
from swath.imagery import SourceFile, Tiling
from swath.types import Array, Encoder

Encoded: TypeAlias = tuple[Row, dict[str, Array]]
"""A tile with its signals."""
_Kind = TypeVar("_Kind")

SUFFIX = ".unit"
_INDEX = "index"
_PATIENCE = 1.0
_BATCHES_HELD = 8


@dataclass(frozen=True, slots=True)
class Part:
    """A file, or a range of its windows."""

    file: SourceFile
    first: int = 0
    stop: int | None = None
    """None: to the last."""

    @property
    def name(self) -> str:
        """Says which file it is and how it looked: a file that changes has other parts."""
        return blake2b(repr(self).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Unit:
    """What a worker encodes at a time, and where it leaves it. Paths are the same for all workers."""

    path: Path
    parts: tuple[Part, ...]
    tiling: Tiling
    shapes: Geometry
    encoder: Path
    """Its folder."""


class Found(msgspec.Struct, frozen=True):
    """How the reading of a part went."""

    digest: str
    """Empty where the file could not be read."""
    windows: int
    """Of the whole file."""
    reason: str | None
    """Why it ended early."""


class _Index(msgspec.Struct, frozen=True):
    parts: dict[str, Found]
    batches: dict[str, list[int]]
    """In which members the tiles of a digest are."""


class _Values(msgspec.Struct, frozen=True):
    dtype: str
    shape: tuple[int, ...]
    data: bytes


class _Batch(msgspec.Struct, frozen=True):
    rows: list[Row]
    signals: dict[str, _Values]


def encode_unit(unit: Unit, encoder: Encoder, *, batch: int = 32, threads: int = 1) -> None:
    """Decode and encode the parts of a unit as an `add` does, and leave them at its path.

    A file that cannot be read is no error here: the unit says why. Raises `EncoderError` for an encoder that
    does not give what the archive stores, and `OSError` where the unit cannot be written.
    """
    temporary = unit.path.with_name(f".{unit.path.name}.{uuid4().hex}")
    try:
        with zipfile.ZipFile(temporary, "w") as target:
            _Encoding(unit, encoder, batch, target).run(threads)
        sync_file(temporary)
        temporary.replace(unit.path)
        sync_folder(unit.path.parent)
    finally:
        temporary.unlink(missing_ok=True)


class _Range(Catalogue):
    """Stands for an archive that has all windows of a file but those of a part."""

    def __init__(self, part: Part) -> None:
        super().__init__(())
        self._part = part

    def contains(self, ids: Sequence[str]) -> NDArray[np.bool_]:
        there = np.ones(len(ids), np.bool_)
        there[self._part.first : self._part.stop] = False
        return there


@dataclass(slots=True)
class _Encoding:
    unit: Unit
    encoder: Encoder
    batch: int
    target: zipfile.ZipFile
    pieces: list[Piece] = field(default_factory=list)
    claimed: dict[str, Job] = field(default_factory=dict)
    found: dict[str, Found] = field(default_factory=dict)
    batches: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    written: int = 0

    def run(self, threads: int) -> None:
        parts = self.unit.parts
        left = iter(parts)
        with Feed(
            (part.file for part in parts),
            _Range(parts[0]) if len(parts) == 1 else Catalogue(()),
            lambda file: Key(0, storable(os.fspath(file.path))),
            tiling=self.unit.tiling,
            image_size=self.encoder.image_size,
            batch=self.batch,
            threads=threads,
        ) as feed:
            while not feed.done:
                event = feed.next(_PATIENCE)
                if event is None:
                    continue
                if event.piece is not None:
                    self._take(event.job, event.piece)
                else:
                    self.found[next(left).name] = _ended(event)
        self._write()
        self.target.writestr(_INDEX, msgspec.msgpack.encode(_Index(self.found, dict(self.batches))))

    def _take(self, job: Job, piece: Piece) -> None:
        if self.claimed.setdefault(job.digest, job) is not job:
            job.unwanted.set()  # a file with the same content came first
            return
        self.pieces.append(piece)
        if len(self.pieces) == self.batch:
            self._write()

    def _write(self) -> None:
        if not self.pieces:
            return
        signals = encoded(self.encoder, np.stack([piece.pixels for piece in self.pieces]), self.unit.shapes)
        values = {
            name: _Values(signal.dtype.str, signal.shape, np.ascontiguousarray(signal).tobytes())
            for name, signal in signals.items()
        }
        rows = [piece.row for piece in self.pieces]
        self.target.writestr(str(self.written), msgspec.msgpack.encode(_Batch(rows, values)))
        for digest in dict.fromkeys(row.digest for row in rows):
            self.batches[digest].append(self.written)
        self.written += 1
        self.pieces.clear()


def _ended(event: Event) -> Found:
    assert event.job.future is not None
    reason = None
    try:
        event.job.future.result()
    except (ImageryError, OSError) as error:
        reason = str(error)
    return Found(event.job.digest, event.job.windows, reason)


class FinishedUnit:
    """A unit that a worker left. Threads may share it."""

    def __init__(self, path: Path) -> None:
        """Raises `ArchiveError` for a file that is none, or is damaged."""
        self.path = path
        self._lock = threading.Lock()
        self._held: dict[int, list[Encoded]] = {}
        try:
            self._file = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise self._damaged(error) from error

    def close(self) -> None:
        """Read no more of it."""
        self._file.close()

    @property
    def parts(self) -> dict[str, Found]:
        """By the names of the parts."""
        return self._index.parts

    def tiles(self, digest: str) -> Iterator[list[Encoded]]:
        """Tiles with this digest in raster order, each with its signals, some at a time."""
        for number in self._index.batches.get(digest, ()):
            yield [one for one in self._batch(number) if one[0].digest == digest]

    @cached_property
    def _index(self) -> _Index:
        return self._decoded(_INDEX, _Index)

    def _batch(self, number: int) -> list[Encoded]:
        with self._lock:
            if number not in self._held:
                batch = self._decoded(str(number), _Batch)
                signals = {
                    name: np.frombuffer(values.data, values.dtype).reshape(values.shape)
                    for name, values in batch.signals.items()
                }
                if len(self._held) == _BATCHES_HELD:
                    del self._held[next(iter(self._held))]
                self._held[number] = [
                    (row, {name: values[place] for name, values in signals.items()})
                    for place, row in enumerate(batch.rows)
                ]
            return self._held[number]

    def _decoded(self, member: str, kind: type[_Kind]) -> _Kind:
        try:
            return msgspec.msgpack.decode(self._file.read(member), type=kind)
        except (OSError, KeyError, zipfile.BadZipFile, msgspec.MsgspecError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> ArchiveError:
        return ArchiveError(
            f"{self.path}, which a worker left, is damaged ({error}): remove it, and run the command again"
        )
