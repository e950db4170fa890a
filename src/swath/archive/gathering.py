"""Adding imagery that others decode and encode: the same `add`, fed from what they leave.

The order of the tiles, what is known already, what changed, moved or cannot be read, and when to commit are
all decided here, by the code that adds on one machine; so the archive comes out the same, row for row. What
workers leave is the ledger of what is done: it stays until its tiles are committed, and the next run uses it.
"""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYetError
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import numpy as np

from swath import imagery
from swath.archive.builder import AddReport, Builder
from swath.archive.feed import Event, Feed, Job, Piece, StoppedError
from swath.archive.rows import Key
from swath.archive.units import SUFFIX, FinishedUnit, Part, Unit
from swath.archive.writer import Writer
from swath.errors import ArchiveError, ImageryError
from swath.imagery import Place, SourceFile
from swath.types import Array, Encoder

FOLDER = "cluster"
"""Of the units, in the archive."""

UNIT_BYTES = 64 << 20
UNIT_FILES = 512
UNITS_PER_WORKER = 4
"""A unit has no more bytes and files than that, and no larger share than leaves some for every worker."""
UNIT_WINDOWS = 4096
"""A scene with more of them is cut into ranges."""
_POLL = 0.1

Encode: TypeAlias = Callable[[Sequence[Unit]], AbstractContextManager[Mapping[Path, Future[None]]]]
"""Has units encoded while it is entered; tells by their paths when they are done."""


@dataclass(frozen=True, slots=True, eq=False)
class _EncodedPiece(Piece):
    signals: dict[str, Array]


class Gatherer(Builder):
    """One `add` of what workers encode. Not reusable."""

    def __init__(
        self, writer: Writer, encoder: Encoder, encode: Encode, workers: int, **options: Any
    ) -> None:
        """`encode` has so many workers; `options` are those of `Builder`."""
        super().__init__(writer, encoder, **options)
        self._encode_by, self._workers = encode, workers
        self._work = (writer.folder / FOLDER).absolute()
        self._parts: dict[Place, tuple[Part, ...]] = {}  # of every file that is not known
        self._units = _Units()
        self._left: Counter[Path] = Counter()  # parts of a unit that did not end yet
        self._ended: list[Path] = []  # units of which none is left
        self._before: list[Path] = []  # and those whose commit may still be on its way

    def run(self, sources: Sequence[Place], assets: Sequence[str] = ()) -> AddReport:
        """As on one machine."""
        files = list(imagery.scan(sources, on_skip=self._skip, assets=assets))
        self._work.mkdir(exist_ok=True)
        units = self._plan(files)
        with self._encode_by(units) as self._units.done:
            report = self.run_files(iter(files), files)
        self._units.close()
        shutil.rmtree(self._work)
        return report

    # What is encoded, in which units

    def _plan(self, files: Sequence[SourceFile]) -> list[Unit]:
        """Units of what is neither known nor in the ledger, in order."""
        mine = f"{self._settings()}-"
        where = _finished(self._work, mine)
        sizes = {
            source.size
            for digest in self._catalogue.digests
            if self._catalogue.is_complete(digest)
            for source in self._catalogue.sources(digest)
        }
        missing: list[Part] = []
        needed: list[Part] = []  # as often as their files are listed
        for file in files:
            key = self._roots.place(file)
            if file.path not in self._parts:
                if self._is_known(file, key) or (file.size in sizes and self._is_there(file.path)):
                    continue
                self._parts[file.path] = self._parts_of(file)
                missing += [part for part in self._parts[file.path] if part.name not in where]
            needed += self._parts[file.path]
        folder = self._writer.folder.absolute() / "encoder" / self._encoder.revision
        units = [
            Unit(
                self._work / f"{mine}{uuid4().hex}{SUFFIX}",
                tuple(parts),
                self._tiling,
                self._writer.pointer.geometry,
                folder,
            )
            for parts in _shares(missing, UNITS_PER_WORKER * self._workers)
        ]
        self._units.where = where | {part.name: unit.path for unit in units for part in unit.parts}
        self._left.update(self._units.where[part.name] for part in needed)
        return units

    def _settings(self) -> str:
        """What a unit of this archive depends on beside its files."""
        facts = (version("swath"), self._encoder.revision, self._tiling)
        return blake2b(repr(facts).encode(), digest_size=8).hexdigest()

    def _is_known(self, file: SourceFile, key: Key) -> bool:
        # As the feed will see it: of what is remote only its digest says whether it is as it was.
        return not file.is_remote and self._catalogue.current(key, file.size, file.mtime_ns) is not None

    def _is_there(self, path: Place) -> bool:
        """Whether the archive has the content of a file, which was moved or touched."""
        try:
            return self._catalogue.is_complete(imagery.digest(path))
        except ImageryError:
            return False  # whoever reads it says why

    def _parts_of(self, file: SourceFile) -> tuple[Part, ...]:
        if file.size < UNIT_BYTES:
            return (Part(file),)
        try:
            count = len(imagery.windows(file.path, self._tiling))
        except (ImageryError, OSError):
            return (Part(file),)  # whoever reads it says why
        if count <= UNIT_WINDOWS:
            return (Part(file),)
        starts = range(0, count, UNIT_WINDOWS)
        return tuple(Part(file, start, min(start + UNIT_WINDOWS, count)) for start in starts)

    # What differs from adding on one machine

    def _feed(self, files: Iterator[SourceFile | None]) -> Feed:
        return _UnitFeed(
            self._parts,
            self._units,
            files,
            self._catalogue,
            self._roots.place,
            tiling=self._tiling,
            image_size=self._encoder.image_size,
            batch=self._batch,
            threads=self._threads,
        )

    def _signals_of(self, pieces: Sequence[Piece]) -> dict[str, Array]:
        signals = [piece.signals for piece in pieces if isinstance(piece, _EncodedPiece)]
        return {name: np.stack([one[name] for one in signals]) for name in signals[0]}

    def _handle(self, event: Event) -> None:
        super()._handle(event)
        if event.piece is None:
            for part in self._parts.get(event.job.file.path, ()):
                unit = self._units.where[part.name]
                self._left[unit] -= 1
                if not self._left[unit]:
                    self._ended.append(unit)

    def _commit(self, committer: ThreadPoolExecutor) -> None:
        ended, self._ended = self._ended, []
        super()._commit(committer)  # and the one before has come to its end
        for path in self._before:
            self._units.remove(path)
        self._before = ended


class _Units:
    """What workers leave, opened when it is asked for."""

    def __init__(self) -> None:
        self.where: Mapping[str, Path] = {}
        """The unit of a part, by its name."""
        self.done: Mapping[Path, Future[None]] = {}
        """Those that are still being encoded, or were in this run."""
        self._opened: dict[Path, FinishedUnit] = {}
        self._lock = threading.Lock()

    def of(self, part: Part, stop: threading.Event) -> FinishedUnit:
        """Waits until a worker has left it. Raises what the worker raised, or `StoppedError`."""
        path = self.where[part.name]
        future = self.done.get(path)
        while future is not None:
            try:
                future.result(_POLL)
                break
            except NotYetError:
                if stop.is_set():
                    raise StoppedError from None
        with self._lock:
            if path not in self._opened:
                self._opened[path] = FinishedUnit(path)
            return self._opened[path]

    def remove(self, path: Path) -> None:
        """Its tiles are committed."""
        with self._lock:
            unit = self._opened.pop(path, None)
        if unit is not None:
            unit.close()
        path.unlink(missing_ok=True)

    def close(self) -> None:
        """Open no more."""
        for unit in self._opened.values():
            unit.close()


class _UnitFeed(Feed):
    """Tiles in the order of the scan, out of units."""

    def __init__(
        self, parts: Mapping[Place, tuple[Part, ...]], units: _Units, *args: Any, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._parts, self._units = parts, units

    def _decode(self, job: Job) -> None:
        parts = self._parts.get(job.file.path)
        if parts is None:  # its content was there before
            job.digest = imagery.digest(job.file.path)
            return
        for part in parts:
            unit = self._units.of(part, self._stop)
            found = unit.parts[part.name]
            if job.digest not in ("", found.digest):
                raise ImageryError(
                    f"{imagery.shown(job.file.path)}: it changed while it was read; index it again"
                )
            job.digest, job.windows = found.digest, found.windows
            if self._catalogue.is_complete(job.digest):
                return
            for tiles in unit.tiles(job.digest):
                there = self._catalogue.contains([row.id for row, _ in tiles])
                for (row, signals), known in zip(tiles, there.tolist(), strict=True):
                    if not known:
                        self._put(job, _EncodedPiece(row, _NOTHING, signals))
            if found.reason is not None:
                raise ImageryError(found.reason)


_NOTHING = np.zeros((0, 0, 3), np.uint8)


def _finished(work: Path, mine: str) -> dict[str, Path]:
    """The ledger: the unit of every part that is done, by its name. What is of no use is removed."""
    where: dict[str, Path] = {}
    for path in sorted(work.iterdir()):
        parts = None
        if path.name.startswith(mine) and path.suffix == SUFFIX:
            try:
                unit = FinishedUnit(path)
                parts = unit.parts
                unit.close()
            except ArchiveError:
                pass  # it is encoded again
        if parts is None:
            path.unlink()
        else:
            where |= dict.fromkeys(parts, path)
    return where


def _shares(parts: Sequence[Part], several: int) -> Iterator[list[Part]]:
    """Parts one after the other, in so many shares at least where there are enough; a range is a share."""
    most_bytes = min(UNIT_BYTES, sum(part.file.size for part in parts) // several)
    most_files = min(UNIT_FILES, -(-len(parts) // several))
    share: list[Part] = []
    size = 0
    for part in parts:
        full = len(share) == most_files or size + part.file.size > most_bytes
        if share and (full or part.stop is not None or share[-1].stop is not None):
            yield share
            share, size = [], 0
        share.append(part)
        size += part.file.size
    if share:
        yield share
