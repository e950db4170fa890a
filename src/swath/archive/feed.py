"""Decoding ahead: files are read by threads, and their tiles come out in the order of the scan."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from swath import imagery
from swath.archive.catalogue import Catalogue
from swath.archive.rows import Key, Row, microseconds
from swath.imagery import SourceFile, Tiling

_POLL = 0.05
"""Seconds after which a thread that waits looks whether it is still wanted."""


class _StoppedError(Exception):
    """Nobody wants the tiles of this file any more."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A decoded tile: ready for the encoder, and for the table but for its signals."""

    row: Row
    pixels: NDArray[np.uint8]
    """uint8[S, S, 3]"""


@dataclass(slots=True, eq=False)
class Job:
    """One file that is being read."""

    file: SourceFile
    key: Key
    pieces: queue.Queue[Piece | None]
    """In raster order; None ends them."""
    future: Future[None] | None = None
    unwanted: threading.Event = field(default_factory=threading.Event)
    digest: str = ""
    """Known before the first piece."""
    windows: int = 1
    """Of the file; 1 until it was opened."""
    taken: int = 0
    """Pieces that whoever consumes the feed has used."""


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """What came out next. At `end`, `Job.future` holds what went wrong with the file."""

    kind: Literal["known", "piece", "end"]
    job: Job
    piece: Piece | None = None


class Feed:
    """Context manager that reads files ahead of whoever asks for tiles.

    Memory is bounded whatever the size of the files: a file waits when `batch` of its tiles wait, and no
    further file is opened while four batches wait.
    """

    def __init__(
        self,
        files: Iterator[SourceFile],
        catalogue: Catalogue,
        place: Callable[[SourceFile], Key],
        *,
        tiling: Tiling,
        image_size: int,
        batch: int,
        threads: int,
    ) -> None:
        self._files = files
        self._catalogue = catalogue
        self._place = place
        self._tiling = tiling
        self._image_size = image_size
        self._batch = batch
        self._pool = ThreadPoolExecutor(threads, "swath-decode")
        self._jobs: deque[Job] = deque()
        self._known: deque[Job] = deque()
        self._exhausted = False
        self._stop = threading.Event()
        self.files = 0
        """Files that came out of the scan so far."""

    def __enter__(self) -> Feed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    @property
    def ahead(self) -> tuple[int, int]:
        """Files that are being read, and how many of their windows did not come out yet."""
        return len(self._jobs), sum(max(0, job.windows - job.taken) for job in self._jobs)

    @property
    def done(self) -> bool:
        """Whether every event of every file came out."""
        return self._exhausted and not self._jobs and not self._known

    def next(self, timeout: float) -> Event | None:
        """What happened next; None where that is nothing for `timeout` seconds, or for ever (see `done`)."""
        deadline = time.monotonic() + timeout
        self._fill()
        if self._known:
            return Event("known", self._known.popleft())
        if not self._jobs:
            return None
        job = self._jobs[0]
        try:
            piece = job.pieces.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return None
        if piece is not None:
            return Event("piece", job, piece)
        self._jobs.popleft()
        return Event("end", job)

    def _fill(self) -> None:
        """Open files until enough tiles or files wait, or a known one can be reported."""
        while not (self._exhausted or self._known or len(self._jobs) >= 4 * self._batch):
            if sum(job.pieces.qsize() for job in self._jobs) >= 4 * self._batch:
                return
            file = next(self._files, None)
            if file is None:
                self._exhausted = True
                return
            self.files += 1
            job = Job(file, self._place(file), queue.Queue(self._batch))
            digest = self._catalogue.current(job.key, file.size, file.mtime_ns)
            if digest is not None:
                job.digest = digest
                self._known.append(job)
            else:
                job.future = self._pool.submit(self._read, job)
                self._jobs.append(job)

    def _read(self, job: Job) -> None:
        try:
            self._decode(job)
        except _StoppedError:
            return
        finally:
            # The end must get through to a consumer that is still there, or it would wait for ever.
            while not self._stop.is_set():
                try:
                    job.pieces.put(None, timeout=_POLL)
                    break
                except queue.Full:
                    continue

    def _decode(self, job: Job) -> None:
        path = job.file.path
        job.digest = imagery.digest(path)
        if self._catalogue.is_complete(job.digest):
            return
        windows = imagery.windows(path, self._tiling)
        job.windows = len(windows)
        ids = [imagery.tile_id(job.digest, window) for window in windows]
        there = self._catalogue.contains(ids)
        missing = {
            window: tile_id for window, tile_id, known in zip(windows, ids, there, strict=True) if not known
        }
        if not missing:
            return
        for image in imagery.read(path, list(missing), self._tiling):
            row = Row(
                id=missing[image.window],
                digest=job.digest,
                window=image.window,
                footprint=image.footprint,
                time=microseconds(image.time),
                attributes=image.attributes,
                thumbnail=imagery.thumbnail(image.pixels),
            )
            self._put(job, Piece(row, imagery.fit(image.pixels, self._image_size)))

    def _put(self, job: Job, piece: Piece) -> None:
        while not (self._stop.is_set() or job.unwanted.is_set()):
            try:
                job.pieces.put(piece, timeout=_POLL)
                return
            except queue.Full:
                continue
        raise _StoppedError
