"""Adding imagery: scan -> known? -> read -> fit -> encode in batches -> commit, all overlapping.

Files are decoded by threads (`feed`), the calling thread encodes, and one more thread commits (`writer`),
so an encoder that is the slowest part never waits for the others.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from swath import imagery
from swath.archive.catalogue import Catalogue, Roots
from swath.archive.feed import Event, Feed, Job, Piece, ahead
from swath.archive.progress import Meter
from swath.archive.rows import Attributes, Geometry, Row, Rows, Source, original, quantise
from swath.archive.writer import Facts, Writer
from swath.errors import EncoderError, ImageryError, InputError
from swath.imagery import Place, Remote, SourceFile, Tiling
from swath.types import Array, Encoder, Progress, Scalar

FIRST_COMMIT = 1.5
COMMIT_EVERY = 4.0
"""Seconds after which the first and all later tiles are committed, with room to spare below 2 and 5."""

_TICK = 0.1


@dataclass(frozen=True, slots=True)
class AddReport:
    """What an `add` did."""

    files: int
    """Files that were looked at, skipped ones included."""
    tiles_added: int
    tiles_known: int
    """Tiles of those files that were there already."""
    tiles_removed: int
    """Tiles whose content no file has any more."""
    skipped: tuple[tuple[str, str], ...]
    """Path and reason of everything that could not be indexed."""
    seconds: float
    encode_seconds: float
    wait_seconds: float
    """Time for which the encoder waited for decoded tiles."""
    commits: int
    read_seconds: float = 0.0
    """What all threads took together to read files and to make tiles of them."""
    write_seconds: float = 0.0
    """What the commits took."""


class Builder:
    """One `add`. Not reusable."""

    def __init__(
        self,
        writer: Writer,
        encoder: Encoder,
        *,
        attributes: Mapping[str, Scalar] | None = None,
        batch: int = 32,
        progress: Progress | None = None,
        threads: int | None = None,
        commit_every: float = COMMIT_EVERY,
        most: int | None = None,
    ) -> None:
        """Raises `EncoderError` for another encoder, `InputError` for attributes that do not fit."""
        check_encoder(writer, encoder)
        if batch < 1 or (threads is not None and threads < 1):
            raise InputError(f"batch {batch}, threads {threads}: give 1 or more")
        state = writer.pointer
        self._writer = writer
        self._encoder = encoder
        self._tiling = msgspec.convert(state.tiling, Tiling)
        self._roots = Roots(state.roots)
        self._catalogue = Catalogue(writer.table.known(), state.partial)
        self._attributes = Attributes(dict(state.attributes))
        self._given = self._attributes.accept(attributes or {})
        self._batch = batch
        self._threads = threads or len(os.sched_getaffinity(0))
        self._commit_every = commit_every
        self._most = most
        self._first_commit = min(FIRST_COMMIT, commit_every)
        self._progress = progress

        self._pieces: list[Piece] = []  # decoded, not yet encoded
        self._rows: list[Row] = []  # encoded, not yet committed
        self._signals: list[dict[str, Array]] = []
        self._pending: Counter[str] = Counter()  # tiles of both, by digest
        self._due: float | None = None  # when a commit must begin
        self._per_tile: float | None = None  # seconds that the encoder takes
        self._claimed: set[str] = set()  # digests that a file of this run has given or gives
        self._failed: dict[str, str] = {}  # why, by digest
        self._committing: Future[None] | None = None

        self._skipped: list[tuple[str, str]] = []
        self._files = self._taken = self._known = self._commits = 0
        self._encode_seconds = self._wait_seconds = self._write_seconds = 0.0

    def run(self, sources: Sequence[Place], assets: Sequence[str] = ()) -> AddReport:
        """Add what is not there yet. An interruption loses what was not committed, and nothing else."""
        files = imagery.scan(sources, on_skip=self._skip, assets=assets)
        if any(isinstance(source, Remote) for source in sources):
            # To count is to ask the servers for everything twice.
            return self.run_files(ahead(files), None)
        return self.run_files(files, imagery.scan(sources, on_skip=_ignore, assets=assets))

    def run_files(
        self, files: Iterator[SourceFile | None], counted: Iterable[SourceFile] | None
    ) -> AddReport:
        """`run` on files that were found already; `counted` are the same again, for the progress."""
        start = time.monotonic()
        # Left in reverse order: decoding is stopped first, then a commit that has begun comes to its end.
        with ThreadPoolExecutor(1, "swath-commit") as committer, Meter(counted, self._progress) as meter:
            with self._feed(files) as feed:
                while not (feed.done or (self._most is not None and self._taken >= self._most)):
                    self._step(feed, committer)
                    opened, waiting = feed.ahead
                    meter.update(
                        self._known + self._taken,
                        files=self._files,
                        opened=opened,
                        ahead=waiting,
                        all_listed=feed.exhausted,
                    )
            self._commit(committer)
            self._await_commit()
            removed = self._finish()
            meter.end(self._known + self._taken)
        return AddReport(
            files=feed.files,
            tiles_added=self._taken,
            tiles_known=self._known,
            tiles_removed=removed,
            skipped=tuple(self._skipped),
            seconds=time.monotonic() - start,
            encode_seconds=self._encode_seconds,
            wait_seconds=self._wait_seconds,
            commits=self._commits,
            read_seconds=feed.read_seconds,
            write_seconds=self._write_seconds,
        )

    def _feed(self, files: Iterator[SourceFile | None]) -> Feed:
        return Feed(
            files,
            self._catalogue,
            self._roots.place,
            tiling=self._tiling,
            image_size=self._encoder.image_size,
            batch=self._batch,
            threads=self._threads,
        )

    def _step(self, feed: Feed, committer: ThreadPoolExecutor) -> None:
        before = time.monotonic()
        event = feed.next(self._patience(before))
        self._wait_seconds += time.monotonic() - before
        if event is not None:
            self._handle(event)
        if len(self._pieces) >= self._batch_size or self._is_due(len(self._pieces)):
            self._encode()
            # A batch more would be too late.
            if self._is_due(self._batch):
                self._commit(committer)

    # What comes out of the feed

    def _handle(self, event: Event) -> None:
        job = event.job
        if event.kind == "known":
            self._files += 1
            self._known += self._catalogue.tiles[job.digest]
            self._catalogue.detach_others(job.digest, job.key)
        elif event.piece is not None:
            self._take(job, event.piece)
        else:
            self._end(job)

    def _take(self, job: Job, piece: Piece) -> None:
        if job.unwanted.is_set():
            return
        if job.taken == 0 and (job.digest in self._claimed or job.digest in self._failed):
            job.unwanted.set()  # a file with the same content came first
            return
        try:
            attributes = self._attributes.accept({**piece.row.attributes, **self._given})
        except InputError as error:
            job.unwanted.set()
            self._failed[job.digest] = str(error)
            return
        self._claimed.add(job.digest)
        self._catalogue.partial.add(job.digest)
        self._catalogue.attach(job.digest, _source(job))
        self._pieces.append(replace(piece, row=replace(piece.row, attributes=attributes)))
        self._pending[job.digest] += 1
        self._taken += 1
        job.taken += 1
        if self._due is None:
            self._due = time.monotonic() + (self._commit_every if self._commits else self._first_commit)

    def _end(self, job: Job) -> None:
        self._files += 1
        assert job.future is not None
        reason = self._failed.get(job.digest)
        try:
            job.future.result()
        except (ImageryError, OSError) as error:
            reason = str(error)
        tiles = self._catalogue.tiles[job.digest] + self._pending[job.digest]
        if reason is not None:
            # Tiles that were read are good, and the rest is tried again by the next run.
            if job.digest:
                self._failed[job.digest] = reason
            kept = f" (after {tiles} of its tiles, which are kept)" if tiles else ""
            self._skip(job.file.path, reason + kept)
            return
        if tiles == 0:
            self._skip(job.file.path, "no window has enough valid pixels; lower the least valid share")
            return
        self._known += tiles - job.taken
        self._catalogue.attach(job.digest, _source(job))
        self._catalogue.detach_others(job.digest, job.key)
        self._catalogue.partial.discard(job.digest)
        self._forget_moved(job)

    def _forget_moved(self, job: Job) -> None:
        """Drop files of the same content that are gone, unless their whole root is: it may come back."""
        for source in self._catalogue.sources(job.digest):
            if source.key == job.key:
                continue
            before, now = self._roots.path(source.key), job.file.path
            if isinstance(before, Remote):
                # Addresses that are signed differ from day to day behind their question mark.
                is_gone = isinstance(now, Remote) and before.path == now.path
            else:
                is_gone = Path(original(self._roots.paths[source.root])).is_dir() and not before.exists()
            if is_gone:
                self._catalogue.detach(job.digest, source.key)

    def _skip(self, path: os.PathLike[str] | str, reason: str) -> None:
        self._skipped.append((imagery.shown(path), reason))

    # Rhythm

    @property
    def _batch_size(self) -> int:
        # Until the encoder's speed is known, a small batch, so that a slow one does not delay the first
        # commit.
        return self._batch if self._per_tile is not None else min(4, self._batch)

    def _is_due(self, tiles: int) -> bool:
        """Whether a commit would come too late if so many tiles were encoded before."""
        return self._due is not None and time.monotonic() + (self._per_tile or 0.0) * tiles >= self._due

    def _patience(self, now: float) -> float:
        if self._due is None:
            return _TICK
        return min(_TICK, max(0.0, self._due - now - (self._per_tile or 0.0) * len(self._pieces)))

    # Encoding and committing

    def _encode(self) -> None:
        if not self._pieces:
            return
        start = time.monotonic()
        self._signals.append(self._signals_of(self._pieces))
        seconds = time.monotonic() - start
        self._encode_seconds += seconds
        self._per_tile = seconds / len(self._pieces)
        self._rows += [piece.row for piece in self._pieces]
        self._pieces.clear()

    def _signals_of(self, pieces: Sequence[Piece]) -> dict[str, Array]:
        return encoded(
            self._encoder, np.stack([piece.pixels for piece in pieces]), self._writer.pointer.geometry
        )

    def _commit(self, committer: ThreadPoolExecutor) -> None:
        """Hand everything that was decoded to the thread that commits; one commit is under way at most."""
        self._encode()
        self._await_commit()
        self._due = None
        if not self._rows:
            return
        rows = Rows(
            self._rows,
            [self._catalogue.sources(row.digest) for row in self._rows],
            {name: np.concatenate([part[name] for part in self._signals]) for name in self._signals[0]},
        )
        self._catalogue.tiles.update(self._pending)
        self._pending.clear()
        self._rows, self._signals = [], []
        kinds = dict(self._attributes.kinds)
        self._committing = committer.submit(self._write, rows, kinds, self._facts())
        self._commits += 1

    def _write(self, rows: Rows, kinds: Mapping[str, str], facts: Facts) -> None:
        before = time.monotonic()
        self._writer.append(rows, kinds, facts)
        self._write_seconds += time.monotonic() - before

    def _await_commit(self) -> None:
        if self._committing is not None:
            self._committing.result()
            self._committing = None

    def _facts(self) -> Facts:
        return Facts(tuple(self._roots.paths), self._catalogue.files, tuple(sorted(self._catalogue.partial)))

    def _finish(self) -> int:
        changes = self._catalogue.changes()
        gone = [digest for digest, left in changes.items() if not left]
        self._catalogue.partial.difference_update(gone)
        self._writer.finish(changes, self._facts())
        return sum(self._catalogue.tiles[digest] for digest in gone)


def encoded(encoder: Encoder, pixels: NDArray[np.uint8], shapes: Geometry) -> dict[str, Array]:
    """Signals of uint8[n, S, S, 3] as an archive stores them. Raises `EncoderError` for what does not fit."""
    features, count = encoder.encode_images(pixels), len(pixels)
    got = [features.embedding.shape, None if features.tokens is None else features.tokens.shape]
    want = [(count, shapes.dense), None if shapes.tokens is None else (count, *shapes.tokens)]
    if got != want:
        raise EncoderError(f"encoder {encoder.name} gave arrays of shapes {got} instead of {want}")
    parts = [features.embedding] if features.tokens is None else [features.embedding, features.tokens]
    if not all(np.isfinite(part).all() for part in parts):
        raise EncoderError(
            f"encoder {encoder.name} gave values that are not finite: it is damaged; fetch it again"
        )
    signals: dict[str, Array] = {"dense": features.embedding.astype(np.float16)}
    if features.tokens is not None:
        signals["tokens"] = quantise(features.tokens)
    return signals


def check_encoder(writer: Writer, encoder: Encoder) -> None:
    """Raise `EncoderError` unless it is the encoder that made the archive."""
    made = writer.pointer.encoder
    if encoder.revision != made.revision:
        raise EncoderError(
            f"the archive {writer.folder} was made with encoder {made.name} (revision {made.revision[:12]}), "
            f"and {encoder.name} (revision {encoder.revision[:12]}) gives other vectors: "
            "use the encoder that is kept in the archive, or index into a new one"
        )


def _ignore(_path: os.PathLike[str] | str, _reason: str) -> None:
    """What cannot be looked at is listed by the scan that feeds the archive."""


def _source(job: Job) -> Source:
    if job.file.is_remote:
        # Whatever its server says of it is in the digest; it has no size or time beside that.
        return Source(job.key.root, job.key.path, 0, 0)
    return Source(job.key.root, job.key.path, job.file.size, job.file.mtime_ns)
