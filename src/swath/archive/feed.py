"""Decoding ahead: files are read by threads, and their tiles come out in the order of the scan."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from swath import imagery
from swath.archive.catalogue import Catalogue
from swath.archive.rows import Key, Row, microseconds
from swath.archive.runs import RUN, Runs
from swath.archive.runs import Source as Handle
from swath.errors import ImageryError
from swath.imagery import Place, Remote, SourceFile, Tiling
from swath.types import Window

_LISTED = 1024
"""Files that are listed before the first of them is read, at most."""
_POLL = 0.05
"""Seconds after which a thread that waits looks whether it is still wanted."""


class StoppedError(Exception):
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
    looks: tuple[int, ...] | None = None
    """Of the file, before its digest was taken: while it looks so, its tiles are those of the digest."""
    digest: str = ""
    """Known before the first piece."""
    windows: int = 1
    """Of the file; 1 until it was opened."""
    taken: int = 0
    """Pieces that whoever consumes the feed has used."""
    help: Callable[[], None] | None = None
    """Reads parts of the file with another handle, in any thread; there where several are faster."""


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """What came out next. At `end`, `Job.future` holds what went wrong with the file."""

    kind: Literal["known", "piece", "end"]
    job: Job
    piece: Piece | None = None


def ahead(files: Iterator[SourceFile]) -> Iterator[SourceFile | None]:
    """The same files, listed by a thread of their own: None where the next one is not known yet.

    Listing what lies on servers takes its time, and whoever encodes must not wait for it.
    """
    found: queue.Queue[SourceFile | BaseException | None] = queue.Queue(_LISTED)
    stop = threading.Event()

    def give(one: SourceFile | BaseException | None) -> bool:
        while not stop.is_set():
            try:
                found.put(one, timeout=_POLL)
                return True
            except queue.Full:
                continue
        return False

    def list_all() -> None:
        try:
            for file in files:
                if not give(file):
                    return
            give(None)
        except BaseException as error:  # noqa: BLE001  it is raised in the thread that asks
            give(error)

    lister = threading.Thread(target=list_all, name="swath-list", daemon=True)
    lister.start()
    try:
        while True:
            try:
                one = found.get(timeout=_POLL)
            except queue.Empty:
                yield None
                continue
            if isinstance(one, BaseException):
                raise one
            if one is None:
                return
            yield one
    finally:
        stop.set()


class Feed:
    """Context manager that reads files ahead of whoever asks for tiles.

    Each file is read by a thread, and the one whose tiles are next by all of them, if it is large. Memory is
    bounded whatever the size of the files: a file waits when `batch` of its tiles wait, and no further file
    is opened while four batches wait.
    """

    def __init__(
        self,
        files: Iterator[SourceFile | None],
        catalogue: Catalogue,
        place: Callable[[SourceFile], Key],
        *,
        tiling: Tiling,
        image_size: int,
        batch: int,
        threads: int,
    ) -> None:
        """`files` gives None where the next one is not known yet: it is asked again."""
        self._files = files
        self._catalogue = catalogue
        self._place = place
        self._tiling = tiling
        self._image_size = image_size
        self._batch = batch
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, "swath-decode")
        self._helpers = ThreadPoolExecutor(max(1, threads - 1), "swath-help")
        self._jobs: deque[Job] = deque()
        self._known: deque[Job] = deque()
        self._exhausted = False
        self._stop = threading.Event()
        self._times = threading.Lock()
        self.files = 0
        """Files that came out of the scan so far."""
        self.read_seconds = 0.0
        """What all threads took together to read files and to make tiles of them."""

    def __enter__(self) -> Feed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._helpers.shutdown(wait=True, cancel_futures=True)

    @property
    def ahead(self) -> tuple[int, int]:
        """Files that are being read, and how many of their windows did not come out yet."""
        return len(self._jobs), sum(max(0, job.windows - job.taken) for job in self._jobs)

    @property
    def exhausted(self) -> bool:
        """Whether every file came out of the scan."""
        return self._exhausted

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
        if job.help is not None:
            for _ in range(self._threads - 1):
                self._helpers.submit(job.help)
            job.help = None
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
            try:
                file = next(self._files)
            except StopIteration:
                self._exhausted = True
                return
            if file is None:
                return
            self.files += 1
            job = Job(file, self._place(file), queue.Queue(self._batch))
            # Whether what is remote is as it was is asked of its server, by the thread that reads it.
            digest = None if file.is_remote else self._catalogue.current(job.key, file.size, file.mtime_ns)
            if digest is not None:
                job.digest = digest
                self._known.append(job)
            else:
                job.future = self._pool.submit(self._read, job)
                self._jobs.append(job)

    def _read(self, job: Job) -> None:
        try:
            self._decode(job)
        except StoppedError:
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
        before = time.monotonic()
        job.looks = _looks(path)
        job.digest = imagery.digest(path)
        if self._catalogue.is_complete(job.digest):
            return
        with imagery.open_source(path, self._tiling) as source:
            windows = source.windows()
            job.windows = len(windows)
            ids = [imagery.tile_id(job.digest, window) for window in windows]
            there = self._catalogue.contains(ids)
            missing = {
                window: tile_id
                for window, tile_id, known in zip(windows, ids, there, strict=True)
                if not known
            }
            if not missing:
                return
            look, wanted = source.look, list(missing)
            self._took(before)

            def make(handle: Handle, part: Sequence[Window]) -> Iterator[Piece]:
                return self._pieces(job, missing, handle, part)

            def put(piece: Piece) -> None:
                self._put(job, piece)

            if self._threads == 1 or not source.is_divisible or len(wanted) <= RUN:
                for piece in make(source, wanted):
                    put(piece)
                return
            runs = Runs(wanted, make, put, self._threads)

            def help_reading() -> None:
                # Where it cannot be opened once more, the handle that is open reads on alone.
                if not runs.over:
                    with imagery.open_source(path, self._tiling, look) as handle:
                        runs.work(handle)

            job.help = help_reading
            runs.work(source)
            runs.wait()

    def _pieces(
        self, job: Job, ids: Mapping[Window, str], handle: Handle, windows: Sequence[Window]
    ) -> Iterator[Piece]:
        file, before = job.file, time.monotonic()
        for image in handle.read(windows):
            row = Row(
                id=ids[image.window],
                digest=job.digest,
                window=image.window,
                footprint=image.footprint,
                time=microseconds(file.time or image.time),
                attributes={**image.attributes, **file.attributes},
                thumbnail=imagery.thumbnail(image.pixels),
            )
            piece = Piece(row, imagery.fit(image.pixels, self._image_size))
            if _looks(file.path) != job.looks:
                raise ImageryError(
                    f"{imagery.shown(file.path)}: was changed while it was read; index it again when it is "
                    "complete"
                )
            self._took(before)
            yield piece
            before = time.monotonic()
        self._took(before)

    def _took(self, before: float) -> None:
        with self._times:
            self.read_seconds += time.monotonic() - before

    def _put(self, job: Job, piece: Piece) -> None:
        while not (self._stop.is_set() or job.unwanted.is_set()):
            try:
                job.pieces.put(piece, timeout=_POLL)
                return
            except queue.Full:
                continue
        raise StoppedError


def _looks(path: Place) -> tuple[int, ...] | None:
    """What tells that a file was written to or replaced; None of what is remote, and where nothing is."""
    if isinstance(path, Remote):
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
